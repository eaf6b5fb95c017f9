"""A second copy of a slow call: when it is sent, who wins, and what both of them cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, priced, provider, status

from routercore.engine.setup import ProviderSetup
from routercore.provider.flow import accepted, run, wait
from routercore.routing.policy import Hedge
from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.clock import ManualClock
from routercore.testing.providers import PNG, ScriptedProvider, one_call
from routercore.testing.transport import Hanging
from routercore.values.faults import Charge, Fault
from routercore.values.images import InputImage, Operation, Task
from routercore.values.ledger import Attempt, Kind, Step

HEDGE = {"hedge": Hedge(20.0, Decimal("0.05"))}


def slowly(seconds: float) -> Any:
    """A flow that has its answer and takes its time."""

    def flow(task: Task) -> Any:
        generated = yield from one_call(task)
        yield from wait(seconds)
        return generated

    return flow


def slow_and_fast(*, first: float = 60.0, second: float = 5.0, **setup: Any) -> Kit:
    a, b = provider("a", flow=slowly(first)), provider("b", flow=slowly(second))
    return Kit(a, b, "c", **{"route": HEDGE, **setup})


async def kinds(kit: Kit) -> list[Kind]:
    """The last row of each attempt at the provider, in the order of their beginning."""
    (page,) = await kit.ledger.log()
    return [attempt.last.kind for attempt in page.attempts]


async def test_a_slow_first_is_overtaken() -> None:
    """The second copy wins; both are on the ledger, posted and suspect, and both in the trace."""
    kit = slow_and_fast()
    result = await kit.generate()
    assert ("b:poster", ["a", "b"]) == (result.target, kit.asked)
    assert 25.0 <= kit.clock.monotonic() <= 26.0
    loser, winner = result.attempts
    assert (Fault.CANCELLED, False) == (loser.failure and loser.failure.fault, loser.is_hedge)
    assert "not_sent" != loser.phase
    assert (None, True) == (winner.failure, winner.is_hedge)
    assert [Kind.POSTED, Kind.SUSPECT] == sorted(await kinds(kit))
    assert [("paid_maybe", Decimal("0.04"))] == [(w.code, w.usd) for w in result.warnings]
    assert (0, 0) == (kit.transport.open_exchanges, kit.clock.sleepers)


async def test_no_second_copy_where_it_would_be_opaque() -> None:
    """A transparent picture that is late is waited for: nothing is paid for an opaque one."""
    able = replace(CARD, backgrounds=("transparent", "opaque"))
    a = provider("a", flow=slowly(60.0), cards=(able,))
    kit = Kit(provider("b", flow=slowly(5.0)), a, route=HEDGE)
    result = await kit.generate(background="transparent")
    assert ("a:poster", ["a"]) == (result.target, kit.asked)


async def test_a_first_that_is_in_time_is_alone() -> None:
    """No second copy is sent, and nothing of the wait stays behind."""
    kit = slow_and_fast(first=10.0)
    assert "a:poster" == (await kit.generate()).target
    assert (["a"], 0) == (kit.asked, kit.clock.sleepers)


async def test_a_first_that_still_wins_ends_the_second() -> None:
    """The slow one may be faster after all."""
    kit = slow_and_fast(first=30.0, second=60.0)
    result = await kit.generate()
    assert "a:poster" == result.target
    assert [True] == [one.is_hedge for one in result.attempts if one.failure]
    assert [Kind.POSTED, Kind.SUSPECT] == sorted(await kinds(kit))


class SlowToAnswer(MemoryLedger):
    """Has a step at once, and takes its time to say so."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def write(self, step: Step) -> Attempt:
        attempt = await super().write(step)
        if attempt.hold.provider == "b" and step.kind is Kind.POSTED:
            await self._clock.sleep(5)
        return attempt


@pytest.mark.parametrize("is_slow", [False, True])
async def test_a_dead_heat_delivers_one_picture_and_loses_the_other(is_slow: bool) -> None:
    """Both were made and paid for: one is there, the other on the ledger, in a warning and in the
    trace, whether or not its copy was cancelled while that was written."""
    clock, gate = ManualClock(), asyncio.Event()

    def gated(task: Task) -> Any:
        generated = yield from one_call(task)
        yield from run(gate.wait)
        return generated

    async def open_later() -> None:
        await clock.sleep(30)
        gate.set()

    books = SlowToAnswer(clock) if is_slow else None
    copies = provider("a", flow=gated), provider("b", flow=gated)
    kit = Kit(*copies, clock=clock, route=HEDGE, books=books)
    opening = asyncio.create_task(open_later())
    result = await kit.generate()
    await opening
    assert (1, ["a", "b"]) == (len(result.images), kit.asked)
    (loser,) = [one for one in result.attempts if one.failure]
    assert (Decimal("0.04"), Decimal("0.04")) == (loser.cost.usd, loser.exposed_usd)
    assert loser.failure is not None
    assert (Fault.CANCELLED, Charge.CERTAIN) == (loser.failure.fault, loser.failure.charge)
    assert [("paid_lost", Decimal("0.04"))] == [(w.code, w.usd) for w in result.warnings]
    (page,) = await kit.ledger.log()
    assert {(Kind.POSTED, 40_000)} == {(a.last.kind, a.last.micros) for a in page.attempts}
    assert [False, True] == sorted(a.last.reason.startswith("paid and lost") for a in page.attempts)
    assert Decimal("0.08") == result.cost.usd


