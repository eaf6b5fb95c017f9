"""A proxy of raw sockets: makes ways by CONNECT, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self

from .faults import Reader, Writer

DONE = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """Listens on loopback; every way leads to ``port``, wherever it was asked to lead.

    Args:
        port: of a server on loopback, which stands for all hosts.
        answer: what is said to each CONNECT; a way is only made if it is ``DONE``.
        before: what is said before that.
        refuses: what the targets begin with that it does not lead to.
        tls: what it is spoken to under, if it is.
    """

    def __init__(
        self,
        port: int,
        *,
        answer: bytes = DONE,
        before: bytes = b"",
        refuses: str = "-",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._to, self._answer, self._before = port, answer, before
        self._refuses, self._tls = refuses, tls
        self.reached = asyncio.Event()
        """Set when it was asked for the first time."""
        self.asked: list[bytes] = []
        """The heads of what it was asked."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def targets(self) -> list[str]:
        """Where it was asked to lead."""
        return [head.split(b" ", 2)[1].decode() for head in self.asked]

    async def all_closed(self) -> None:
        """Wait until the client has closed every connection."""
        async with asyncio.timeout(60):
            await asyncio.gather(*self._tasks)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            self.reached.set()
            if self.targets[-1].startswith(self._refuses):
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
                return
            writer.write(self._before + self._answer)
            if self._answer == DONE:
                await self._join(reader, writer)
            elif not self._answer:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _join(self, reader: Reader, writer: Writer) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            back.close()


async def _pass_on(source: Reader, to: Writer) -> None:
    while piece := await source.read(65_536):
        to.write(piece)
        await to.drain()
    to.close()
