"""The portable transport: pure Python, on the connection layer of httpx2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from typing import Any, cast

import httpcore2

from routercore.engine.addresses import resolve_public
from routercore.engine.transport.base import (
    CONNECT_TIMEOUT,
    MAX_RESPONSE_BYTES,
    ON_SENT,
    WRITE_TIMEOUT,
    OpenResponse,
    Phase,
    mark_phase,
)
from routercore.engine.transport.failures import failure
from routercore.engine.transport.message import (
    Message,
    decode_body,
    decode_headers,
    encode,
    response,
)
from routercore.provider.http import HttpRequest, HttpResponse

MAX_CONNECTIONS = 2048
MAX_IDLE_CONNECTIONS = 32  # The pool looks at each of them for every request.
IDLE_SECONDS = 15.0

Resolve = Callable[[str, int], Awaitable[list[str]]]

_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    OSError,
    ssl.SSLError,
)


class PortableTransport:
    """A :class:`~routercore.engine.transport.base.Transport` that runs wherever Python does.

    Args:
        ssl_context: instead of the system's certificate authorities.
        connect_timeout: seconds to look up a name, connect and shake hands.
        write_timeout: seconds without any progress of a request's body.
        resolve: for ``public_only``; only tests have a reason to pass another.
    """

    name = "httpx2"
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
        self._timeouts = {"connect": connect_timeout, "write": write_timeout}
        self._backends = {False: _Backend(None), True: _Backend(resolve)}
        self._pools: dict[bool, httpcore2.AsyncConnectionPool] = {}

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        message = encode(request, public_only=public_only)
        async with self._exchange(message, request.is_billable, public_only, max_bytes) as head:
            body = bytearray()
            async for part in head.chunks():
                body += part
        return response(message, head.status, head.headers, body)

    @asynccontextmanager
    async def open(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> AsyncIterator[OpenResponse]:  # fmt: skip
        message = encode(request, public_only=public_only)
        async with self._exchange(message, request.is_billable, public_only, max_bytes) as head:
            yield head

    async def close(self) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    @asynccontextmanager
    async def _exchange(
        self, message: Message, fresh: bool, public_only: bool, max_bytes: int
    ) -> AsyncIterator[_OpenResponse]:
        progress = _Progress(message)
        outgoing = self._outgoing(message, progress)
        way = self._connection(outgoing, public_only) if fresh else self._pool(public_only)
        try:
            try:
                answer = await way.handle_async_request(outgoing)
            except asyncio.CancelledError as error:
                mark_phase(error, progress.phase)
                raise
            except _FAILURES as error:
                raise failure(error, progress.phase, message.target.origin) from error
            head = _OpenResponse(answer, message, max_bytes)
            try:
                yield head
            finally:
                await head.close()
        finally:
            if isinstance(way, httpcore2.AsyncHTTPConnection):
                await way.aclose()

    def _outgoing(self, message: Message, progress: _Progress) -> httpcore2.Request:
        target = message.target
        return httpcore2.Request(
            message.method,
            httpcore2.URL(
                scheme=target.scheme.encode(),
                host=target.host.encode(),
                port=target.port,
                target=target.path.encode(),
            ),
            headers=[(name.encode(), value.encode()) for name, value in message.headers],
            content=progress,
            extensions={"trace": progress.trace, "timeout": self._timeouts},
        )

    def _connection(
        self, outgoing: httpcore2.Request, public_only: bool
    ) -> httpcore2.AsyncHTTPConnection:
        return httpcore2.AsyncHTTPConnection(
            outgoing.url.origin,
            ssl_context=self._tls() if outgoing.url.scheme == b"https" else None,
            network_backend=self._backends[public_only],
        )

    def _pool(self, public_only: bool) -> httpcore2.AsyncConnectionPool:
        """The connections of requests that may share them; the guarded ones apart."""
        if public_only not in self._pools:
            self._pools[public_only] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls(),
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=self._backends[public_only],
            )
        return self._pools[public_only]

    def _tls(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = httpcore2.default_ssl_context()
        return self._ssl_context


class _Progress:
    """The body as the library pulls it, and what the library's trace says of it."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._last_is_out = False
        self._has_failed = False
        self._reached = Phase.NOT_SENT
        self._on_sent = ON_SENT.get()

    @property
    def phase(self) -> Phase:
        """When the last piece was on its way and nobody knows: it may have left."""
        doubtful = self._last_is_out and not self._has_failed
        return max(self._reached, Phase.SENT if doubtful else Phase.NOT_SENT)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece, is_last in self._message.pieces():
            self._is_leaving(is_last)
            yield piece

    def _is_leaving(self, is_last: bool) -> None:
        self._last_is_out = is_last
        if is_last and self._on_sent is not None:
            self._on_sent()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        match event:
            case "http11.send_request_headers.started":
                self._is_leaving(not self._message.body)
            case "http11.send_request_body.complete":
                self._reached = Phase.SENT
            case "http11.send_request_headers.failed" | "http11.send_request_body.failed":
                self._has_failed = isinstance(info["exception"], httpcore2.WriteError)
            case "http11.receive_response_headers.complete":
                self._reached = Phase.HEADERS


class _OpenResponse:
    """The head of an answer, and its body when asked for."""

    def __init__(self, answer: httpcore2.Response, message: Message, max_bytes: int) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = decode_headers(answer.headers)
        self._answer = answer
        self._origin = message.target.origin
        self._max_bytes = max_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in decode_body(self._raw(), self.headers, self._max_bytes):
                yield chunk
        except asyncio.CancelledError as error:
            mark_phase(error, Phase.HEADERS)
            raise

    async def close(self) -> None:
        await self._answer.aclose()

    async def _raw(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self._answer.aiter_stream():
                yield chunk
        except _FAILURES as error:
            raise failure(error, Phase.HEADERS, self._origin) from error


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connects; where it is guarded, to an address that it resolved and checked itself."""

    def __init__(self, resolve: Resolve | None) -> None:
        self._inner = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = [host]
        if self._resolve is not None:
            try:
                addresses = await asyncio.wait_for(self._resolve(host, port), timeout)
            except OSError as error:
                raise httpcore2.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return _Stream(await self._inner.connect_tcp(address, port, timeout))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return _Stream(await self._inner.connect_tcp(addresses[-1], port, timeout))


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that is closed also when its handshake is cancelled."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._inner.aclose()
            raise
