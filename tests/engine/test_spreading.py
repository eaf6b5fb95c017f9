"""The images of one request spread over targets, which are asked side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.engine.kit import CARD, Kit, asking, made, provider, status

from routercore.engine.setup import Limits, ProviderSetup, Route, TargetSetup
from routercore.provider.flow import call, fail, refused, wait
from routercore.provider.http import post_json
from routercore.routing.plan import UnknownPrice
from routercore.routing.policy import OnRefusal
from routercore.testing.providers import PNG
from routercore.testing.transport import Hanging
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import Generated, ImageResult, RawImage, Task
from routercore.values.ledger import Budget, Kind

TWO = replace(CARD, max_n=2)


def spread(*names: ProviderSetup | str, **more: Any) -> Kit:
    """A model that is spread over targets of which a call makes two images."""
    route = {"spread": True, **more.pop("route", {})}
    made_up = [provider(one, cards=(TWO,)) if isinstance(one, str) else one for one in names]
    return Kit(*made_up, route=route, **more)


def makers(result: ImageResult) -> Counter[str]:
    """How many images each target made."""
    return Counter(image.target.partition(":")[0] for image in result.images)


def test_setting_is_off() -> None:
    """Nothing is spread unless the configuration says so."""
    plan = Kit("a", "b").engine.plan(asking(n=8))
    assert (8, 0) == plan.shares


async def test_images_are_divided_over_targets() -> None:
    """Eight images over two targets are four of each, in calls as large as each allows."""
    kit = spread("a", "b")
    result = await kit.generate(n=8)
    assert {"a": 2, "b": 2} == Counter(kit.asked)
    assert {"a": 4, "b": 4} == makers(result)
    assert (2, Decimal("0.32"), ()) == (len(result.attempts), result.cost.usd, result.missing)
    assert [1, 2] == [attempt.number for attempt in result.attempts]


async def test_an_uneven_number() -> None:
    """What cannot be divided evenly goes to the targets that come first; who is last may have
    nothing to do."""
    assert {"a": 2, "b": 1} == makers(await spread("a", "b").generate(n=3))
    assert {"a": 1, "b": 1} == makers(await spread("a", "b", "c").generate(n=2))


async def test_all_are_asked_at_one_time() -> None:
    """No target waits for another: all calls are under way before any has an answer."""
    kit = spread("a", "b", answers={"a": [Hanging()] * 2, "b": [Hanging()] * 2})
    task = asyncio.create_task(kit.engine.generate(asking(n=8)))
    while kit.transport.open_exchanges < 4:
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (0, True) == (kit.transport.open_exchanges, task.cancelled())
    pages = await kit.ledger.log()
    assert [Kind.SUSPECT] * 4 == [one.last.kind for page in pages for one in page.attempts]


async def test_a_share_falls_over_by_itself() -> None:
    """The share of a target that fails goes to the others; what the others make is kept."""
    kit = spread("a", "b", answers={"b": [status(401), status(401)]})
    result = await kit.generate(n=8)
    assert {"a": 4, "b": 2} == Counter(kit.asked)
    assert ({"a": 8}, Decimal("0.32"), ()) == (makers(result), result.cost.usd, result.missing)
    failed = [one for one in result.attempts if one.failure]
    assert [("b:poster", "next")] == [(one.target, one.move) for one in failed]


async def test_the_first_falls_over_to_those_behind() -> None:
    """The share of the first target goes to the second, which has one of its own."""
    kit = spread("a", "b", answers={"a": [status(401), status(401)]})
    assert {"b": 8} == makers(await kit.generate(n=8))


async def test_what_cannot_be_had_of_one_share() -> None:
    """A share that comes to nothing leaves the others; each missing image says why."""
    kit = spread("a", "b", answers={"b": [status(400), status(400)]})
    result = await kit.generate(n=8)
    assert ({"a": 4}, [Fault.INVALID_REQUEST] * 4) == (
        makers(result), [failure.fault for failure in result.missing],
    )  # fmt: skip
    assert Decimal("0.16") == result.cost.usd


async def test_no_share_comes_to_anything() -> None:
    """Where nothing can be had at all, the error is that of the share that was held back most, and
    has every attempt."""
    kit = spread("a", "b", answers={"a": [status(400)] * 2, "b": [status(503)] * 9})
    kit.answers["a"].extend([status(503)] * 9)
    error = await kit.error(n=4)
    assert (400, {"a:poster", "b:poster"}) == (error.status, {one.target for one in error.attempts})


async def test_every_share_has_its_attempts() -> None:
    """``max_attempts`` holds for each share: one that fails leaves the other its own."""
    down = {name: [status(503)] * 9 for name in "abcd"}
    kit = spread("a", "b", "c", "d", answers=down, max_attempts=2)
    error = await kit.error(n=2)
    assert ["a", "a", "b", "b"] == sorted(kit.asked)
    assert 4 == len(error.attempts)


def seeds(kit: Kit) -> list[int]:
    """The seeds that were asked for, by every image of every call that succeeded."""
    asked = [request.json for request in kit.transport.requests]
    return [one["seed"] + number for one in asked for number in range(one["n"])]


def seeded(name: str, **faults: Any) -> ProviderSetup:
    def flow(task: Task) -> Any:
        body = {"n": task.n, "seed": task.seed}
        reply = yield from call(post_json(task.url("/images"), body))
        return Generated(images=(RawImage(data=PNG),) * reply.json()["images"])

    return provider(name, cards=(replace(TWO, seed=True),), flow=flow, **faults)


async def test_no_seed_is_asked_for_twice() -> None:
    """Images of one seed differ over targets too: each is asked for by a seed of its own."""
    kit = spread(seeded("a"), seeded("b"))
    await kit.generate(n=8, seed=100)
    assert list(range(100, 108)) == sorted(seeds(kit))


async def test_a_seed_that_fell_over_is_the_same() -> None:
    """What one target could not make, another is asked for with the very seeds."""
    kit = spread(seeded("a"), seeded("b"), answers={"b": [status(401), status(401)]})
    await kit.generate(n=8, seed=100)
    assert {seed: 1 + (seed >= 104) for seed in range(100, 108)} == Counter(seeds(kit))


async def test_a_seed_that_was_met_is_not_repeated() -> None:
    """Where a later call of an attempt succeeded and an earlier one failed, the next target makes
    the seeds of the one that failed."""
    kit = Kit(seeded("a"), seeded("b"), answers={"a": [status(401), made(2)]})
    result = await kit.generate(n=4, seed=100)
    assert [100, 102, 100] == [request.json["seed"] for request in kit.transport.requests]
    assert ["b", "b", "a", "a"] == [image.target.partition(":")[0] for image in result.images]


async def test_the_exposure_of_all_shares_together() -> None:
    """What shares may lose at the same time counts together: neither goes on into the same room."""
    lost = {name: [status(502)] * 9 for name in "abc"}
    kit = spread("a", "b", "c", answers=lost, route={"max_exposure": Decimal("0.20")})
    error = await kit.error(n=6)
    assert [0.08] * 3 == [float(one.exposed_usd or 0) for one in error.attempts]
    lost = {name: [status(502)] * 9 for name in "abc"}
    kit = spread("a", "b", "c", answers=lost, route={"max_exposure": Decimal("0.32")})
    error = await kit.error(n=6)
    assert Decimal("0.32") >= sum(one.exposed_usd or Decimal(0) for one in error.attempts)
    assert 4 == len(error.attempts)


async def test_a_refused_prompt_stays() -> None:
    """Once one target has refused the prompt, no share of it travels on."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        raise refused("no herons")

    kit = spread(provider("a", cards=(TWO,), flow=flow), "b", "c", "d",
                 answers={"b": [status(503, retry_after="5")] * 2})  # fmt: skip
    error = await kit.error(n=2)
    assert ["a", "b"] == kit.asked
    assert ("moderation_blocked", 2) == (error.code, len(error.attempts))


