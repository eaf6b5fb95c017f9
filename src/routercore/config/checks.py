"""What a configuration's names say of each other: circles, clashes, and names that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fnmatch import fnmatchcase

from routercore.config.problems import Place
from routercore.engine.models import Catalogue
from routercore.engine.setup import Route, RouterSetup
from routercore.provider.options import nearest
from routercore.values.catalogue import WILDCARD
from routercore.values.errors import ModelNotFoundError

Found = tuple[Place, str]


def circles(routes: Iterable[Route]) -> Iterator[Found]:
    """Fallback models that lead back to where they began, also by way of aliases."""
    names = {alias: route.name for route in routes for alias in route.aliases}
    onward = {r.name: [names.get(n, n) for n in r.fallback_models] for r in routes}
    for name in onward:
        seen: set[str] = set()
        ahead = list(onward[name])
        while ahead:
            step = ahead.pop()
            if step == name:
                yield ("models", name, "fallback_models"), f"they lead back to {name!r}"
                break
            if step not in seen:
                seen.add(step)
                ahead += onward.get(step, ())


def clashes(routes: Iterable[Route]) -> Iterator[Found]:
    """Aliases that another model has already."""
    taken: dict[str, str] = {route.name: route.name for route in routes}
    for route in routes:
        for alias in route.aliases:
            owner = taken.setdefault(alias, route.name)
            if owner != route.name or alias == route.name:
                place = ("models", route.name, "aliases")
                yield place, f"{alias!r} is a name of the model {owner!r}"


def defaults(setup: RouterSetup, catalogue: Catalogue) -> Iterator[Found]:
    """A default model that nobody serves."""
    model = setup.server.default_model
    configured = {name for route in setup.routes for name in (route.name, *route.aliases)}
    if model is None or model in configured:
        return  # The model's own table says what is wrong with it.
    try:
        catalogue.find(model, name_idle=True)
    except ModelNotFoundError as error:
        yield ("server", "default_model"), str(error)


def doubts(setup: RouterSetup, catalogue: Catalogue, now: datetime) -> Iterator[Found]:
    """What is no mistake and may be one: keys that have expired, and patterns of models that match
    none, for models may come later."""
    names = catalogue.names()
    for caller in (key.caller for key in setup.callers):
        if caller.expires and caller.expires <= now:
            yield ("keys", caller.name, "expires"), "the key has expired and lets nobody in"
        for index, pattern in enumerate(caller.models):
            if not (_matches(pattern, names) or _may_be_served(pattern, catalogue)):
                place: Place = ("keys", caller.name, "models", index)
                yield place, f"no model is named {pattern!r}{nearest(pattern, names)}"


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _may_be_served(pattern: str, catalogue: Catalogue) -> bool:
    """Whether it is for models of a provider that serves more than it declares."""
    provider, colon, _ = pattern.partition(":")
    is_known = colon and provider in catalogue.providers
    return bool(is_known) and any(card.id == WILDCARD for card in catalogue.cards(provider))
