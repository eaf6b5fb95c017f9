"""Names to targets: configured models, aliases, ``provider:model``, and the catalogue."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from routercore.engine.setup import Caller, ProviderSetup, Route, RouterSetup, TargetSetup
from routercore.routing.plan import Target
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.charging import as_charged
from routercore.values.errors import ModelNotFoundError

NO_OPTIONS: Mapping[str, Mapping[str, object]] = MappingProxyType({})
_OF_URLS = frozenset("?#%")
_NO_NAMES = frozenset({"", ".", "..", WILDCARD})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One public model, and everybody who serves it."""

    name: str
    targets: tuple[Target, ...]
    route: Route | None = None
    """Set where the configuration names the model."""
    aliases: tuple[str, ...] = ()


class Catalogue:
    """Everything that can be asked for by name."""

    def __init__(self, setup: RouterSetup) -> None:
        self._defaults, self._idle = setup.defaults, setup.idle
        self._providers = {provider.name: provider for provider in setup.providers}
        self._cards = {p.name: _cards(p) for p in setup.providers}
        self._routes = {route.name: route for route in setup.routes}
        self._aliases = {alias: route for route in setup.routes for alias in route.aliases}
        self._by_name = self._index()

    def find(self, model: str, *, name_idle: bool = False) -> tuple[Route, list[Target]]:
        """The route and targets of a model, fallback models behind with ``via`` set.

        Looked up as a configured model, an alias, ``provider:model``, a catalogue name, in that
        order.

        Args:
            model: its name.
            name_idle: say who is installed and would serve it, and what they lack; that is for
                the operator alone to know.

        Raises:
            ModelNotFoundError: nobody serves it; names the nearest that somebody does.
        """
        route = self._routes.get(model) or self._aliases.get(model)
        targets = self._own(model)
        if not targets:
            raise ModelNotFoundError(self._unknown(model, name_idle=name_idle))
        route = route or replace(self._defaults, name=model)
        for fallback in route.fallback_models:
            targets += [replace(target, via=fallback) for target in self._own(fallback)]
        return route, _distinct(targets)

    def _own(self, model: str) -> list[Target]:
        """The targets of a model itself, without its fallback models'."""
        route = self._routes.get(model) or self._aliases.get(model)
        return self._of_route(route) if route else self._of_name(model)

    def target(self, entry: TargetSetup) -> list[Target]:
        """What ``provider:model`` stands for; empty where nothing does."""
        provider, _, model = entry.name.partition(":")
        card = self._card(provider, model)
        if card is None:
            return []
        options = entry.options
        return [Target(provider=provider, card=card, weight=entry.weight, options=options)]

    def charged(
        self, target: Target, asked: Mapping[str, Mapping[str, object]] = NO_OPTIONS
    ) -> Target:
        """The target at the prices that hold with the options that it will be sent.

        ``asked`` are those of a request, beside what is configured.
        """
        options = self._providers[target.provider].options_for(target.options, asked)
        card = as_charged(target.card, options)
        return target if card is target.card else replace(target, card=card)

    def entries(self, caller: Caller, today: date) -> list[ModelEntry]:
        """What ``caller`` may use and somebody serves today, by public name, each once.

        Their targets have the prices that hold with the options of the configuration.
        """
        entries: dict[str, ModelEntry] = {}
        for route in self._routes.values():
            targets = tuple(map(self.charged, self._of_route(route)))
            entries[route.name] = ModelEntry(name=route.name, targets=targets, route=route,
                                             aliases=route.aliases)  # fmt: skip
        for name, served in self._canonical().items():
            if name not in entries:
                aliases = {alias for target in served for alias in target.card.names} - {name}
                entries[name] = ModelEntry(name=name, targets=tuple(map(self.charged, served)),
                                           aliases=tuple(sorted(aliases)))  # fmt: skip
        return [
            entry
            for entry in entries.values()
            if caller.may_use(entry.name)
            and any(not target.card.is_retired(today) for target in entry.targets)
        ]

    def entry(self, model: str, today: date) -> ModelEntry:
        """What any name stands for that a request may have, also one that no list has.

        Raises:
            ModelNotFoundError: nobody serves it, or not any more.
        """
        route, found = self.find(model)
        targets = tuple(self.charged(target) for target in found if target.via is None)
        if all(target.card.is_retired(today) for target in targets):
            gone = [f"{card.id!r} was shut down on {card.shutdown}{card.instead}"
                    for card in (target.card for target in targets)]  # fmt: skip
            raise ModelNotFoundError("; ".join(dict.fromkeys(gone)))
        return ModelEntry(name=model, targets=targets, route=route)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the enabled providers."""
        return tuple(self._providers)

    def cards(self, provider: str) -> list[ModelCard]:
        """The cards of one enabled provider."""
        return list(self._cards[provider].values())

    def serves(self, model: str) -> bool:
        """Whether somebody serves the model without a route to help."""
        return bool(self._of_name(model))

    def target_names(self) -> list[str]:
        """Every ``provider:model`` that is declared by name."""
        return [f"{p}:{id}" for p, cards in self._cards.items() for id in cards if id != WILDCARD]

    def names(self) -> list[str]:
        """Everything that can be asked for by a name that is written somewhere."""
        return [*self._routes, *self._aliases, *self._by_name, *self.target_names()]

    def nearest(self, name: str, others: Iterable[str] = ()) -> list[str]:
        """Names like ``name``, for messages; ``others`` are looked through as well."""
        known = dict.fromkeys((*self.names(), *others))
        return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)

    def _unknown(self, model: str, *, name_idle: bool) -> str:
        idle = self._idle if name_idle else ()
        able = [one for one in idle if one.serves(model)]
        others = () if able else [name for one in idle for name in one.target_names]
        near = self.nearest(model, others)
        if near and near[0] not in others:
            near = self.nearest(model)
        able = able or [one for one in idle if not {*near}.isdisjoint(one.target_names)]
        hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
        would = "; ".join(f"{one.name} would: {one.why}" for one in able)
        gap = (" " if near else "; ") if would else ""
        return f"no enabled provider serves the model {model!r}{hint}{gap}{would}"

    def _of_route(self, route: Route) -> list[Target]:
        entries = route.targets
        if not entries:
            return list(self._by_name.get(route.name, ()))
        return [target for entry in entries for target in self.target(entry)]

    def _of_name(self, model: str) -> list[Target]:
        provider, colon, _ = model.partition(":")
        if colon and provider in self._providers:
            return self.target(TargetSetup(name=model))
        return list(self._by_name.get(model, ()))

    def _card(self, provider: str, model: str) -> ModelCard | None:
        cards = self._cards.get(provider, {})
        if model in cards and model != WILDCARD:
            return cards[model]
        for card in cards.values():
            if model in card.names and card.id != WILDCARD:
                return card
        if WILDCARD in cards and _is_plain(model):
            return cards[WILDCARD].named(model)
        return None

    def _index(self) -> dict[str, list[Target]]:
        index: dict[str, list[Target]] = {}
        for target in self._all():
            for name in target.card.names:
                index.setdefault(name, []).append(target)
        return index

    def _canonical(self) -> Mapping[str, list[Target]]:
        index: dict[str, list[Target]] = {}
        for target in self._all():
            index.setdefault(target.card.name, []).append(target)
        return index

    def _all(self) -> Iterable[Target]:
        for provider, cards in self._cards.items():
            for card in cards.values():
                if card.id != WILDCARD and card.is_public:
                    yield Target(provider=provider, card=card)


def _is_plain(model: str) -> bool:
    """Whether an unlisted name names a model, and cannot say more where it becomes part of a URL:
    callers make it up, and a query or a path of theirs would lead elsewhere with our key."""
    steps = {*re.split(r"[/\\]", model)}
    return model.isprintable() and not _OF_URLS & {*model} and not _NO_NAMES & steps


def _cards(setup: ProviderSetup) -> dict[str, ModelCard]:
    declared = {card.id: card for card in setup.provider.catalogue()}
    return {**declared, **{card.id: card for card in setup.cards}}


def _distinct(targets: Sequence[Target]) -> list[Target]:
    """Each target once, in its first place."""
    distinct: dict[str, Target] = {}
    for target in targets:
        distinct.setdefault(target.name, target)
    return list(distinct.values())
