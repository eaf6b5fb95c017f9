"""An event loop whose time leaps instead of passing: waiting for an hour takes no time.

For code that reads the loop's own clock, which a :class:`~routercore.testing.clock.ManualClock`
does not reach. Only for work that waits for nothing outside the process.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = datetime.fromtimestamp(0, UTC)


class LeapingLoop(asyncio.SelectorEventLoop):
    """Leaps to the next timer when nothing else can run."""

    def __init__(self) -> None:
        self._leapt = 0.0
        super().__init__(_LeapingSelector(self._leap))

    def time(self) -> float:
        return self._leapt

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's own signature
        """Wait for its threads, however long: a time-out would leap over them."""
        await super().shutdown_default_executor()

    def _leap(self, seconds: float) -> None:
        self._leapt += seconds


class _LeapingSelector(selectors.DefaultSelector):
    """Finds nothing to read at once where another would wait."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select(1.0)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._leap(timeout)
        return ready


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopClock:
    """A :class:`routercore.engine.clock.Clock` that shows the running loop's own time."""

    start: datetime = EPOCH
    """The moment that the loop counts from."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout_at(deadline)


def run_leaping(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a leaping loop of its own."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)