async def test_a_first_that_fails_before_is_no_reason_to_hedge() -> None:
    """Then the next target is asked as ever."""
    kit = Kit("a", "b", answers={"a": [status(401)]}, route=HEDGE)
    result = await kit.generate()
    assert ("b:poster", [False, False]) == (result.target, [a.is_hedge for a in result.attempts])


async def test_where_one_copy_fails_the_other_is_waited_for() -> None:
    """A failure ends its own copy alone."""
    kit = slow_and_fast(first=40.0, answers={"b": [status(500)]})
    result = await kit.generate()
    assert ("a:poster", ["a", "b"]) == (result.target, kit.asked)


async def test_where_both_fail_the_request_goes_on_behind_them() -> None:
    """Three attempts are three, whatever they were for."""
    kit = Kit("a", "b", "c", answers={"a": [Hanging()], "b": [status(401)]}, route=HEDGE,
              attempt_timeout=30.0)  # fmt: skip
    result = await kit.generate()
    assert ("c:poster", ["a", "b", "c"]) == (result.target, kit.asked)
    assert [1, 2, 3] == [one.number for one in result.attempts]
    assert [False, True, False] == [bool(one.decision) for one in result.attempts]


@pytest.mark.parametrize(
    "why",
    [
        {"max_attempts": 1},
        {"route": {"hedge": Hedge(20.0, Decimal("0.03"))}},
    ],
    ids=["attempts", "money"],
)
async def test_what_keeps_a_second_copy_back(why: dict[str, Any]) -> None:
    """No attempts left, or too dear: the first is left alone."""
    kit = slow_and_fast(**why)
    assert "a:poster" == (await kit.generate()).target
    assert ["a"] == kit.asked


async def test_a_second_copy_that_cannot_finish_is_not_sent() -> None:
    """It would be paid for in vain."""
    b = provider("b", cards=(replace(CARD, latency=30.0),))
    kit = Kit(provider("a", flow=slowly(22)), b, route=HEDGE, deadline=45.0)
    assert "a:poster" == (await kit.generate()).target
    assert ["a"] == kit.asked


async def test_an_unknown_price_is_not_sent_twice() -> None:
    """Money that nobody can count cannot be bounded."""
    a, b = provider("a", flow=slowly(60)), provider("b", cards=(priced(),))
    kit = Kit(a, b, route=HEDGE)
    await kit.generate()
    assert ["a"] == kit.asked


@pytest.mark.parametrize("asked", [{"n": 2}, {"images": (InputImage.of(PNG),)}])
async def test_what_is_never_hedged(asked: dict[str, Any]) -> None:
    """Several pictures may have come in part, and an edit's inputs weigh megabytes."""
    both = replace(CARD, operations=frozenset({Operation.GENERATE, Operation.EDIT}), max_images=1)
    a = provider("a", flow=slowly(60), cards=(both,))
    kit = Kit(a, provider("b", cards=(both,)), route=HEDGE)
    await kit.generate(**asked)
    assert ["a"] == kit.asked


async def test_streams_are_never_hedged() -> None:
    """What a stream has begun to show cannot come from elsewhere."""
    kit = slow_and_fast()
    items = kit.engine.stream(asking())

    async def last() -> Any:
        return [item async for item in items][-1]

    assert "a:poster" == (await kit.clock.run(last())).result.target
    assert ["a"] == kit.asked


async def test_a_job_that_lost_is_called_off() -> None:
    """The vendor is told, where it can be."""

    class Calling(ScriptedProvider):
        def cancel(self, handle: Any) -> Any:
            called_off.append(handle)
            yield from wait(0)

    called_off: list[Any] = []

    def job(task: Task) -> Any:
        yield from one_call(task)
        yield from accepted({"job": 7})
        yield from wait(60)

    slow = Calling(name="a", origins=("https://a.example",), cards=(CARD,), flow=job)
    kit = Kit(ProviderSetup(name="a", provider=slow, keys=("k",)), "b", route=HEDGE)
    assert "b:poster" == (await kit.generate()).target
    assert [{"job": 7}] == called_off


async def test_a_caller_that_leaves_ends_both() -> None:
    """Nothing is left running, and both are accounted for."""
    kit = Kit("a", "b", answers={"a": [Hanging()], "b": [Hanging()]}, route=HEDGE)
    task = asyncio.create_task(kit.engine.generate(asking()))
    await kit.clock.advance(25)
    assert 2 == kit.transport.open_exchanges
    task.cancel()
    await asyncio.wait([task])
    assert (0, 0) == (kit.transport.open_exchanges, kit.clock.sleepers)
    assert [Kind.SUSPECT, Kind.SUSPECT] == await kinds(kit)
