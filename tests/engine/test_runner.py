"""A request runs over its plan: what is tried next, what is kept, and what is told in the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, priced, provider, status

from routercore.engine.setup import Limits, TargetSetup
from routercore.engine.transport.base import Phase
from routercore.provider.flow import call, fail, partial, refused, run
from routercore.provider.http import post_json
from routercore.routing.policy import OnRefusal, OnUnknown
from routercore.testing.providers import PNG, one_call
from routercore.testing.transport import Hanging, lost
from routercore.values.errors import AttemptsFailedError, RefusedError, RequestError
from routercore.values.faults import Charge, Failure, Fault
from routercore.values.images import Generated, RawImage, Task
from routercore.values.money import Basis, usd

REFUSAL = Failure(fault=Fault.REFUSED, message="not this", categories=("violence",))


# In order


async def test_the_first_target_serves() -> None:
    """Where the first succeeds, nobody else is asked."""
    kit = Kit("a", "b")
    result = await kit.generate()
    assert (["a"], "a:poster", 1) == (kit.asked, result.target, len(result.images))
    assert (Decimal("0.04"), Basis.TABLE) == (result.cost.usd, result.cost.basis)
    assert [True] == [attempt.failure is None for attempt in result.attempts]


async def test_the_next_target_serves_when_the_first_fails() -> None:
    """A failure that is the target's own moves on, and the trace has both."""
    kit = Kit("a", "b", answers={"a": [status(401)]})
    result = await kit.generate()
    assert ["a", "b"] == kit.asked
    first, second = result.attempts
    assert (Fault.UNAUTHENTICATED, None) == (first.failure and first.failure.fault, second.failure)
    assert "the next target may work" in first.decision
    assert ["attempt.started", "attempt.failed", "attempt.started", "attempt.succeeded"] == [
        event.name for event in kit.events if event.name.startswith("attempt")
    ]


async def test_what_never_left_is_sent_once_more() -> None:
    """A request that did not leave is repeated at the same target, once."""
    broken = [lost(Phase.NOT_SENT)] * 2
    kit = Kit("a", "b", answers={"a": broken})
    assert "b:poster" == (await kit.generate()).target
    assert ["a", "a", "b"] == kit.asked


async def test_attempts_are_bounded() -> None:
    """No more attempts are made than configured, over all targets."""
    kit = Kit("a", "b", "c", answers={x: [status(401)] for x in "abc"}, max_attempts=2)
    error = await kit.error()
    assert (["a", "b"], 2) == (kit.asked, len(error.attempts))


async def test_fallback_models_are_asked_although_every_target_is_dead() -> None:
    """Second tries at dead targets do not use up the attempts that are left for the others."""
    dead = [lost(Phase.NOT_SENT)] * 2
    kit = Kit("a", "b", "c", answers={"a": dead, "b": dead},
              route={"targets": (TargetSetup(name="a:poster"), TargetSetup(name="b:poster")),
                     "fallback_models": ("c:poster",)})  # fmt: skip
    assert ("c:poster", ["a", "b", "c"]) == ((await kit.generate()).target, kit.asked)


async def test_every_failure_is_told() -> None:
    """The error carries all attempts; its status is the last one's."""
    kit = Kit("a", "b", answers={"a": [status(401)], "b": [status(503)]},
              max_attempts=2)  # fmt: skip
    error = await kit.error()
    assert isinstance(error, AttemptsFailedError)
    assert (503, "upstream_overloaded") == (error.status, error.code)
    assert [Fault.UNAUTHENTICATED, Fault.OVERLOADED] == [
        attempt.failure.fault for attempt in error.attempts if attempt.failure
    ]
    assert "a:poster failed" in error.message
    assert "b:poster failed" in error.message


# Keys and waiting


