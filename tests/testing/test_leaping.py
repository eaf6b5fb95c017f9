"""A loop that leaps over waiting, and over nothing else."""

from __future__ import annotations

import asyncio
import threading

from routercore.testing.leaping import LoopClock, run_leaping


async def work() -> tuple[str, float]:
    clock = LoopClock()
    done = await asyncio.to_thread(lambda: "made")
    await clock.sleep(3600)
    return done, clock.monotonic()


def test_what_a_thread_does_takes_no_time() -> None:
    """It is waited for, however long it takes; an hour's sleep is an hour, and over at once."""
    assert ("made", 3600.0) == run_leaping(work())


async def leave_at_work() -> None:
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, threading.Event().wait, 0.05)


def test_a_thread_that_is_left_is_waited_for() -> None:
    """The time-out with which a loop is closed is not leapt to: warnings are errors here."""
    run_leaping(leave_at_work())
