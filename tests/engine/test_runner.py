"""A request runs over its plan: what is tried next, what is kept, and what is told in the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, provider, status

from routercore.engine.setup import Limits, TargetSetup
from routercore.engine.transport.base import Phase
from routercore.provider.flow import fail, partial, refused
from routercore.routing.policy import OnRefusal
from routercore.testing.providers import PNG, one_call
from routercore.testing.transport import Hanging, json_answer, lost
from routercore.values.errors import AttemptsFailedError, RefusedError, RequestError
from routercore.values.faults import Failure, Fault
from routercore.values.images import Generated, RawImage, Task
from routercore.values.money import Basis

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


@pytest.mark.parametrize(("code", "asked"), [(503, ["a", "b"]), (400, ["a"])])
@pytest.mark.parametrize("words", ["overloaded, try again", "invalid request: no such size", ""])
async def test_words_decide_nothing(code: int, asked: list[str], words: str) -> None:
    """Whether the next target is asked goes by the class of a failure, whatever its message is."""
    kit = Kit("a", "b", answers={"a": [json_answer({"error": {"message": words}}, code)]})
    with suppress(RequestError):
        await kit.generate()
    assert asked == kit.asked


async def test_what_never_left_is_sent_once_more() -> None:
    """A request that did not leave is repeated at the same target, once."""
    broken = [lost(Phase.NOT_SENT)] * 2
    kit = Kit("a", "b", answers={"a": broken})
    assert "b:poster" == (await kit.generate()).target
    assert ["a", "a", "b"] == kit.asked
    kit = Kit("a", answers={"a": [lost(Phase.NOT_SENT)] * 3})
    await kit.error()
    assert ["a", "a"] == kit.asked


@pytest.mark.parametrize("failure", [lost(Phase.SENT), status(500), status(504)])
async def test_what_may_be_paid_for_is_not_sent_again(failure: Any) -> None:
    """What may have been made is not asked of the same target twice."""
    kit = Kit("a", "b", answers={"a": [failure]})
    await kit.generate()
    assert ["a", "b"] == kit.asked
    kit = Kit("a", answers={"a": [failure]})
    await kit.error()
    assert ["a"] == kit.asked


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