async def test_another_key_takes_over() -> None:
    """A rate-limited key is left alone, and the next key of the same provider is used."""
    kit = Kit(provider("a", keys=("k1", "k2")), "b", answers={"a": [status(429)]})
    assert "a:poster" == (await kit.generate()).target
    assert 2 == len(set(kit.keys_used))
    await kit.generate()
    assert kit.keys_used[1] == kit.keys_used[2]


async def test_keys_take_turns() -> None:
    """Equally busy keys are used in turn."""
    kit = Kit(provider("a", keys=("k1", "k2", "k3")))
    for _ in range(6):
        await kit.generate()
    assert [2, 2, 2] == [kit.keys_used.count(key) for key in ("k1", "k2", "k3")]


async def test_retry_after_is_waited_for() -> None:
    """Where nobody else is left, the upstream's own time is waited for, and not a moment less."""
    kit = Kit("a", answers={"a": [status(429, retry_after="7")]})
    await kit.generate()
    assert (["a", "a"], 7.0) == (kit.asked, kit.clock.monotonic())


async def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    """A wait that the deadline does not allow is not begun; the client is told of it."""
    kit = Kit("a", answers={"a": [status(429, retry_after="40")]}, deadline=30.0)
    error = await kit.error()
    assert (429, 40.0, 0.0) == (error.status, error.retry_after, kit.clock.monotonic())


async def test_nobody_else_sends_before_retry_after() -> None:
    """Other requests respect the time, too: they wait, and nothing is sent before."""
    kit = Kit("a", answers={"a": [status(429, retry_after="40")]}, deadline=30.0)
    await kit.error()
    await kit.clock.advance(5)
    error = await kit.error()
    assert (["a"], 35.0) == (kit.asked, error.retry_after)
    await kit.clock.advance(20)
    await kit.generate()
    assert (["a", "a"], 40.0) == (kit.asked, kit.clock.monotonic())


async def test_a_parked_target_comes_last() -> None:
    """A target that asked for time is passed over while another is there."""
    kit = Kit("a", "b", answers={"a": [status(429, retry_after="40")]})
    await kit.generate()
    assert "b:poster" == (await kit.generate()).target
    assert ["a", "b", "b"] == kit.asked


@pytest.mark.parametrize("code", [401, 402])
async def test_a_key_that_is_turned_away_rests(code: int) -> None:
    """One call a rest and no more, however many ask; callers are told when it is tried again."""
    kit = Kit("a", answers={"a": [status(code)] * 2})
    errors = [await kit.error() for _ in range(20)]
    assert 1 == len(kit.asked)
    assert {(503, "provider_unavailable")} == {(one.status, one.code) for one in errors}
    assert 60.0 == errors[-1].retry_after
    assert "its key is left alone" in errors[-1].message
    await kit.clock.advance(601)
    await kit.error()
    await kit.clock.advance(601)
    await kit.error()
    assert 2 == len(kit.asked)
    await kit.clock.advance(600)
    assert 1 == len((await kit.generate()).images)


async def test_a_key_that_may_not_use_a_model_is_left_out_there_alone() -> None:
    """Another key steps in, and from then on it is the one that is used; elsewhere both are."""
    cards = (CARD, replace(CARD, id="sketch"))
    kit = Kit(provider("a", keys=("k1", "k2"), cards=cards), answers={"a": [status(403)]})
    for _ in range(4):
        await kit.generate()
    barred, other = kit.keys_used[0], kit.keys_used[1]
    assert [barred, *[other] * 4] == kit.keys_used
    for _ in range(2):
        await kit.generate(model="a:sketch")
    assert {"k1", "k2"} == set(kit.keys_used[-2:])


async def test_our_own_limit_moves_on() -> None:
    """Where our own limit leaves no room before the deadline, the next target is asked."""
    kit = Kit(provider("a", limits=Limits(images=1)), "b")
    result = await kit.generate(n=2)
    assert ["b"] == kit.asked
    assert [Fault.LIMITED] == [a.failure.fault for a in result.attempts if a.failure]


# Money


