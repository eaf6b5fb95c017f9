"""Threads in which the image store works, so that one that hangs holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREADS = 40
"""Threads that are waited for at most. They are the store's own: where it hangs, it holds up no
other work that is done in threads."""


class Aside:
    """Has things done in threads; one that is waited for no longer is left behind."""

    def __init__(self, timeout: float) -> None:
        """``timeout``: seconds that the store is given for one answer."""
        self._timeout = timeout
        self._threads = CapacityLimiter(THREADS)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do it, however long it takes."""
        return await run_sync(work, *args, abandon_on_cancel=True, limiter=self._threads)

    async def within(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do it in the time that the store is given.

        Raises:
            OSError: it failed, or took longer. Then it may still come to be done.
        """
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await self.run(work, *args)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimeoutError(f"nothing within {self._timeout:g} s") from error
