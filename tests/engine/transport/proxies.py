"""A proxy of raw sockets: makes ways by CONNECT, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl

from .faults import FaultServer, Reader, Writer

DONE = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy(FaultServer):
    """Every way leads to ``port``, wherever it was asked to lead.

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
        super().__init__(self._lead, tls=tls)
        self._to, self._answer, self._before, self._refuses = port, answer, before, refuses
        self.asked: list[bytes] = []
        """The heads of what it was asked."""

    @property
    def targets(self) -> list[str]:
        """Where it was asked to lead."""
        return [head.split(b" ", 2)[1].decode() for head in self.asked]

    async def _lead(self, _: FaultServer, reader: Reader, writer: Writer) -> None:
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
