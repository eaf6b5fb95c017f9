"""Group commit: a thread that does whatever is waiting in one go, so that many share one fsync."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

W = TypeVar("W")

LARGEST = 256
"""Pieces of work that go together at most; more would make the first of them wait long."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[W]):
    work: W
    future: asyncio.Future[Any] | None


class GroupWriter(Generic[W]):
    """Collects work from event loops and does it in order on a thread of its own.

    While one group is being done the next one gathers, so that groups are as large as there is
    demand, and a single piece of work never waits for others.
    """

    def __init__(
        self, perform: Callable[[Sequence[W]], Sequence[object]], close: Callable[[], None]
    ) -> None:
        """Nothing runs before the first piece of work.

        Args:
            perform: does a group and gives one result for each piece of it; an exception among
                the results is raised where that piece is awaited. Must not raise.
            close: called at the end, on the same thread.
        """
        self._perform, self._close = perform, close
        self._queue: SimpleQueue[_Waiting[W] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        """The one before it, which may still have work."""
        self._changing = threading.Lock()

    async def do(self, work: W) -> Any:
        """Have a piece of work done, and wait for it. A cancelled wait does not undo it."""
        future = asyncio.get_running_loop().create_future()
        self._put(_Waiting(work, future))
        return await future

    def note(self, work: W) -> None:
        """Have a piece of work done after all before it, without waiting."""
        self._put(_Waiting(work, None))

    def _put(self, waiting: _Waiting[W]) -> None:
        with self._changing:
            if self._thread is None:
                self._start()
            self._queue.put(waiting)

    def _start(self) -> None:
        """Begin anew, with a queue that a thread which is about to end does not read."""
        self._queue = SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(self._queue, self._ending), name="routercore-ledger",
            daemon=True,
        )  # fmt: skip
        self._thread.start()

    async def close(self) -> None:
        """Do what is waiting, and end the thread. May be called twice; what comes later begins
        another thread, to be closed again."""
        with self._changing:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._ending = thread
                self._queue.put(None)
        if thread is not None:
            await asyncio.to_thread(thread.join)

    def _run(self, queue: SimpleQueue[_Waiting[W] | None], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        is_open = True
        while is_open:
            group, is_open = _gathered(queue)
            if group:
                _deliver(group, self._perform([waiting.work for waiting in group]))
        self._close()


def _gathered(queue: SimpleQueue[_Waiting[W] | None]) -> tuple[list[_Waiting[W]], bool]:
    """Wait for work, and take all there is; false once there will be no more."""
    group: list[_Waiting[W]] = []
    waiting = queue.get()
    while waiting is not None:
        group.append(waiting)
        if len(group) == LARGEST:
            return group, True
        try:
            waiting = queue.get_nowait()
        except Empty:
            return group, True
    return group, False


def _deliver(group: Sequence[_Waiting[Any]], results: Sequence[object]) -> None:
    """Wake whoever waits, with one call for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]] = {}
    for waiting, result in zip(group, results, strict=True):
        if waiting.future is not None:
            loop = waiting.future.get_loop()
            loops.setdefault(loop, []).append((waiting.future, result))
    for loop, pairs in loops.items():
        with suppress(RuntimeError):  # The loop was closed meanwhile: nobody waits any more.
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: Sequence[tuple[asyncio.Future[Any], object]]) -> None:
    for future, result in pairs:
        if future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
