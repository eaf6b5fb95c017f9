"""The portable transport: pure Python, on the connection layer of httpx2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import (
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
from routercore.engine.setup import ProxySetup
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
from routercore.engine.transport.stream import HandshakeSafe
from routercore.engine.transport.tunnel import Tunnels

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


class PortableTransport(Exchanges):
    """A :class:`~routercore.engine.transport.base.Transport` that runs wherever Python does.

    Args:
        ssl_context: instead of the system's certificate authorities.
        connect_timeout: seconds to look up a name, connect and shake hands.
        write_timeout: seconds without any progress of a request's body.
        resolve: for ``public_only``; only tests have a reason to pass another.
        proxy: through which connections are made; names that are guarded are looked up here, and
            the proxy is asked for the address that was found.
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
        proxy: ProxySetup | None = None,
    ) -> None:
        self._ssl_context = ssl_context
        self._timeouts = {"connect": connect_timeout, "write": write_timeout}
        direct = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())
        tunnels = Tunnels(proxy, direct, self._tls) if proxy else None
        self._backends = {
            guarded: _Backend(resolve if guarded else None, direct, tunnels)
            for guarded in (False, True)
        }
        self._pools: dict[bool, httpcore2.AsyncConnectionPool] = {}

    async def close(self) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    @asynccontextmanager
    async def _exchange(
        self, message: Message, fresh: bool, public_only: bool, max_bytes: int
    ) -> AsyncIterator[Head]:
        body, origin = _Body(message), message.url.origin
        outgoing = self._outgoing(message, body)
        way = self._connection(outgoing, public_only) if fresh else self._pool(public_only)
        try:
            try:
                answer = await way.handle_async_request(outgoing)
            except asyncio.CancelledError as error:
                mark_phase(error, body.reach.phase)
                raise
            except _FAILURES as error:
                raise failure(error, body.reach.phase, origin) from error
            headers, stream = decode_headers(answer.headers), answer.aiter_stream()
            try:
                yield Head(answer.status, headers, stream, _FAILURES, origin, max_bytes)
            finally:
                await answer.aclose()
        finally:
            if isinstance(way, httpcore2.AsyncHTTPConnection):
                await way.aclose()

    def _outgoing(self, message: Message, body: _Body) -> httpcore2.Request:
        url = message.url
        return httpcore2.Request(
            message.method,
            httpcore2.URL(
                scheme=url.scheme.encode(),
                host=url.host.encode(),
                port=url.port,
                target=url.path.encode(),
            ),
            headers=[(name.encode(), value.encode()) for name, value in message.headers],
            content=body,
            extensions={"trace": body.trace, "timeout": self._timeouts},
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


class _Body:
    """The body as the library pulls it, and what the library's trace says of it."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self.reach = Reach()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece, is_last in self._message.pieces():
            self.reach.is_leaving(is_last)
            yield piece

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        match event:
            case "http11.send_request_headers.started":
                self.reach.is_leaving(not self._message.size)
            case "http11.send_request_body.complete":
                self.reach.reached = Phase.SENT
            case "http11.send_request_headers.failed" | "http11.send_request_body.failed":
                self.reach.has_failed = isinstance(info["exception"], httpcore2.WriteError)
            case "http11.receive_response_headers.complete":
                self.reach.reached = Phase.HEADERS


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connects; where it is guarded, to an address that it resolved and checked itself."""

    def __init__(
        self,
        resolve: Resolve | None,
        direct: httpcore2.AsyncNetworkBackend,
        tunnels: Tunnels | None,
    ) -> None:
        self._resolve, self._direct, self._tunnels = resolve, direct, tunnels

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
        tunnels = self._tunnels if self._tunnels and self._tunnels.leads_to(host) else None
        way = tunnels.connect if tunnels else self._direct.connect_tcp
        for address in addresses[:-1]:
            try:
                return HandshakeSafe(await way(address, port, timeout))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout, TransportError):
                continue
        return HandshakeSafe(await way(addresses[-1], port, timeout))
