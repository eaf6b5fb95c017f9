"""Connections that may only lead to public addresses, and TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from routercore.engine.transport.base import (
    BlockedAddressError,
    Phase,
    Transport,
    TransportError,
    phase_of,
)
from routercore.provider.http import get, post_json

from .conftest import MakeTransport, serving
from .faults import FaultServer, Reader, Writer, answering, cut_off

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Names:
    """A resolver that knows one name, and counts how often it is asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "127.1", "0x7f.1", "2130706433", "0"])
async def test_a_private_address_is_refused(transport: Transport, host: str) -> None:
    """An address that is not public is not connected to, however it is spelt."""
    async with FaultServer(answering(OK)) as server:
        with pytest.raises(BlockedAddressError):
            await transport.send(get(f"http://{host}:{server.port}/"), public_only=True)
    assert 0 == server.connections


async def test_a_name_of_a_private_address_is_refused(transport: Transport) -> None:
    """The guard looks at what a name resolves to, in ``send`` and in ``open``."""
    async with FaultServer(answering(OK)) as server:
        url = f"http://localhost:{server.port}/"
        with pytest.raises(BlockedAddressError):
            await transport.send(get(url), public_only=True)
        with pytest.raises(BlockedAddressError):
            await transport.send(post_json(url, {}), public_only=True)
        with pytest.raises(BlockedAddressError):
            async with transport.open(get(url), public_only=True):
                pass
    assert 0 == server.connections


async def test_the_checked_address_is_the_connected_one(make_transport: MakeTransport) -> None:
    """A name is resolved once, and the connection goes where that answer pointed."""
    names = Names("127.0.0.1")
    transport = make_transport(resolve=names)
    async with FaultServer(answering(OK)) as server:
        response = await transport.send(
            post_json(f"http://images.invalid:{server.port}/", {}), public_only=True
        )
        await transport.close()
    assert (200, [("images.invalid", server.port)]) == (response.status, names.asked)
    assert f"host: images.invalid:{server.port}".encode() in server.requests[0].lower()


async def test_a_dead_address_gives_way_to_the_next(make_transport: MakeTransport) -> None:
    """All checked addresses of a name are tried."""
    transport = make_transport(resolve=Names("::1", "127.0.0.1"))
    async with FaultServer(answering(OK)) as server:
        url = f"http://images.invalid:{server.port}/"
        assert 200 == (await transport.send(get(url), public_only=True)).status
        await transport.close()


async def test_tls_is_of_the_name_not_the_address(
    make_transport: MakeTransport, certificate: Path
) -> None:
    """With a pinned address the certificate is still checked against the name."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    transport = make_transport(resolve=Names("127.0.0.1"), ssl_context=trusting)
    async with FaultServer(answering(OK), tls=serving(certificate)) as server:
        for method in (get, lambda url: post_json(url, {})):
            url = f"https://images.invalid:{server.port}/"
            assert 200 == (await transport.send(method(url), public_only=True)).status
        with pytest.raises(TransportError) as caught:
            await transport.send(
                post_json(f"https://other.invalid:{server.port}/", {}), public_only=True
            )
        await transport.close()
    assert Phase.NOT_SENT == caught.value.phase


async def test_an_unknown_authority_is_refused(transport: Transport, certificate: Path) -> None:
    """Without the right authority nothing is sent."""
    async with FaultServer(answering(OK), tls=serving(certificate)) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(server.url(), {}))
    assert (Phase.NOT_SENT, []) == (caught.value.phase, server.requests)


async def test_a_request_lost_under_tls(make_transport: MakeTransport, certificate: Path) -> None:
    """A request that was taken and not answered counts as sent under TLS too."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    transport = make_transport(resolve=Names("127.0.0.1"), ssl_context=trusting)
    async with FaultServer(answering(b""), tls=serving(certificate)) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(
                post_json(f"https://images.invalid:{server.port}/", {"prompt": "x" * 1_000_000}),
                public_only=True,
            )
        await transport.close()
    assert (Phase.SENT, 1) == (caught.value.phase, len(server.requests))


async def greeting(server: FaultServer, reader: Reader, writer: Writer) -> None:
    writer.write(b"220 ready\r\n")
    await reader.read()


async def test_tls_to_a_plain_port(transport: Transport) -> None:
    """A handshake that fails left nothing."""
    async with FaultServer(greeting) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(f"https://127.0.0.1:{server.port}/", {}))
        await server.all_closed()
    assert Phase.NOT_SENT == caught.value.phase


async def silent(server: FaultServer, reader: Reader, writer: Writer) -> None:
    while await reader.read(1 << 16):
        server.reached.set()


async def test_cancelling_a_handshake(transport: Transport) -> None:
    """A handshake that was cancelled leaves no connection."""
    async with FaultServer(silent) as server:
        request = post_json(f"https://127.0.0.1:{server.port}/", {})
        error = await cut_off(server, transport.send(request))
        await server.all_closed()
    assert (Phase.NOT_SENT, 1) == (phase_of(error), server.connections)


async def test_a_handshake_that_does_not_end(make_transport: MakeTransport) -> None:
    """Connecting has a limit of its own, and what it ends left nothing."""
    transport = make_transport(connect_timeout=0.1)
    async with FaultServer(silent) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(f"https://127.0.0.1:{server.port}/", {}))
        await server.all_closed()
        await transport.close()
    assert Phase.NOT_SENT == caught.value.phase