BUSY = fail(Fault.OVERLOADED, "busy", retry_after=5.0)


def _scripted(name: str, *ends: tuple[float, ProviderFailed | None]) -> ProviderSetup:
    """A provider whose calls end, one after the other, so many seconds later, as is said."""
    script = iter(ends)

    def flow(task: Task) -> Any:
        seconds, failed = next(script)
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        yield from wait(seconds)
        if failed is not None:
            raise failed
        return Generated(images=(RawImage(data=PNG),) * task.n)

    return provider(name, cards=(TWO,), flow=flow)


async def test_a_refusal_that_may_travel_stops_no_other_share() -> None:
    """Where refusals travel, a share that has no attempt left leaves the others theirs."""
    kit = spread(
        _scripted("a", (0, refused("no herons")), (0, None)),
        _scripted("b", (9, BUSY), (0, refused("no herons"))),
        max_attempts=2, route={"on_refusal": OnRefusal.FALLBACK},
    )  # fmt: skip
    result = await kit.generate(n=2)
    assert (["a", "b", "b", "a"], {"a": 1}) == (kit.asked, makers(result))


async def test_a_refusal_during_a_back_off() -> None:
    """A share that waits to ask again does not, once another was refused meanwhile."""
    kit = spread(_scripted("a", (2, refused("no herons")), (0, BUSY), (0, None)),
                 _scripted("b", (0, BUSY)))  # fmt: skip
    error = await kit.error(n=2)
    assert (["a", "b", "a"], "moderation_blocked") == (kit.asked, error.code)
    stays = "another part of the request was refused, and it stays here"
    assert stays == error.attempts[-1].decision


async def test_a_budget_that_is_used_up() -> None:
    """A target whose budget has no room for its share leaves it to the others."""
    poor = provider("a", cards=(TWO,), budget=Budget(100_000))
    result = await spread(poor, "b").generate(n=8)
    assert ({"a": 2, "b": 6}, Decimal("0.32")) == (makers(result), result.cost.usd)


