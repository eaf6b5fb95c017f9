"""A configuration that is exchanged under load: SIGHUP has the file read anew."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from routercore.server import log
from routercore.server.draining import Drain, drained_by_signals


def _untold(app: Starlette) -> None:
    """For those who want to hear of no application."""


class Reloadable:
    """The application of the newest sound configuration, and those before it until they are done.

    A request stays with the application that it came to: its limits, its keys, its prices. What is
    in memory alone begins anew, as after a restart. A configuration that is wrong changes nothing.
    """

    def __init__(
        self, make: Callable[[], Starlette], on_begun: Callable[[Starlette], None] = _untold
    ) -> None:
        """Nothing is made yet.

        Args:
            make: an application as things are now; raises ``RouterError`` if it cannot be.
            on_begun: told of each application that serves from then on.
        """
        self._make, self._on_begun = make, on_begun
        self._now: _Reign | None = None
        self._reigns: set[_Reign] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self._outside = Starlette(lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._outside if self._now is None or scope["type"] == "lifespan" else self._now.app
        await app(scope, receive, send)

    async def run(self) -> None:
        """Return when the server may end."""
        await asyncio.gather(*(one.drain.run() for one in self._reigns))

    async def reload(self) -> None:
        """Serve by the configuration as it is now, if it is sound."""
        async with self._one_at_a_time:
            before = self._now
            try:
                await self._begin()
            except Exception as error:  # noqa: BLE001 - whatever it is, the one before goes on
                log.not_reloaded(error)
                return
        log.reloaded()
        if before is not None:
            try:
                await before.drain.run(in_a_hurry=False)
            except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                log.left_badly(error)
            await self._end(before)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self._begin()
        self._listen()
        with drained_by_signals(self):
            yield
        for reign in [*self._reigns]:
            await self._end(reign)

    async def _begin(self) -> None:
        reign = _Reign(await asyncio.to_thread(self._make))
        await reign.begun()
        self._reigns.add(reign)
        self._now = reign
        self._on_begun(reign.app)

    async def _end(self, reign: _Reign) -> None:
        reign.is_over.set()
        await asyncio.wait([reign.life])
        if not reign.life.cancelled() and (error := reign.life.exception()) is not None:
            log.left_badly(error)
        self._reigns.discard(reign)

    def _listen(self) -> None:
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._heard)

    def _heard(self) -> None:
        chore = asyncio.create_task(self.reload())
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)


class _Reign:
    """One application from its beginning to its end, both in one task."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.drain: Drain = app.state.drain
        self.is_over = asyncio.Event()
        self._has_begun = asyncio.Event()
        self.life = asyncio.create_task(self._live())

    async def begun(self) -> None:
        """Wait until it serves; raises what keeps it from that."""
        beginning = asyncio.create_task(self._has_begun.wait())
        await asyncio.wait({beginning, self.life}, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        if self.life.done():
            self.life.result()

    async def _live(self) -> None:
        async with self.app.router.lifespan_context(self.app):
            self._has_begun.set()
            await self.is_over.wait()
