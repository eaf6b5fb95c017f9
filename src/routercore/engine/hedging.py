"""A second copy of a slow call, at the next target; the first to succeed ends the other.

Both are attempts like any other: both are set aside on the ledger before they leave, both count
against ``max_attempts``, and what the loser may have cost stays suspect. If both bring their
picture before either could be ended, the first is delivered; the other is paid for, and lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from routercore.engine.attempt import NOTHING, CallOutcome
from routercore.engine.clock import Clock
from routercore.engine.driver import Contact
from routercore.engine.transport.base import Phase
from routercore.values.faults import Charge, Failure, Fault
from routercore.values.money import UNKNOWN_COST

T = TypeVar("T")
Copy = Coroutine[Any, Any, T]


@dataclass(slots=True)
class Prize:
    """Whose picture is delivered, of two copies of a call: that of the first to have one."""

    holder: int | None = None
    """The place of its target among the candidates. Not the copy itself, which knows the prize:
    in a circle of references, pictures would stay in memory until somebody breaks it."""

    def claimed(self, copy: int, outcome: CallOutcome) -> CallOutcome:
        """What came of a copy, by the time that its picture is there: a loss if it is too late."""
        if not outcome.images:
            return outcome
        if self.holder is None:
            self.holder = copy
        if self.holder == copy:
            return outcome
        message = "its picture came when another copy had brought one already"
        failure = Failure(fault=Fault.CANCELLED, message=message, charge=Charge.CERTAIN)
        return replace(outcome, images=(), failure=failure)


def cut_short(contact: Contact) -> CallOutcome:
    """What came of a call that was cancelled before its end."""
    is_free = contact.phase is Phase.NOT_SENT
    charge = Charge.NONE if is_free else Charge.UNKNOWN
    failure = Failure(fault=Fault.CANCELLED, message="it was cancelled", charge=charge)
    cost = NOTHING if is_free else UNKNOWN_COST
    return CallOutcome(failure=failure, contact=contact, cost=cost)


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