async def test_limits_of_each_provider() -> None:
    """A provider's limits hold for its share; the others do not wait for it."""
    slow = provider("a", cards=(TWO,), limits=Limits(concurrency=1))
    result = await spread(slow, "b").generate(n=8)
    assert {"a": 4, "b": 4} == makers(result)


async def test_a_line_in_the_ledger_for_every_call() -> None:
    """Every call is written down at its provider, and all of them come to the cost."""
    kit = spread("a", "b")
    result = await kit.generate(n=8)
    (page,) = await kit.ledger.log()
    assert {"a": 2, "b": 2} == Counter(one.hold.provider for one in page.attempts)
    assert (320_000, Decimal("0.32")) == (page.balance.posted, result.cost.usd)


async def test_a_target_that_rests_has_no_share() -> None:
    """A target whose keys are parked is asked for nothing, until others have failed."""
    kit = spread("a", "b", "c", answers={"b": [status(401)]})
    await kit.generate(n=3)
    assert (2, 2, 0) == kit.engine.plan(asking(n=4)).shares
    assert ["a:poster", "c:poster", "b:poster"] == [
        one.name for one in kit.engine.plan(asking(n=4)).candidates
    ]


def test_a_fallback_model_has_no_share() -> None:
    """A fallback model is asked when every target of the model has failed, as ever."""
    other = replace(TWO, id="other")
    routes = (
        Route(name="art", targets=(TargetSetup(name="a:poster"),), spread=True,
              fallback_models=("plain",)),
        Route(name="plain", targets=(TargetSetup(name="b:other"),)),
    )  # fmt: skip
    kit = Kit(provider("a", cards=(TWO,)), provider("b", cards=(other,)), routes=routes)
    assert (4, 0) == kit.engine.plan(asking(n=4)).shares


def test_an_unknown_price_that_comes_last() -> None:
    """``unknown_price = last`` keeps a target from a share beside others; alone they share."""
    dark = [provider(name, cards=(replace(TWO, prices=()),)) for name in ("x", "y")]
    route = {"unknown_price": UnknownPrice.LAST}
    assert (2, 2, 0) == spread("a", "b", dark[0], route=route).engine.plan(asking(n=4)).shares
    assert (2, 2) == spread(*dark, route=route).engine.plan(asking(n=4)).shares


def test_shares_that_would_cost_too_much() -> None:
    """Inputs are paid for with every call: where shares would exceed ``max_price`` though one
    target alone does not, it does it alone."""
    many = replace(CARD, max_n=8, prices=(*CARD.prices, *_with_a_prompt()))
    both = [provider(name, cards=(many,)) for name in "ab"]
    one = Kit(*both).engine.plan(asking(n=4)).candidates[0].estimate.high
    assert one is not None
    assert (4, 0) == spread(*both, route={"max_price": one}).engine.plan(asking(n=4)).shares
    assert (2, 2) == spread(*both, route={"max_price": 2 * one}).engine.plan(asking(n=4)).shares


def _with_a_prompt() -> Any:
    from routercore.values.money import Per, usd

    return (usd("1000", per=Per.TEXT_IN),)


def test_the_plan_and_the_estimate_tell_of_it() -> None:
    """Both say who is asked for how many; the price is that of all shares, and the most is what
    all of them may lose."""
    dear = replace(TWO, prices=(replace(TWO.prices[0], usd=Decimal("0.10")),))
    kit = spread("a", provider("b", cards=(dear,)))
    assert "side by side: 2 of a:poster, 2 of b:poster" in str(kit.engine.plan(asking(n=4)))
    found = kit.engine.estimate(asking(n=4))
    assert "side by side: 2 of a:poster, 2 of b:poster" in str(found)
    assert (Decimal("0.28"), Decimal("0.56")) == (found.first.high, found.at_most)


async def test_the_most_that_several_calls_may_come_to() -> None:
    """What one call of a share brought comes on top of what the others may lose."""
    route = {"spread": False, "max_exposure": Decimal("0.16")}
    lost = {"a": [made(2), status(502)], "b": [status(502)]}
    kit = spread("a", "b", route=route, answers=lost)
    at_most = kit.engine.estimate(asking(n=4)).at_most
    result = await kit.generate(n=4)
    (page,) = await kit.ledger.log()
    spent = sum(one.last.micros or one.hold.micros or 0 for one in page.attempts)
    assert (240_000, 2) == (spent, len(result.images))
    assert at_most is not None
    assert Decimal("0.24") <= at_most


async def test_shares_of_which_one_was_cut_are_all_told() -> None:
    """A target that brings less than its share says so for the images that it left out alone."""
    kit = spread("a", "b", answers={"b": [made(1)]})
    result = await kit.generate(n=4)
    short = Failure(fault=Fault.NO_IMAGE, message="its call brought 1 of 2 images")
    assert ({"a": 2, "b": 1}, (short,)) == (makers(result), result.missing)
