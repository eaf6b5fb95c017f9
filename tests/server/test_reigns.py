"""Configurations that change, without a process: what fails on the way is told, and no harm."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from routercore.server.reloading import Reloadable
from routercore.values.errors import ConfigError

FULL = OSError(errno.ENOSPC, "No space left on device")


class Drain:
    """Has nothing to wait for, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def run(self, *, in_a_hurry: bool = True) -> None:
        if self.error is not None:
            raise self.error


class Reign:
    """An application that says whether it is alive, and may begin or end with an error."""

    def __init__(
        self, *, begins: Exception | None = None, drains: Exception | None = None,
        ends: Exception | None = None,
    ) -> None:  # fmt: skip
        self.is_on = False
        self._begins, self._ends = begins, ends
        self.app = Starlette(lifespan=self._lifespan)
        self.app.state.drain = Drain(drains)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        if self._begins is not None:
            raise self._begins
        self.is_on = True
        yield
        self.is_on = False
        if self._ends is not None:
            raise self._ends


def maker(what: Sequence[Reign | Exception]) -> Callable[[], Starlette]:
    """Makes one after the other."""
    left = iter(what)

    def make() -> Starlette:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one.app

    return make


@asynccontextmanager
async def living(*what: Reign | Exception) -> AsyncIterator[Reloadable]:
    """One that was started as servers do it, and is ended."""
    app = Reloadable(maker(what))
    heard, told = asyncio.Queue[Message](), asyncio.Queue[Message]()
    life = asyncio.create_task(app({"type": "lifespan"}, heard.get, told.put))
    await heard.put({"type": "lifespan.startup"})
    assert {"type": "lifespan.startup.complete"} == await told.get()
    yield app
    await heard.put({"type": "lifespan.shutdown"})
    assert {"type": "lifespan.shutdown.complete"} == await told.get()
    await life


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (FULL, "OSError: [Errno 28] No space left on device"),
        (Reign(begins=FULL), "OSError: [Errno 28] No space left on device"),
        (ConfigError(["it is wrong"]), "it is wrong"),
    ],
    ids=["making", "beginning", "wrong"],
)
async def test_a_configuration_that_cannot_be_served(
    after: Reign | Exception, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is in its way is logged, and the one before goes on; the next one is taken."""
    before, later = Reign(), Reign()
    async with living(before, after, later) as app:
        await app.reload()
        assert before.is_on
        (line,) = caplog.messages
        await app.reload()
        assert (False, True) == (before.is_on, later.is_on)

    assert "config.refused" in line
    assert expected in line
    assert not later.is_on


@pytest.mark.parametrize("what", ["drains", "ends"])
async def test_one_that_ends_badly(what: str, caplog: pytest.LogCaptureFixture) -> None:
    """What an earlier configuration fails with at its end is logged, and the new one serves."""
    before, later = Reign(**{what: FULL}), Reign()
    async with living(before, later) as app:
        await app.reload()
        assert (False, True) == (before.is_on, later.is_on)

    (line,) = [line for line in caplog.messages if "config.left_badly" in line]
    assert "No space left on device" in line
