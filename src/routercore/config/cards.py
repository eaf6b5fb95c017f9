"""The model cards that a configuration declares for a provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from routercore.config.problems import Place, Problems
from routercore.provider.cards import read_card
from routercore.provider.row import Row
from routercore.provider.spec import Provider
from routercore.values.catalogue import ModelCard


def configured_cards(
    declared: Sequence[Mapping[str, Any]], provider: Provider, place: Place, problems: Problems
) -> Iterator[ModelCard]:
    """The cards at ``place`` that are right; every mistake in the others is noted."""
    for index, one in enumerate(declared):
        at: Place = (*place, index)
        card = read_card(one)
        if isinstance(card, ModelCard):
            for mistake in _unfit(card, provider):
                problems.add(at, mistake)
            yield card
        else:
            for path, mistake in card:
                problems.add((*at, *path), mistake)


def _unfit(card: ModelCard, provider: Provider) -> Iterator[str]:
    """What a card promises that the provider cannot do."""
    if not isinstance(provider, Row):
        if card.by_chat:
            yield f"{provider.name!r} does not speak chat completions"
        return
    for setting in provider.unsent(card):
        yield f"{provider.name!r} has no field to send {setting} in"
