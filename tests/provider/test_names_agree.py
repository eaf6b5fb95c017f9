"""The names of models, over every provider that is installed."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import entry_points

from routercore.provider import ModelCard


def cards() -> list[tuple[str, ModelCard]]:
    modules = [entry.load() for entry in entry_points(group="routercore")]
    providers = [one for module in modules for one in module.routercore_providers()]
    return [(provider.name, card) for provider in providers for card in provider.catalogue()]


def test_a_name_stands_for_one_model() -> None:
    """An id or alias at one provider is never the name of something else at another."""
    meant: dict[str, set[str]] = defaultdict(set)
    for _, card in cards():
        for name in card.names:
            meant[name].add(card.name)
    assert {} == {name: models for name, models in meant.items() if len(models) > 1}


def test_a_provider_has_a_model_once() -> None:
    """No provider declares one id, or one public name, twice."""
    ids = [(provider, card.id) for provider, card in cards()]
    names = [(provider, card.name) for provider, card in cards()]
    assert sorted(set(ids)) == sorted(ids)
    assert sorted(set(names)) == sorted(names)


def test_a_price_has_its_source_and_date() -> None:
    """Whoever charges says where the price is from, and from when; what is free needs neither."""
    priced = [(provider, card) for provider, card in cards() if any(p.usd for p in card.prices)]
    bare = [
        f"{provider}:{card.id}"
        for provider, card in priced
        if not card.price_source or not card.price_date
    ]
    assert [] == bare
