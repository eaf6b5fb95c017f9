"""The manual clock keeps the promises that the engine's tests stand on."""

from __future__ import annotations

import asyncio

import pytest

from routercore.testing.clock import START, ManualClock


async def test_sleepers_wake_in_order_each_at_its_own_moment() -> None:
    """Whoever is due first wakes first, and sees the time at which it is due."""
    clock, woken = ManualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3.0, 1.0, 2.0):
            group.create_task(sleeper(seconds))
        await clock.advance(2.5)
        assert [(1.0, 1.0), (2.0, 2.0)] == woken
        await clock.advance(0.5)
    assert (3.0, 3.0) == woken[-1]


async def test_a_poller_wakes_as_often_as_fits() -> None:
    """A task that wakes and sleeps again wakes again within one turn of the clock."""
    clock, times = ManualClock(), []

    async def poll() -> None:
        while True:
            await clock.sleep(2)
            times.append(clock.monotonic())

    task = asyncio.create_task(poll())
    await clock.advance(7)
    task.cancel()
    assert [2.0, 4.0, 6.0] == times
    assert 7.0 == clock.monotonic()


async def test_nothing_wakes_by_itself() -> None:
    """Without a turn of the clock no sleeper wakes."""
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(0.001))
    await clock.run_until_idle()
    assert not task.done()
    assert 1 == clock.sleepers
    task.cancel()
    await asyncio.wait([task])
    assert 0 == clock.sleepers


async def test_no_time_is_no_sleep() -> None:
    """Sleeping for nothing returns at once."""
    await ManualClock().sleep(0)


async def test_a_deadline_cancels_its_body() -> None:
    """When the clock reaches the deadline the body is cancelled, and not before."""
    clock = ManualClock()

    async def work() -> str:
        try:
            async with clock.timeout_at(5):
                await clock.sleep(10)
        except TimeoutError:
            return f"late at {clock.monotonic()}"
        return "in time"

    task = asyncio.create_task(work())
    await clock.advance(4.9)
    assert not task.done()
    assert 1 == clock.deadlines
    await clock.advance(1)
    assert "late at 5.0" == task.result()
    assert 0 == clock.deadlines


async def test_a_deadline_in_the_past_cancels_at_the_first_wait() -> None:
    """A body under a deadline that has passed does not get beyond its first wait."""
    clock = ManualClock()
    with pytest.raises(TimeoutError):
        async with clock.timeout_at(-1):
            await asyncio.get_running_loop().create_future()


async def test_run_turns_itself() -> None:
    """Work that waits for time alone runs to its end without anybody turning the clock."""
    clock = ManualClock()

    async def work() -> float:
        await clock.sleep(100)
        await clock.sleep(20)
        return clock.monotonic()

    assert 120.0 == await clock.run(work())


async def test_run_does_not_wait_for_what_never_comes() -> None:
    """Work that waits for something else is reported instead of hanging the test."""
    clock = ManualClock()

    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="not for the clock"):
        await clock.run(work())


async def test_the_day_goes_with_the_seconds() -> None:
    """The time of day moves together with the monotonic time."""
    clock = ManualClock()
    await clock.advance(90)
    assert 90.0 == (clock.now() - START).total_seconds()
