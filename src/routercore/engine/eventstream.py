"""The one open stream of events that a flow may have."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from routercore.engine.transport.base import OpenResponse, Transport
from routercore.provider.http import HttpRequest, ServerEvent
from routercore.provider.sse import EventDecoder


@dataclass(slots=True)
class EventStream:
    """Opened by a flow, read event by event, and closed with its ``stack``."""

    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    is_awaited: bool = False
    """Whether its flow waits for the next event, and for nothing else."""
    _response: OpenResponse | None = None
    _chunks: AsyncIterator[bytes] | None = None
    _decoder: EventDecoder = field(default_factory=EventDecoder)
    _events: deque[ServerEvent] = field(default_factory=deque)

    async def open(
        self, transport: Transport, request: HttpRequest, public_only: bool, max_bytes: int
    ) -> OpenResponse:
        opened = transport.open(request, public_only=public_only, max_bytes=max_bytes)
        self._response = await self.stack.enter_async_context(opened)
        self._chunks, self._decoder = None, EventDecoder()
        self._events.clear()
        return self._response

    async def rest(self) -> bytes:
        response, self._response = self._response, None
        if response is None:
            return b""
        return b"".join([chunk async for chunk in response.chunks()])

    async def next_event(self) -> ServerEvent | None:
        while not self._events:
            chunk = await self._next_chunk()
            if chunk is None:
                return None
            self._events.extend(self._decoder.feed(chunk))
        return self._events.popleft()

    async def _next_chunk(self) -> bytes | None:
        if self._chunks is None:
            if self._response is None:
                return None
            self._chunks = self._response.chunks()
            if isinstance(self._chunks, AsyncGenerator):
                self.stack.push_async_callback(self._chunks.aclose)
        return await anext(self._chunks, None)
