"""Answers that are megabytes: sent in pieces, base64 made on the way and never held whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pybase64
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routercore.engine.jsons import dumps
from routercore.server.bodies import ClientGoneError

PIECE = 768 * 1024
"""Bytes encoded at a time; a multiple of three, so that the pieces join without padding."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes that are sent as base64."""

    data: bytes

    @property
    def length(self) -> int:
        return (len(self.data) + 2) // 3 * 4

    def pieces(self) -> Iterator[bytes]:
        view = memoryview(self.data)
        for start in range(0, len(view), PIECE):
            yield pybase64.b64encode(view[start : start + PIECE])


Part = bytes | Encoded


def length_of(parts: Iterable[Part]) -> int:
    """How many bytes are sent."""
    return sum(part.length if isinstance(part, Encoded) else len(part) for part in parts)


def json_with(fields: Mapping[str, Any], **encoded: bytes) -> list[Part]:
    """A JSON object of ``fields`` and of bytes in base64, as parts to send."""
    parts: list[Part] = [b"{"]
    for name, data in encoded.items():
        parts += [b'"%s":"' % name.encode(), Encoded(data), b'",']
    rest = dumps(fields)[1:]
    if rest == b"}" and encoded:
        parts[-1] = b'"'
    return [*parts, rest]


def json_reply(value: Mapping[str, Any] | Sequence[Any]) -> Response:
    """A small answer: an object, or a list."""
    return Response(dumps(value), media_type="application/json")


class PartsResponse(Response):
    """An answer of parts, with its length announced."""

    media_type = "application/json"

    def __init__(
        self, parts: Sequence[Part], headers: Mapping[str, str], status: int = 200
    ) -> None:
        length = str(length_of(parts))
        super().__init__(status_code=status, headers={**headers, "content-length": length})
        self.parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await unless_gone(receive, self._send_all(send))
        await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Send) -> None:
        for piece in small(self.parts):
            await send({"type": "http.response.body", "body": piece, "more_body": True})


def small(parts: Iterable[Part]) -> Iterator[bytes]:
    """The bytes of all parts; short ones that are neighbours go together."""
    waiting = bytearray()
    for part in parts:
        for piece in part.pieces() if isinstance(part, Encoded) else (part,):
            waiting += piece
            if len(waiting) >= PIECE:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)


class EventStreamResponse(Response):
    """Server-sent events; the client's leaving ends the iteration."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncIterator[Sequence[Part]], headers: Mapping[str, str]) -> None:
        super().__init__(
            headers={**headers, "cache-control": "no-store", "x-accel-buffering": "no"}
        )
        del self.headers["content-length"]
        self.frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await unless_gone(receive, self._send_all(send))
        await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Send) -> None:
        async for frame in self.frames:
            for piece in small(frame):
                await send({"type": "http.response.body", "body": piece, "more_body": True})


async def unless_gone(receive: Receive, work: Any) -> Any:
    """Await ``work``, which a client that hangs up cancels. The request's body is read already.

    Raises:
        ClientGoneError: it hung up.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() or not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        unfinished = [one for one in (task, gone) if not one.done()]
        for one in unfinished:
            one.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        if not task.cancelled():
            task.exception()  # Seen, also where nobody is left to hear of it.


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
