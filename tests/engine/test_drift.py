"""Declarations that no longer hold: found by dates, lists and refusals, never by a paid image."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, provider

from routercore.engine.discovery import DriftKind, by_calendar, by_list
from routercore.engine.health import MOST_REFUSED, Vitals
from routercore.engine.setup import ProviderSetup
from routercore.provider import FixedSizes, ModelCard, Row, bearer, usd
from routercore.testing.transport import json_answer
from routercore.values.errors import RequestError, UnsupportedError
from routercore.values.faults import Fault, ProviderFailed
from routercore.values.sizes import Size

TODAY = date(2026, 11, 21)
SIZED = replace(CARD, sizes=FixedSizes(("1024x1024", "512x512")), max_n=10)
WRONG_SIZE = json_answer({"error": {"message": "no such size", "param": "size"}}, 400)
WRONG_N = json_answer({"error": {"message": "n must be 1", "param": "n"}}, 400)


async def test_a_contradicted_capability_is_avoided_next_time() -> None:
    """A 400 about a declared size moves on, and the next such request skips the target."""
    kit = Kit(provider("a", cards=(SIZED,)), "b", answers={"a": [WRONG_SIZE]})
    asked = {"size": Size(512, 512)}
    assert "b:poster" == (await kit.generate(**asked)).target
    assert "b:poster" == (await kit.generate(**asked)).target
    assert ["a", "b", "b"] == kit.asked


@pytest.mark.parametrize("own", [{"seed": 7}, {"negative_prompt": "no fog"}])
async def test_what_is_the_caller_s_own_is_not_remembered(own: dict[str, Any]) -> None:
    """A seed or negative prompt that is turned down travels, says nothing of the target's others,
    and is kept nowhere."""
    worded = replace(CARD, negative_prompt=True, seed=True)
    refusal = json_answer({"error": {"message": "no", "param": next(iter(own))}}, 400)
    kit = Kit(provider("a", cards=(worded,)), provider("b", cards=(worded,)),
              answers={"a": [refusal]})  # fmt: skip
    assert "b:poster" == (await kit.generate(**own)).target
    assert () == kit.engine.plan(asking(**own)).rejected
    assert "a:poster" == (await kit.generate(**own)).target


def test_what_is_remembered_of_a_target_is_bounded() -> None:
    """The oldest value goes when there are too many; one that comes again is the newest."""
    vitals = Vitals()
    for width in (1, *range(1, 2 * MOST_REFUSED), MOST_REFUSED):
        vitals.contradicted("size", f"{width}x64")
    assert MOST_REFUSED == len(vitals.refused) == len(set(vitals.refused))
    assert ("size", f"{MOST_REFUSED}x64") == vitals.refused[-1]


async def test_other_values_are_still_asked_for() -> None:
    """Only what was turned down is avoided."""
    kit = Kit(provider("a", cards=(SIZED,)), "b", answers={"a": [WRONG_SIZE]})
    await kit.generate(size=Size(512, 512))
    assert "a:poster" == (await kit.generate(size=Size(1024, 1024))).target


async def test_the_plan_and_an_event_tell_of_it() -> None:
    """The rejection names the parameter; observers hear ``capability.contradicted``."""
    kit = Kit(provider("a", cards=(SIZED,)), "b", answers={"a": [WRONG_N], "b": [made(3)]})
    await kit.generate(n=3)
    [rejected] = kit.engine.plan(asking(n=3)).rejected
    assert ("a:poster", "n") == (rejected.target, rejected.reasons[0].param)
    assert "capability.contradicted" in [event.name for event in kit.events]


async def test_no_event_has_what_is_not_wanted_in_the_picture(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of a negative prompt that is turned down it is told that it was, not how it read."""
    refusal = json_answer({"error": {"message": "no", "param": "negative_prompt"}}, 400)
    worded = replace(CARD, negative_prompt=True)
    kit = Kit(provider("a", cards=(worded,)), "b", answers={"a": [refusal]})
    await kit.generate(negative_prompt="nobody of my family")
    [event] = [one for one in kit.events if one.name == "capability.contradicted"]
    assert ("negative_prompt", None) == (event.fields["param"], event.fields["value"])
    assert "family" not in repr(kit.events) + caplog.text