async def test_an_unknown_outcome_travels_within_the_exposure() -> None:
    """A lost reply may have been paid for: one more try is allowed, and a third is not."""
    gone = lost(Phase.SENT)
    kit = Kit("a", "b", "c", answers={x: [gone] for x in "abc"})
    error = await kit.error()
    assert (["a", "b"], False) == (kit.asked, error.may_retry)
    assert "$0.04 of at most $0.08 at stake" in error.attempts[0].decision
    assert "max_exposure; $0.08 of at most $0.08 at stake" in error.attempts[-1].decision
    assert [Decimal("0.04")] * 2 == [attempt.exposed_usd for attempt in error.attempts]
    assert error.attempts[0].cost.usd is None


async def test_what_may_have_been_paid_for_nothing_is_told() -> None:
    """The result warns with a code and the amount; without a loss there is no such warning."""
    result = await Kit("a", "b", answers={"a": [lost(Phase.SENT)]}).generate(n=2)
    assert [("paid_maybe", "cost", Decimal("0.08"))] == [
        (warning.code, warning.param, warning.usd) for warning in result.warnings
    ]
    assert () == (await Kit("a", "b", answers={"a": [status(401)]}).generate()).warnings


async def test_exposure_is_counted_in_money() -> None:
    """A dear loss leaves room for what is cheap, and under a cap of dollars for nothing dearer."""
    dear, cheap = provider("a", cards=(priced(usd("0.30")),)), provider("b")
    gone = {"a": [lost(Phase.SENT)], "b": [lost(Phase.SENT)]}
    kit = Kit(dear, cheap, "c", answers=gone)
    assert "c:poster" == (await kit.generate()).target
    kit = Kit(dear, cheap, "c", answers=gone, route={"max_exposure": Decimal("0.33")})
    assert "at most $0.33" in (await kit.error()).attempts[-1].decision
    assert ["a"] == kit.asked


async def test_a_price_that_nobody_knows_is_counted_as_a_call() -> None:
    """Where no price is known, two calls are the cap, and the amount of the warning is unknown."""
    dark = [provider(name, cards=(priced(),)) for name in "abc"]
    kit = Kit(*dark, answers={"a": [lost(Phase.SENT)]})
    (warning,) = (await kit.generate()).warnings
    assert ("paid_maybe", None) == (warning.code, warning.usd)
    kit = Kit(*dark, answers={name: [lost(Phase.SENT)] for name in "abc"})
    await kit.error()
    assert ["a", "b"] == kit.asked


async def test_an_unknown_outcome_ends_the_request_where_configured() -> None:
    """With ``on_unknown = fail`` nothing is risked twice."""
    kit = Kit("a", "b", answers={"a": [lost(Phase.SENT)]}, route={"on_unknown": OnUnknown.FAIL})
    assert 502 == (await kit.error()).status
    assert ["a"] == kit.asked


async def test_an_attempt_that_hangs_ends_in_time() -> None:
    """An attempt gets its own time; the rest of the deadline is the next target's."""
    kit = Kit("a", "b", answers={"a": [Hanging()]}, attempt_timeout=20.0)
    result = await kit.generate()
    assert ("b:poster", 20.0) == (result.target, kit.clock.monotonic())
    assert result.cost.usd is None


async def test_work_that_a_plugin_does_itself_may_have_been_paid() -> None:
    """What a plugin's own code was doing when time ran out is not begun again unasked."""
    begun: list[str] = []

    async def forever() -> None:
        begun.append("a")
        await asyncio.get_running_loop().create_future()

    def flow(task: Task) -> Any:
        yield from run(forever)

    kit = Kit(provider("a", flow=flow), attempt_timeout=20.0, max_attempts=3)
    error = await kit.error()
    assert (["a"], 504, False) == (begun, error.status, error.may_retry)


async def test_the_deadline_ends_everything() -> None:
    """When the whole time is up, the request has failed as late, whoever is left."""
    kit = Kit("a", "b", answers={"a": [Hanging()]}, deadline=50.0)
    error = await kit.error()
    assert (504, ["a"], 50.0) == (error.status, kit.asked, kit.clock.monotonic())


