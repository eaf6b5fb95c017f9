"""A second copy of a slow call, at the next target; the first to succeed ends the other.

Both are attempts like any other: both are set aside on the ledger before they leave, both count
against ``max_attempts``, and what the loser may have cost stays suspect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from routercore.engine.clock import Clock

T = TypeVar("T")
Copy = Coroutine[Any, Any, T]


async def race(
    clock: Clock,
    after: float,
    first: Copy[T],
    second: Callable[[], Copy[T] | None],
    *,
    is_won: Callable[[T], bool],
) -> list[T | None]:
    """What came of one or two copies; ``None`` stands for one that was cancelled.

    Args:
        clock: whose time ``after`` is.
        after: seconds that the first copy has to itself. If it fails before, it is alone.
        first: the first copy.
        second: makes the second copy when the time has come, or ``None`` where there is to be none.
        is_won: whether what came of a copy makes the other needless.
    """
    tasks = [asyncio.ensure_future(first)]
    timer = asyncio.ensure_future(clock.sleep(after))
    try:
        await asyncio.wait({tasks[0], timer}, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done() and (other := second()) is not None:
            tasks.append(asyncio.ensure_future(other))
        open_ones = set(tasks)
        while open_ones:
            done, open_ones = await asyncio.wait(open_ones, return_when=asyncio.FIRST_COMPLETED)
            if any(is_won(task.result()) for task in done):
                break
    finally:
        await _end([timer, *tasks])
    return [None if task.cancelled() else task.result() for task in tasks]


async def _end(tasks: list[asyncio.Future[Any]]) -> None:
    """Cancel what still runs, and wait for it."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
