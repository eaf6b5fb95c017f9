"""The fast transport: aiohttp, several times as fast as the portable one with many in flight."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from yarl import URL

from routercore.engine.addresses import ParsedUrl, resolve_public
from routercore.engine.transport.base import (
    CONNECT_TIMEOUT,
    WRITE_TIMEOUT,
    Phase,
    TransportError,
    mark_phase,
)
from routercore.engine.transport.exchange import Exchanges, Head, Reach
from routercore.engine.transport.failures import failure
from routercore.engine.transport.message import (
    Message,
    decode_headers,
)

IDLE_SECONDS = 15.0
READ_BYTES = 256 * 1024
MAX_HEADER_BYTES = 64 * 1024

Resolve = Callable[[str, int], Awaitable[list[str]]]

_FAILURES = (aiohttp.ClientError, OSError, ValueError)
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class FastTransport(Exchanges):
    """A :class:`~routercore.engine.transport.base.Transport` for many requests in flight.

    Args:
        ssl_context: instead of the system's certificate authorities.
        connect_timeout: seconds to look up a name, connect and shake hands.
        write_timeout: seconds without any progress of a request's body.
        resolve: for ``public_only``; only tests have a reason to pass another.
    """

    name = "aiohttp"
    tells_when_sent = True

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        write_timeout: float = WRITE_TIMEOUT,
        resolve: Resolve = resolve_public,
    ) -> None:
        self._ssl_context = ssl_context
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        self._write_timeout = write_timeout
        self._resolve = resolve
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def close(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    @asynccontextmanager
    async def _exchange(
        self, message: Message, fresh: bool, public_only: bool, max_bytes: int
    ) -> AsyncIterator[Head]:
        body, origin = _Body(message, self._write_timeout), message.url.origin
        answer = await self._start(message, body, fresh, public_only)
        headers = decode_headers(answer.raw_headers)
        try:
            yield Head(
                answer.status, headers, answer.content.iter_any(), _FAILURES, origin, max_bytes
            )
        finally:
            if not answer.content.at_eof():
                body.abort()
            answer.close()

    async def _start(
        self, message: Message, body: _Body, fresh: bool, public_only: bool
    ) -> aiohttp.ClientResponse:
        try:
            return await self._session(fresh, public_only).request(
                message.method,
                _for_library(message.url),
                headers=message.headers,
                data=body if "content-length" in dict(message.headers) else None,
                allow_redirects=False,
                trace_request_ctx=body,
            )
        except asyncio.CancelledError as error:
            mark_phase(error, body.reach.phase)
            body.abort()
            raise
        except _FAILURES as error:
            body.abort()
            origin, phase = message.url.origin, body.reach.phase
            raise _own(error) or failure(error, phase, origin) from error

    def _session(self, fresh: bool, public_only: bool) -> aiohttp.ClientSession:
        if (fresh, public_only) not in self._sessions:
            self._sessions[fresh, public_only] = self._new_session(fresh, public_only)
        return self._sessions[fresh, public_only]

    def _new_session(self, fresh: bool, public_only: bool) -> aiohttp.ClientSession:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            ssl=self._ssl_context,
            limit=0,
            force_close=fresh,
            resolver=_GuardedResolver(self._resolve) if public_only else aiohttp.ThreadedResolver(),
            use_dns_cache=not public_only,
            keepalive_timeout=None if fresh else IDLE_SECONDS,
        )
        traces = aiohttp.TraceConfig()
        traces.on_request_headers_sent.append(_note_headers)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=_OWN_HEADERS,
            read_bufsize=READ_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trace_configs=[traces],
            middlewares=[_send_once],
        )


class _Body(aiohttp.Payload):
    """A request's body, which knows how much of it left.

    With next to no write buffer allowed, ``drain`` returns when the kernel has it all.
    (Under TLS up to 64 KiB may still wait below, which errs on the careful side.)
    """

    def __init__(self, message: Message, write_timeout: float) -> None:
        super().__init__(message.body, content_type="application/octet-stream")
        self._size = message.size
        self._message = message
        self._write_timeout = write_timeout
        self._connection: asyncio.Transport | None = None
        self.reach = Reach()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._message.body).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        connection: asyncio.Transport | None = getattr(writer, "transport", None)
        self._connection = connection
        if connection is not None:
            connection.set_write_buffer_limits(high=1, low=0)  # asyncio's TLS stalls at high=0.
        try:
            for piece, is_last in self._message.pieces():
                self.reach.is_leaving(is_last)
                async with asyncio.timeout(self._write_timeout):
                    await writer.write(piece)
                    if connection is None or connection.is_closing():
                        raise ConnectionResetError("the connection is gone")
                    await writer.drain()
        except (OSError, aiohttp.ClientError):
            self.reach.has_failed = True
            raise
        self.reach.reached = Phase.SENT

    def note_headers(self) -> None:
        """The head is about to go; where there is no body, that is all."""
        self.reach.is_leaving(not self._size)

    def abort(self) -> None:
        """Drop the connection at once, with whatever waits to be written."""
        if self._connection is not None:
            self._connection.abort()


class _GuardedResolver(AbstractResolver):
    """Hands out addresses only if all of a name's are public: those are then connected to."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            addresses = await self._resolve(host, port)
        except TransportError as error:
            raise _BlockedLookup(error) from error
        return [
            ResolveResult(
                hostname=host, host=address, port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0, flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        pass


class _BlockedLookup(OSError):
    """Carries our refusal through the library."""

    def __init__(self, refusal: TransportError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _FinalError(aiohttp.ClientError):
    """Keeps the library from sending a request again on another connection."""


def _own(error: BaseException) -> TransportError | None:
    """The refusal of the address guard, if that is what ended the exchange."""
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, _BlockedLookup):
            return cause.refusal
        cause = cause.__cause__
    return None


def _for_library(url: ParsedUrl) -> URL:
    """Built from its parts, not parsed again: no second opinion on where it leads."""
    path, _, query = url.path.partition("?")
    return URL.build(
        scheme=url.scheme,
        host=f"[{url.host}]" if ":" in url.host else url.host,
        port=url.port,
        path=path,
        query_string=query,
        encoded=True,
    )


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _FinalError from error


async def _note_headers(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: Any
) -> None:
    context.trace_request_ctx.note_headers()
