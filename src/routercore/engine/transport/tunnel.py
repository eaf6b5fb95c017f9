"""Ways through a proxy: CONNECT (RFC 9110, 9.3.6), and what follows is between the two ends."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

import h11
import httpcore2

from routercore.engine.setup import ProxySetup
from routercore.engine.transport.base import Phase, TransportError
from routercore.engine.transport.failures import failure
from routercore.engine.transport.stream import HandshakeSafe

READ_BYTES = 64 * 1024
_FAILURES = (httpcore2.NetworkError, httpcore2.TimeoutException, OSError)


class Tunnels:
    """Opens connections through one proxy.

    Args:
        proxy: where it is.
        backend: connects to it.
        tls: for a proxy that is itself spoken to under TLS.
    """

    def __init__(
        self,
        proxy: ProxySetup,
        backend: httpcore2.AsyncNetworkBackend,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self._proxy, self._backend, self._tls = proxy, backend, tls
        parts = urlsplit(proxy.url)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_secure else 80)
        self._name = f"the proxy {parts.scheme}://{self._host}:{self._port}"
        self._headers: list[tuple[str, str]] = []
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            encoded = base64.b64encode(user).decode("ascii")
            self._headers.append(("Proxy-Authorization", f"Basic {encoded}"))

    def leads_to(self, host: str) -> bool:
        """Whether a host is reached through the proxy, and not directly."""
        return not any(fnmatchcase(host, pattern.lower()) for pattern in self._proxy.direct)

    async def connect(
        self, host: str, port: int, seconds: float | None
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to ``host``, a name or an address; nothing of a request has left yet.

        Raises:
            TransportError: the proxy cannot be reached, or makes no way. It is ``is_local`` unless
                the proxy may have found the target wanting, and not us.
        """
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        is_reached = False
        try:
            async with asyncio.timeout(seconds):
                stream = await self._reached()
                is_reached = True
                return await self._led(stream, target)
        except _FAILURES as error:
            is_local = not is_reached
            raise failure(error, Phase.NOT_SENT, self._name, is_local=is_local) from error

    async def _reached(self) -> httpcore2.AsyncNetworkStream:
        stream = HandshakeSafe(await self._backend.connect_tcp(self._host, self._port))
        return await stream.start_tls(self._tls(), self._host) if self._is_secure else stream

    async def _led(
        self, stream: httpcore2.AsyncNetworkStream, target: str
    ) -> httpcore2.AsyncNetworkStream:
        try:
            await self._ask(stream, target)
        except BaseException:  # Also a cancellation: nothing stays open, and it is passed on.
            await stream.aclose()
            raise
        return stream

    async def _ask(self, stream: httpcore2.AsyncNetworkStream, target: str) -> None:
        wire = h11.Connection(h11.CLIENT)
        headers = [("Host", target), *self._headers]
        asked = wire.send(h11.Request(method="CONNECT", target=target, headers=headers))
        await stream.write((asked or b"") + (wire.send(h11.EndOfMessage()) or b""))
        try:
            status = await _answer(wire, stream)
        except h11.RemoteProtocolError as error:
            raise self._no_way(target, "answered with what is not HTTP") from error
        if not 200 <= status < 300:
            why = ": its user or password is not right" if status == 407 else ""
            raise self._no_way(target, f"answered {status}{why}", is_local=status < 500)
        if wire.trailing_data[0]:
            raise self._no_way(target, "said more than that there is a way")

    def _no_way(self, target: str, what: str, *, is_local: bool = True) -> TransportError:
        message = f"no way to tcp://{target}: {self._name} {what}"
        return TransportError(message, Phase.NOT_SENT, is_local=is_local)


async def _answer(wire: h11.Connection, stream: httpcore2.AsyncNetworkStream) -> int:
    """The status that is final."""
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await stream.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            return event.status_code
