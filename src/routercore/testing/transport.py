"""A transport that answers from a script and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from routercore.engine.transport.base import (
    MAX_RESPONSE_BYTES,
    Phase,
    TooLargeError,
    TransportError,
)
from routercore.provider.http import HttpRequest, HttpResponse


class Hanging:
    """No answer, ever: the exchange ends when it is cancelled."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer in pieces; an exception among them breaks it off, ``Hanging`` holds it up."""

    chunks: tuple[bytes | Exception | Hanging, ...]
    status: int = 200
    media_type: str = "text/event-stream"


Answer = HttpResponse | Streamed | Exception | Hanging
Script = Callable[[HttpRequest], Answer]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it would have gone on the wire, and how."""

    request: HttpRequest
    public_only: bool
    max_bytes: int


class FakeTransport:
    """A :class:`routercore.engine.transport.base.Transport` for tests.

    ::

        FakeTransport([json_answer({"data": []}), lost(Phase.SENT)])   # one after the other
        FakeTransport(lambda request: json_answer({"url": request.url}))   # by request

    ``sent`` has every request, in order. ``open_exchanges`` is zero when nothing is under way,
    which is what a test of cancellation asserts.
    """

    name = "fake"

    def __init__(self, answers: Iterable[Answer] | Script = ()) -> None:
        self.sent: list[Sent] = []
        self.open_exchanges = 0
        self.is_closed = False
        self._script = answers if callable(answers) else _in_turn(deque(answers))

    @property
    def requests(self) -> list[HttpRequest]:
        """The requests alone."""
        return [sent.request for sent in self.sent]

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        async with self.open(request, public_only=public_only, max_bytes=max_bytes) as opened:
            body = b"".join([chunk async for chunk in opened.chunks()])
            return replace(opened.answer, body=body)

    @asynccontextmanager
    async def open(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> AsyncIterator[FakeResponse]:  # fmt: skip
        self.sent.append(Sent(request, public_only, max_bytes))
        self.open_exchanges += 1
        try:
            answer = self._script(request)
            if isinstance(answer, Hanging):
                await asyncio.get_running_loop().create_future()
            if isinstance(answer, Exception):
                raise answer
            await asyncio.sleep(0)  # A real exchange always lets others run.
            yield _opened(request, answer, max_bytes)
        finally:
            self.open_exchanges -= 1

    async def close(self) -> None:
        self.is_closed = True


class FakeResponse:
    """The head of a scripted answer, and its body in pieces."""

    def __init__(
        self, answer: HttpResponse, chunks: tuple[bytes | Exception | Hanging, ...], limit: int
    ) -> None:
        self.answer = answer
        self._chunks, self._limit = chunks, limit

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        left = self._limit
        for chunk in self._chunks:
            await asyncio.sleep(0)
            if isinstance(chunk, Hanging):
                await asyncio.get_running_loop().create_future()
                continue
            if isinstance(chunk, Exception):
                raise chunk
            left -= len(chunk)
            if left < 0:
                raise TooLargeError(self._limit)
            yield chunk


def _opened(request: HttpRequest, answer: Any, limit: int) -> FakeResponse:
    if isinstance(answer, Streamed):
        head = HttpResponse(
            status=answer.status, headers={"content-type": answer.media_type}, url=request.url
        )
        return FakeResponse(head, answer.chunks, limit)
    return FakeResponse(replace(answer, url=request.url), (answer.body,), limit)


def _in_turn(answers: deque[Answer]) -> Script:
    def script(request: HttpRequest) -> Answer:
        if not answers:
            raise AssertionError(f"no answer is left for {request.method} {request.url}")
        return answers.popleft()

    return script


def json_answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """An answer of JSON; keyword arguments are headers, with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        status=status,
        headers={"content-type": "application/json", **named},
        body=json.dumps(body).encode(),
    )


def events_answer(*events: tuple[str, Any], cut: Exception | None = None) -> Streamed:
    """An answer of server-sent events, each a name and its JSON; ``cut`` breaks it off."""
    chunks = [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events]
    return Streamed((*chunks, cut) if cut else tuple(chunks))


def lost(phase: Phase, message: str = "the connection broke") -> TransportError:
    """An exchange that broke in ``phase``."""
    return TransportError(message, phase)
