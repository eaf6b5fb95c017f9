"""What transports have in common, whatever the library: all but the exchange itself."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from routercore.engine.transport.base import (
    MAX_RESPONSE_BYTES,
    ON_SENT,
    OpenResponse,
    Phase,
    mark_phase,
)
from routercore.engine.transport.failures import failure
from routercore.engine.transport.message import (
    Incoming,
    Message,
    decode_body,
    encode,
    response,
)
from routercore.provider.http import HttpRequest, HttpResponse


class Exchanges(ABC):
    """A transport that has but to perform one exchange up to the head of the answer."""

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        message = encode(request, public_only=public_only)
        async with self._exchange(message, request.is_billable, public_only, max_bytes) as head:
            incoming = Incoming(head.headers)
            async for part in head.chunks():
                incoming.add(part)
        return response(message, head.status, head.headers, incoming)

    @asynccontextmanager
    async def open(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> AsyncIterator[OpenResponse]:  # fmt: skip
        message = encode(request, public_only=public_only)
        async with self._exchange(message, request.is_billable, public_only, max_bytes) as head:
            yield head

    @abstractmethod
    def _exchange(
        self, message: Message, fresh: bool, public_only: bool, max_bytes: int
    ) -> AbstractAsyncContextManager[Head]:
        """The answer's head, over a ``fresh`` connection or one that may have been used."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The head of an answer, and its body when asked for."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterable[bytes]
    """As the library hands it out."""
    failures: tuple[type[Exception], ...]
    """What the library raises where the body breaks off."""
    origin: str
    max_bytes: int

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in decode_body(self._raw(), self.headers, self.max_bytes):
                yield chunk
        except asyncio.CancelledError as error:
            mark_phase(error, Phase.HEADERS)
            raise

    async def _raw(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self.body:
                yield chunk
        except self.failures as error:
            raise failure(error, Phase.HEADERS, self.origin) from error


class Reach:
    """How far a request came, as a transport notes it."""

    def __init__(self) -> None:
        self.reached = Phase.NOT_SENT
        """What is known for certain."""
        self.has_failed = False
        """Whether writing broke off, so that what was on its way did not leave whole."""
        self._last_is_out = False
        self._on_sent = ON_SENT.get()

    @property
    def phase(self) -> Phase:
        """When the last piece was on its way and nobody knows: it may have left."""
        doubtful = self._last_is_out and not self.has_failed
        return max(self.reached, Phase.SENT if doubtful else Phase.NOT_SENT)

    def is_leaving(self, is_last: bool) -> None:
        """A piece is about to go: is it the last?"""
        self._last_is_out = is_last
        if is_last and self._on_sent is not None:
            self._on_sent()