async def test_with_nobody_else_the_caller_learns_why() -> None:
    """The first answer is the vendor's words, the second names the parameter."""
    kit = Kit(provider("a", cards=(SIZED,)), answers={"a": [WRONG_SIZE]})
    assert isinstance(await kit.error(size=Size(512, 512)), RequestError)
    error = await kit.error(size=Size(512, 512))
    assert isinstance(error, UnsupportedError)
    assert "size" == error.param


def test_dates_tell_what_is_or_will_be_gone() -> None:
    """Shut down, soon to be, and prices that nobody has read for half a year."""
    cards = [
        ModelCard(id="gone", shutdown=date(2026, 10, 23), successor="new"),
        ModelCard(id="going", shutdown=date(2026, 12, 1)),
        ModelCard(id="stale", prices=(usd("1"),), price_date=date(2026, 1, 1)),
        ModelCard(id="fine", shutdown=date(2028, 1, 1)),
    ]
    found = [(drift.model, drift.kind) for drift in by_calendar(cards, TODAY)]
    assert [
        ("gone", DriftKind.SHUT_DOWN),
        ("going", DriftKind.SHUTS_DOWN_SOON),
        ("stale", DriftKind.OLD_PRICE),
    ] == found


def test_lists_tell_what_is_missing_and_what_is_new() -> None:
    """Declared and not listed, listed and not declared, listed at another price."""
    declared = [ModelCard(id="a"), ModelCard(id="b", prices=(usd("1"),)), ModelCard(id="*")]
    listed = [ModelCard(id="b", prices=(usd("2"),)), ModelCard(id="c")]
    found = [(drift.model, drift.kind) for drift in by_list(declared, listed, TODAY)]
    assert [
        ("a", DriftKind.NOT_LISTED),
        ("b", DriftKind.OTHER_PRICE),
        ("c", DriftKind.NOT_DECLARED),
    ] == found


async def test_a_live_check_asks_for_the_list_and_nothing_else() -> None:
    """One GET, signed, and no picture is made."""
    row = Row(
        name="a",
        auth=bearer("A_KEY"),
        origins=("https://a.example",),
        cards=(CARD, ModelCard(id="*")),
    )
    listed = json_answer({"data": [{"id": "poster"}, {"id": "novel"}]})
    kit = Kit(ProviderSetup(name="a", provider=row, keys=("k",)), answers={"a": [listed]})
    drifts = await kit.clock.run(kit.engine.drift("a", live=True))
    assert [("novel", DriftKind.NOT_DECLARED)] == [(d.model, d.kind) for d in drifts]
    assert ["GET"] == [request.method for request in kit.transport.requests]
    assert "Bearer k" == kit.transport.requests[0].headers["authorization"]


class ListsText(Row):
    """A row whose list of models is one of their names."""

    __slots__ = ()

    def discovered(self, entry: Any) -> Any:
        return entry["id"]


async def test_a_list_of_something_else_is_the_plugins_fault() -> None:
    """What is discovered is held to be cards, and who broke the promise is told."""
    row = ListsText(
        name="a", auth=bearer("A_KEY"), origins=("https://a.example/v1",), cards=(CARD,)
    )
    listed = json_answer({"data": [{"id": "x"}]})
    kit = Kit(ProviderSetup(name="a", provider=row, keys=("k",)), answers={"a": [listed]})
    with pytest.raises(ProviderFailed, match="discovered str where cards belong") as caught:
        await kit.clock.run(kit.engine.drift("a", live=True))
    assert Fault.PLUGIN is caught.value.failure.fault


@pytest.mark.parametrize(
    "name", ["n", "model", "prompt", "num_images", "webhook_url", "fal-webhook", "api_key"]
)
async def test_callers_options_cannot_pass_by_the_check(name: str) -> None:
    """What has a place of its own, or would redirect a request, is refused by name."""
    kit = Kit("a")
    error = await kit.error(options={"a": {name: 1}})
    assert (f"options.a.{name}", []) == (error.param, kit.asked)
