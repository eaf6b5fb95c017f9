"""The end of a server: nothing new is let in, what runs may finish, the rest is handed over."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Iterator, Mapping
from types import FrameType
from typing import Any, Protocol

from routercore.server.jobs import Jobs
from routercore.server.recovery import Recovery

HAND_OVER_SECONDS = 4.0
"""The longest that leaving the rest to others may take."""
ANSWER_SECONDS = 2.0
"""The longest that clients are given to read what became of it."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Drain:
    """Counts exchanges, and ends them all within a bounded time."""

    def __init__(self, jobs: Jobs, recovery: Recovery, grace: float) -> None:
        """``grace``: seconds that running calls may go on."""
        self._jobs, self._recovery, self._grace = jobs, recovery, grace
        self.is_on = False
        self._active = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """One request and its answer."""
        self._active += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._active -= 1
            if not self._active:
                self._quiet.set()

    async def run(self, *, in_a_hurry: bool = True) -> None:
        """Return when the server may end.

        Args:
            in_a_hurry: let running calls go on for the grace alone, and not until they end.
        """
        self.is_on = True
        await _at_most(self._grace if in_a_hurry else None, self._finished())
        await _at_most(HAND_OVER_SECONDS, self._handed_over())
        await _at_most(ANSWER_SECONDS, self._quiet.wait())

    async def _finished(self) -> None:
        await self._jobs.idle()
        await self._quiet.wait()

    async def _handed_over(self) -> None:
        await self._recovery.close()
        await self._jobs.close()


async def _at_most(seconds: float | None, work: Awaitable[object]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


class Drains(Protocol):
    """What a signal sets going."""

    async def run(self) -> None:
        """Return when the server may end."""
        ...


@contextlib.contextmanager
def drained_by_signals(drain: Drains) -> Iterator[None]:
    """Inside, the first signal to end drains before whoever runs the server hears of it.

    A second one of the same kind ends the process at once, as if it had crashed: whatever has to
    outlive a crash does. (A terminal tells workers themselves, and so does their parent: that is
    one signal of either kind, and means the same.)
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Whoever runs a server in a thread ends it in another way.
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ending = _Ending(drain, asyncio.get_running_loop(), before)
    for number in SIGNALS:
        signal.signal(number, ending.heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Ending:
    """What signals set going."""

    def __init__(
        self, drain: Drains, loop: asyncio.AbstractEventLoop, before: Mapping[signal.Signals, Any]
    ) -> None:
        self._drain, self._loop, self._before = drain, loop, before
        self._heard: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def heard(self, number: int, frame: FrameType | None) -> None:
        if number in self._heard:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        is_first = not self._heard
        self._heard.add(number)
        if is_first:
            self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._task = asyncio.create_task(self._end(number))

    async def _end(self, number: int) -> None:
        await self._drain.run()
        handler = self._before[signal.Signals(number)]
        if callable(handler):
            handler(number, None)
