"""A server of raw sockets that misbehaves to order."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import pytest

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Behaviour = Callable[["FaultServer", Reader, Writer], Awaitable[None]]


class FaultServer:
    """Listens on loopback; every connection gets ``behaviour``."""

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        """Every request that arrived whole: head and body."""
        self.connections = 0
        self.reached = asyncio.Event()
        """Set when a behaviour has come to where it waits for the client."""
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls)
        self.port = listener.getsockname()[1]
        self.origin = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
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

    async def all_closed(self) -> None:
        """Wait until the client has closed every connection."""
        async with asyncio.timeout(60):
            await asyncio.gather(*self._tasks)

    def url(self, path: str = "/") -> str:
        return self.origin + path

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.behaviour(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def read_request(server: FaultServer, reader: Reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    request = head + await reader.readexactly(length)
    server.requests.append(request)
    return request


def reset(writer: Writer) -> None:
    """Close with a RST."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def answering(*answers: bytes, close: bool = True) -> Behaviour:
    """One answer for each request on a connection, then wait for the client, or close."""

    async def behaviour(server: FaultServer, reader: Reader, writer: Writer) -> None:
        for answer in answers:
            await read_request(server, reader)
            writer.write(answer)
            await writer.drain()
        if not close:
            await reader.read()

    return behaviour


async def reset_on_accept(server: FaultServer, reader: Reader, writer: Writer) -> None:
    reset(writer)


async def reset_after_request(server: FaultServer, reader: Reader, writer: Writer) -> None:
    await read_request(server, reader)
    reset(writer)


async def close_after_request(server: FaultServer, reader: Reader, writer: Writer) -> None:
    await read_request(server, reader)


async def hang(server: FaultServer, reader: Reader, writer: Writer) -> None:
    await read_request(server, reader)
    server.reached.set()
    await reader.read()


async def hang_in_body(server: FaultServer, reader: Reader, writer: Writer) -> None:
    await read_request(server, reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
    await writer.drain()
    server.reached.set()
    await reader.read()


async def cut_off(server: FaultServer, work: Coroutine[Any, Any, object]) -> BaseException:
    """Cancel ``work`` when the server waits for it, and it for the server; what it ended with."""
    task = asyncio.ensure_future(work)
    await server.reached.wait()
    for _ in range(100):  # What has been written has been read after so many turns of the loop.
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


def never_reading(until: asyncio.Event) -> Behaviour:
    """Take nothing until told; then read what came, to the end."""

    async def behaviour(server: FaultServer, reader: Reader, writer: Writer) -> None:
        transport = cast(asyncio.Transport, writer.transport)
        transport.pause_reading()
        await until.wait()
        transport.resume_reading()
        while await reader.read(1 << 20):
            pass

    return behaviour


def reset_in(part: bytes) -> Behaviour:
    """Send part of an answer, wait until it was taken, and reset."""

    async def behaviour(server: FaultServer, reader: Reader, writer: Writer) -> None:
        await read_request(server, reader)
        writer.write(part)
        await writer.drain()
        while _unacknowledged(writer):  # noqa: ASYNC110 - the kernel sends no event for it
            await asyncio.sleep(0)
        reset(writer)

    return behaviour


def _unacknowledged(writer: Writer) -> int:
    """What the client's kernel has not taken yet."""
    from fcntl import ioctl
    from termios import TIOCOUTQ

    waiting = struct.pack("i", 0)
    return int(struct.unpack("i", ioctl(writer.get_extra_info("socket"), TIOCOUTQ, waiting))[0])
