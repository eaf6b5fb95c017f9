"""Names find their targets: configured models, aliases, ``provider:model``, the catalogue."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from routercore.engine.keys import KeyPool
from routercore.engine.models import Catalogue
from routercore.engine.setup import (
    LOCAL_CALLER,
    Caller,
    IdleProvider,
    ProviderSetup,
    Route,
    RouterSetup,
    TargetSetup,
)
from routercore.router import Router
from routercore.testing.providers import ScriptedProvider
from routercore.values.catalogue import ModelCard
from routercore.values.errors import ModelNotFoundError

TODAY = date(2026, 6, 1)
CARDS = {
    "one": (ModelCard(id="flux-1", name="flux", aliases=("f1",)), ModelCard(id="poster")),
    "two": (ModelCard(id="bfl/flux-1:free", name="flux"), ModelCard(id="old", shutdown=TODAY)),
    "any": (ModelCard(id="*"),),
}


def catalogue(*routes: Route, **more: Any) -> Catalogue:
    providers = tuple(
        ProviderSetup(name=name, provider=ScriptedProvider(name=name, cards=cards), **more)
        for name, cards in CARDS.items()
    )
    return Catalogue(RouterSetup(providers=providers, routes=routes))


def found(known: Catalogue, model: str) -> list[tuple[str, str | None]]:
    return [(target.name, target.via) for target in known.find(model)[1]]


def route(name: str, *targets: str, **more: Any) -> Route:
    return Route(name=name, targets=tuple(TargetSetup(name=t) for t in targets), **more)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("flux", ["one:flux-1", "two:bfl/flux-1:free"]),
        ("f1", ["one:flux-1"]),
        ("bfl/flux-1:free", ["two:bfl/flux-1:free"]),
        ("one:flux-1", ["one:flux-1"]),
        ("one:flux", ["one:flux-1"]),
        ("one:f1", ["one:flux-1"]),
        ("two:bfl/flux-1:free", ["two:bfl/flux-1:free"]),
        ("any:whatever/it:is", ["any:whatever/it:is"]),
    ],
)
def test_names_without_a_route(model: str, expected: list[str]) -> None:
    """Public names find everybody who serves them; ``provider:model`` splits at the first colon."""
    assert expected == [name for name, _ in found(catalogue(), model)]


@pytest.mark.parametrize("model", ["nothing", "one:nothing", "any:", "*", "any:*", "none:flux"])
def test_names_that_nobody_serves(model: str) -> None:
    """An unknown name is an error; the card that stands for any model is not one itself."""
    with pytest.raises(ModelNotFoundError):
        catalogue().find(model)


def test_a_misspelt_name_is_helped() -> None:
    """The error names what was probably meant."""
    with pytest.raises(ModelNotFoundError, match="'poster'"):
        catalogue().find("postre")


def test_a_route_comes_before_the_catalogue() -> None:
    """A configured model of that name decides; its alias finds it, too."""
    known = catalogue(route("flux", "two:bfl/flux-1:free", aliases=("art",)))
    assert [("two:bfl/flux-1:free", None)] == found(known, "flux") == found(known, "art")


def test_a_route_without_targets_takes_the_catalogue() -> None:
    """A route may only lay down terms for a name of the catalogue."""
    known = catalogue(Route(name="flux", strategy="cost"))
    assert ["one:flux-1", "two:bfl/flux-1:free"] == [name for name, _ in found(known, "flux")]
    assert "cost" == known.find("flux")[0].strategy
    assert 2 == len(known.find("flux")[1])


def test_fallback_models_come_behind() -> None:
    """Targets of fallback models follow, marked; one that is there already is not repeated."""
    known = catalogue(
        route("art", "one:poster", fallback_models=("flux", "poster")),
    )
    assert [("one:poster", None), ("one:flux-1", "flux"), ("two:bfl/flux-1:free", "flux")] == found(
        known, "art"
    )
    assert found(known, "art") == found(known, "art")


def test_fallbacks_in_a_circle_end() -> None:
    """Two models that fall back to one another, or to themselves, are no endless loop."""
    known = catalogue(
        route("a", "one:poster", fallback_models=("b", "a")),
        route("b", "one:flux-1", fallback_models=("a",)),
    )
    assert [("one:poster", None), ("one:flux-1", "b")] == found(known, "a")
    assert [("one:flux-1", None), ("one:poster", "a")] == found(known, "b")


def test_a_fallback_that_is_gone_is_passed_over() -> None:
    """A fallback model that nobody serves any more does not take the model down with it."""
    known = catalogue(route("a", "one:poster", fallback_models=("gone",)))
    assert [("one:poster", None)] == found(known, "a")


def test_models_are_listed_once() -> None:
    """Each public name is one entry with all that serve it; retired and wildcard ones are left
    out from the day after the shutdown."""
    known = catalogue(route("art", "one:poster"))
    entries = {entry.name: entry for entry in known.entries(LOCAL_CALLER, TODAY)}
    assert ["art", "flux", "old", "poster"] == sorted(entries)
    assert ["one:flux-1", "two:bfl/flux-1:free"] == [t.name for t in entries["flux"].targets]
    assert ("bfl/flux-1:free", "f1", "flux-1") == entries["flux"].aliases
    later = known.entries(LOCAL_CALLER, date(2026, 6, 2))
    assert ["art", "flux", "poster"] == sorted(entry.name for entry in later)
    assert ["flux"] == [e.name for e in known.entries(Caller(name="x", models=("fl*",)), TODAY)]


def test_declared_cards_take_the_place_of_the_providers() -> None:
    """A card in the configuration replaces the provider's of that id, and may add others."""
    cards = (ModelCard(id="poster", max_n=9), ModelCard(id="new"))
    known = catalogue(cards=cards)
    assert [9, 9, 9] == [target.card.max_n for target in known.find("poster")[1]]
    assert 3 == len(known.find("new")[1])


