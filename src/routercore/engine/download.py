"""Fetching a result URL: unsigned, guarded at every hop, never anything but a GET."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from routercore.engine.addresses import join_url, parse_url
from routercore.engine.transport.base import (
    MAX_RESPONSE_BYTES,
    BlockedAddressError,
    Phase,
    Transport,
    TransportError,
)
from routercore.provider.http import HttpRequest, HttpResponse

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Sender(Protocol):
    """As much of a transport as fetching takes."""

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        """See :meth:`routercore.engine.transport.base.Transport.send`."""
        ...


@dataclass(frozen=True, slots=True)
class Counting:
    """Tells of the bytes of each answer while they arrive."""

    transport: Transport
    take: Callable[[int], None]
    """Told how many more there are; what it raises ends the exchange."""

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        """See :class:`Sender`."""
        body = bytearray()
        opened = self.transport.open(request, public_only=public_only, max_bytes=max_bytes)
        async with opened as head:
            async for piece in head.chunks():
                self.take(len(piece))
                body += piece
            return HttpResponse(status=head.status, headers=head.headers, body=bytes(body),
                                url=request.url)  # fmt: skip


async def fetch(
    transport: Sender, url: str, *, trusted_origins: frozenset[str], max_bytes: int
) -> HttpResponse:
    """Fetch what an upstream's answer points to.

    Args:
        transport: performs the exchanges.
        url: http or https.
        trusted_origins: may be fetched from although their addresses are private.
        max_bytes: of the body.

    Returns:
        The first answer that is no redirect, whatever its status.

    Raises:
        BlockedAddressError: a hop leads to where it must not.
        TransportError: a hop failed, or there are too many.
    """
    for _ in range(MAX_REDIRECTS + 1):
        target = parse_url(url)
        response = await transport.send(
            HttpRequest(method="GET", url=url, billable=False),
            public_only=target.origin not in trusted_origins,
            max_bytes=max_bytes,
        )
        location = response.header("location")
        if response.status not in _REDIRECTS or location is None:
            return response
        url = join_url(url, location)
        if target.scheme == "https" and parse_url(url).scheme != "https":
            raise BlockedAddressError(f"{target.origin} redirects to a URL without TLS")
    raise TransportError(f"more than {MAX_REDIRECTS} redirects", Phase.HEADERS)
