"""The Router for programs without asyncio: the same names, safe from many threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Self, TypeVar

from routercore.engine.collecting import Collected, Fate
from routercore.engine.models import ModelEntry
from routercore.plugins import PluginReport
from routercore.router import Router
from routercore.routing.estimates import Estimates
from routercore.routing.plan import Plan
from routercore.values.events import StreamItem
from routercore.values.images import ImageRequest, ImageResult

T = TypeVar("T")


class SyncRouter:
    """A :class:`Router` in an event loop of its own, on a thread of its own.

    ::

        with SyncRouter.auto() as router:
            router.generate("a lighthouse at dusk").images[0].save("lighthouse.png")
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._is_closed = False
        self._submitting = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="routercore", daemon=True
        )
        self._thread.start()

    @classmethod
    def from_config(cls, source: str | Path | Mapping[str, Any], **options: Any) -> Self:
        """As :meth:`Router.from_config`."""
        return cls(Router.from_config(source, **options))

    @classmethod
    def auto(cls, **options: Any) -> Self:
        """As :meth:`Router.auto`."""
        return cls(Router.auto(**options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. May be called twice.

        Requests of other threads that are still running end with a ``RuntimeError``.
        """
        with self._submitting:
            if self._is_closed:
                return
            self._is_closed = True
            last = asyncio.run_coroutine_threadsafe(self._shut(), self._loop)
        last.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        """Cancel what runs, so that no thread waits for what will never come."""
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._router.close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    @property
    def plugins(self) -> tuple[PluginReport, ...]:
        return self._router.plugins

    def generate(self, request: ImageRequest | str, **settings: Any) -> ImageResult:
        """As :meth:`Router.generate`; blocks. An interrupt cancels the request."""
        return self._await(self._router.generate(request, **settings))

    def edit(self, prompt: str, images: Any, **settings: Any) -> ImageResult:
        """As :meth:`Router.edit`; blocks."""
        return self._await(self._router.edit(prompt, images, **settings))

    def stream(self, request: ImageRequest | str, **settings: Any) -> Iterator[StreamItem]:
        """As :meth:`Router.stream`; leaving the iteration early cancels the request."""
        items = self._router.stream(request, **settings)
        try:
            while True:
                try:
                    yield self._await(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            self._await(items.aclose())  # type: ignore[attr-defined]  # A generator in fact.

    def collect(
        self, on_collected: Callable[[Collected], object], **options: Any
    ) -> dict[Fate, int]:
        """As :meth:`Router.collect`; blocks. ``on_collected`` is called in threads of its own."""

        async def take(collected: Collected) -> None:
            await asyncio.to_thread(on_collected, collected)

        return self._await(self._router.collect(take, **options))

    def on_late_result(self, take: Callable[[Collected], object]) -> None:
        """As :meth:`Router.on_late_result`; ``take`` is called in threads of its own."""

        async def late(collected: Collected) -> None:
            await asyncio.to_thread(take, collected)

        self._on_loop(lambda: self._router.on_late_result(late))

    def plan(self, request: ImageRequest | str, **settings: Any) -> Plan:
        """As :meth:`Router.plan`."""
        return self._on_loop(lambda: self._router.plan(request, **settings))

    def estimate(self, request: ImageRequest | str, **settings: Any) -> Estimates:
        """As :meth:`Router.estimate`."""
        return self._on_loop(lambda: self._router.estimate(request, **settings))

    def models(self, **options: Any) -> list[ModelEntry]:
        """As :meth:`Router.models`."""
        return self._on_loop(lambda: self._router.models(**options))

    def _on_loop(self, function: Callable[[], T]) -> T:
        """Call ``function`` where all state lives."""

        async def call() -> T:
            return function()

        return self._await(call())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        with self._submitting:  # What is in before the last task is cancelled by it.
            if self._is_closed:
                work.close()
                raise RuntimeError("this router is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("this router is closed") from None
        except BaseException:  # Such as Ctrl-C while it waits: the work ends, and it is passed on.
            future.cancel()
            raise


async def _next(items: Any) -> StreamItem:
    item: StreamItem = await anext(items)
    return item