# Keys


def test_a_parked_key_is_left_alone() -> None:
    """A parked key is not chosen before its time; parking never becomes shorter."""
    pool = KeyPool(("k1", "k2"))
    first = pool.choose(0.0)
    assert first is not None
    pool.park(first, 10.0, "quota")
    pool.park(first, 5.0, "rate_limited")
    assert {1 - first.index} == {key.index for _ in range(4) if (key := pool.choose(9.9))}
    assert {0, 1} == {key.index for _ in range(4) if (key := pool.choose(10.0))}


def test_when_all_keys_are_parked() -> None:
    """A provider is closed until its first key is free again, for that key's reason."""
    pool = KeyPool(("k1", "k2"))
    for wait, reason in ((30.0, "quota"), (20.0, "rate_limited")):
        key = pool.choose(0.0)
        assert key is not None
        pool.park(key, wait, reason)
    assert pool.choose(0.0) is None
    assert ((15.0, "rate_limited"), 20.0) == (pool.closed_for(5.0), pool.soonest().parked_until)


def test_a_busy_key_yields() -> None:
    """The key with fewer calls in flight is chosen; one that was tried is not."""
    pool = KeyPool(("k1", "k2"))
    first = pool.choose(0.0)
    assert first is not None
    first.in_flight = 1
    other = pool.choose(0.0)
    assert other is not None
    assert first.index != other.index
    assert first is pool.choose(0.0, besides=frozenset({other.index}))


def test_no_key_is_one_key() -> None:
    """A provider without keys has one that is nothing."""
    key = KeyPool(()).choose(0.0)
    assert key is not None
    assert key.secret is None


IDLE = IdleProvider(name="far", provider=ScriptedProvider(name="far", cards=CARDS["one"]),
                    variable="FAR_KEY")  # fmt: skip


@pytest.mark.parametrize(
    ("model", "rest"),
    [
        ("far:flux-1", "; far would: FAR_KEY is not set"),
        ("fra:flux-1", "; did you mean 'far:flux-1'? far would: FAR_KEY is not set"),
        ("f2", ""),
    ],
)
def test_who_would_serve_it(model: str, rest: str) -> None:
    """Where an installed provider would, or has a name like it, its lack is told."""
    known = Catalogue(RouterSetup(idle=(IDLE,)))
    with pytest.raises(ModelNotFoundError) as caught:
        known.find(model, name_idle=True)
    assert f"no enabled provider serves the model {model!r}{rest}" == str(caught.value)


def test_a_name_that_is_served_is_nearer_than_one_that_is_not() -> None:
    """Where what is enabled has the nearest name, nobody is sent to look for a key."""
    known = Catalogue(RouterSetup(providers=(ProviderSetup(name="two", provider=ScriptedProvider(
        name="two", cards=CARDS["two"])),), idle=(IDLE,)))  # fmt: skip
    with pytest.raises(ModelNotFoundError) as caught:
        known.find("two:odl", name_idle=True)
    assert str(caught.value).endswith("; did you mean 'two:old'?")


async def test_only_the_operator_is_told_who_is_idle() -> None:
    """A program hears what its own installation lacks; a caller with a key does not."""
    off = {"providers": {"test": {"enabled": False}}}
    async with Router.from_config(off, environ={}) as router:
        with pytest.raises(ModelNotFoundError) as own:
            await router.generate("fox", model="test:test/test")
        with pytest.raises(ModelNotFoundError) as other:
            await router.generate("fox", model="test:test/test", caller=Caller(name="a"))
    would = "; test would: enabled = false in the configuration"
    assert (True, False) == (str(own.value).endswith(would), "would" in str(other.value))