async def test_a_reported_cost_keeps_its_basis() -> None:
    """What the vendor reported is not passed off as computed."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),), cost_usd=Decimal("0.5"))

    result = await Kit(provider("a", flow=flow)).generate()
    assert (Decimal("0.5"), Basis.REPORTED) == (result.cost.usd, result.cost.basis)


async def test_a_free_failure_costs_nothing() -> None:
    """An attempt that was turned away adds nothing to the price."""
    result = await Kit("a", "b", answers={"a": [status(401)]}).generate()
    assert (Decimal("0.04"), Basis.TABLE) == (result.cost.usd, result.cost.basis)


async def test_a_bad_image_is_paid_for() -> None:
    """An image that cannot be used was made all the same, and its price is in the trace."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=b"<html>"),))

    result = await Kit(provider("a", flow=flow), "b").generate()
    first = result.attempts[0]
    assert (Fault.BAD_IMAGE, Decimal("0.04")) == (first.failure and first.failure.fault,
                                                  first.cost.usd)  # fmt: skip
    assert Decimal("0.08") == result.cost.usd


async def test_a_certain_charge_is_the_price() -> None:
    """A failure that its vendor bills for costs what the picture would have."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        raise refused("withheld", after_work=True, charge=Charge.CERTAIN)

    error = await Kit(provider("a", flow=flow)).error()
    assert Decimal("0.04") == error.attempts[0].cost.usd


# Refusals and wrong requests


async def test_a_refusal_is_not_shopped_around() -> None:
    """A refused prompt ends the request, with the vendor's categories."""
    kit = Kit(provider("a", faults={403: REFUSAL}), "b", answers={"a": [status(403)]})
    error = await kit.error()
    assert isinstance(error, RefusedError)
    assert (["a"], ("violence",), "input") == (kit.asked, error.categories, error.stage)
    assert "safety_violations=[violence]" in error.message


async def test_a_refusal_beside_another_failure_is_not_shopped_around() -> None:
    """Of calls side by side, one refused and one limited: the prompt stays where it was refused."""
    a = provider("a", faults={451: REFUSAL})
    kit = Kit(a, "b", answers={"a": [status(429), status(451)]})
    assert isinstance(await kit.error(n=6), RefusedError)
    assert ["a", "a"] == kit.asked


async def test_a_refusal_travels_where_configured() -> None:
    """With ``on_refusal = fallback`` the next target may decide otherwise."""
    kit = Kit(
        provider("a", faults={403: REFUSAL}), "b",
        answers={"a": [status(403)]}, route={"on_refusal": OnRefusal.FALLBACK},
    )  # fmt: skip
    assert "b:poster" == (await kit.generate()).target


async def test_a_refused_result_says_so() -> None:
    """A result that was withheld after the work is told apart."""

    def flow(task: Task) -> Any:
        raise refused("withheld", after_work=True)
        yield

    assert "output" == (await Kit(provider("a", flow=flow)).error()).stage


async def test_a_wrong_request_stops() -> None:
    """What the upstream calls wrong is the caller's to mend; nobody else is asked."""
    kit = Kit("a", "b", answers={"a": [status(400)]})
    error = await kit.error()
    assert isinstance(error, RequestError)
    assert (400, ["a"], 1) == (error.status, kit.asked, len(error.attempts))  # type: ignore[attr-defined]


async def test_a_request_that_is_wrong_only_here_travels() -> None:
    """What one provider alone cannot do, the next may."""
    only_here = Failure(fault=Fault.UNSUPPORTED, message="no", only_here=True)
    kit = Kit(provider("a", faults={415: only_here}), "b", answers={"a": [status(415)]})
    assert "b:poster" == (await kit.generate()).target


async def test_a_broken_plugin_does_not_stop_the_others() -> None:
    """A provider that raises is a failed attempt like any other."""

    def flow(task: Task) -> Any:
        raise KeyError("oops")
        yield

    def strange(task: Task) -> Any:
        return "pictures"
        yield

    def stranger(task: Task) -> Any:
        return Generated(images=("picture",))  # type: ignore[arg-type]
        yield

    for broken in (flow, strange, stranger):
        result = await Kit(provider("a", flow=broken), "b").generate()
        assert Fault.PLUGIN == (result.attempts[0].failure or REFUSAL).fault
        assert "b:poster" == result.target


async def test_a_success_without_images_is_none() -> None:
    """A success without a picture in it is a failure that may have been paid for."""
    kit = Kit("a", "b", answers={"a": [made(0)]})
    assert Fault.NO_IMAGE == ((await kit.generate()).attempts[0].failure or REFUSAL).fault


# Streams and cancellation


def _streaming(task: Task) -> Any:
    yield from partial(0, RawImage(data=PNG))
    return (yield from one_call(task))


async def test_nothing_starts_over_after_a_partial_image() -> None:
    """Once the caller has seen a part of one picture, no other picture takes its place."""
    kit = Kit(provider("a", flow=_streaming), "b", answers={"a": [status(401)]})
    error = await kit.error()
    assert ["a"] == kit.asked
    assert "partial images" in error.attempts[-1].decision


async def test_a_cancelled_request_leaves_nothing() -> None:
    """A request that is cancelled ends its calls, and frees its key, its slot and its target."""
    kit = Kit(provider("a", limits=Limits(concurrency=1)), answers={"a": [Hanging()]})
    before = asyncio.all_tasks()
    task = asyncio.create_task(kit.generate())
    await kit.clock.run_until_idle()
    assert 1 == kit.transport.open_exchanges
    task.cancel()
    await asyncio.wait([task])
    assert (0, before) == (kit.transport.open_exchanges, asyncio.all_tasks())
    assert "request.cancelled" == kit.events[-1].name
    plan = kit.engine.plan(asking())
    assert 0 == plan.candidates[0].health.in_flight
    assert 1 == len((await kit.generate()).images)


@pytest.mark.parametrize("fault", list(Fault))
async def test_every_failure_ends_in_an_error(fault: Fault) -> None:
    """Whatever fails, the caller gets a status, a code and the attempt."""

    def flow(task: Task) -> Any:
        raise fail(fault, "no")
        yield

    error = await Kit(provider("a", flow=flow, cards=(CARD,)), max_attempts=1).error()
    assert 400 <= error.status < 600
    assert error.code or isinstance(error, RequestError)
    assert 1 == len(error.attempts)


# Several calls


async def test_a_seed_grows_with_every_image() -> None:
    """One seed for three calls would be one picture, paid for three times."""
    seeds: list[int | None] = []

    def flow(task: Task) -> Any:
        seeds.append(task.seed)
        return one_call(task)

    single = replace(CARD, max_n=1, seed=True)
    kit = Kit(provider("a", cards=(single,), flow=flow))
    await kit.generate(n=3, seed=7)
    assert [7, 8, 9] == sorted(seed or 0 for seed in seeds)


async def test_more_images_than_asked_for_end_a_request() -> None:
    """Nothing further is bought, whatever another call of the attempt came to."""
    card = replace(CARD, max_n=2)
    kit = Kit(provider("a", cards=(card,)), "b", answers={"a": [made(5), status(500)]})
    result = await kit.generate(n=4)
    assert (5, ["a", "a"]) == (len(result.images), kit.asked)


async def test_options_for_nobody_are_told_of() -> None:
    """A provider's name that is not there would drop them in silence."""
    result = await Kit("a").generate(options={"nobody": {"steps": 4}})
    assert [("options_unused", "options.nobody")] == [(w.code, w.param) for w in result.warnings]


async def test_intermediate_images_need_a_stream() -> None:
    """Asked for without one they would be dropped in silence."""
    error = await Kit("a").error(partial_images=2)
    assert "partial_images" == error.param
