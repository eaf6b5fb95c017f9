"""Connections through a proxy: all of them, guarded as ever, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routercore.engine.addresses import resolve_public
from routercore.engine.setup import ProxySetup
from routercore.engine.transport import default_transport
from routercore.engine.transport.base import BlockedAddressError, Phase, TransportError, phase_of
from routercore.engine.transport.portable import PortableTransport
from routercore.provider.http import get, post_json

from .conftest import serving
from .faults import FaultServer, answering, hang
from .proxies import Proxy
from .test_guard import OK, Names

ELSEWHERE = "http://api.invalid/v1/images"
Resolve = Callable[[str, int], Awaitable[list[str]]]


@asynccontextmanager
async def through(
    url: str,
    *direct: str,
    resolve: Resolve = resolve_public,
    connect_timeout: float = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[PortableTransport]:
    """A transport whose way out is the proxy."""
    transport = PortableTransport(
        proxy=ProxySetup(url, direct),
        resolve=resolve,
        connect_timeout=connect_timeout,
        ssl_context=ssl_context,
    )
    yield transport
    await transport.close()


async def test_every_request_takes_it() -> None:
    """Calls that are paid and those that are not go through, by name, as they would directly."""
    async with (
        FaultServer(answering(OK)) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin) as transport,
    ):
        paid = await transport.send(post_json(ELSEWHERE, {"prompt": "a heron"}))
        free = await transport.send(get(ELSEWHERE))

    assert (200, 200, b"{}") == (paid.status, free.status, paid.body)
    assert ["api.invalid:80", "api.invalid:80"] == proxy.targets
    assert server.requests[0].startswith(b"POST /v1/images HTTP/1.1\r\n")
    assert b"host: api.invalid\r\n" in server.requests[0].lower()


async def test_the_password_is_the_proxys_alone() -> None:
    """The user and password of its URL are told to the proxy, and to nobody behind it."""
    async with FaultServer(answering(OK)) as server, Proxy(server.port) as proxy:
        url = proxy.origin.replace("://", "://me:s%40cret@")
        async with through(url) as transport:
            await transport.send(post_json(ELSEWHERE, {}))

    expected = b"proxy-authorization: basic " + b64encode(b"me:s@cret").lower()
    assert expected in proxy.asked[0].lower()
    assert b"proxy-authorization" not in server.requests[0].lower()


async def test_tls_is_with_the_other_end(certificate: Path) -> None:
    """The proxy passes on what it cannot read; the certificate is checked against the name."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with (
        FaultServer(answering(OK), tls=serving(certificate)) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin, ssl_context=trusting) as transport,
    ):
        response = await transport.send(post_json("https://images.invalid/v1", {"prompt": "x"}))
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json("https://other.invalid/v1", {}))

    assert (200, Phase.NOT_SENT) == (response.status, caught.value.phase)
    assert ["images.invalid:443", "other.invalid:443"] == proxy.targets
    assert 1 == len(server.requests)


async def test_a_proxy_under_tls(certificate: Path) -> None:
    """A proxy may itself be spoken to under TLS, also about an end that is."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    secure = serving(certificate)
    async with (
        FaultServer(answering(OK), tls=secure) as server,
        Proxy(server.port, tls=secure) as proxy,
        through(f"https://127.0.0.1:{proxy.port}", ssl_context=trusting) as transport,
    ):
        response = await transport.send(post_json("https://images.invalid/v1", {"prompt": "x"}))
    assert (200, ["images.invalid:443"]) == (response.status, proxy.targets)


async def test_the_guard_stands_before_it(certificate: Path) -> None:
    """A name is looked up here and checked, and the proxy is asked for that very address."""
    trusting = ssl.create_default_context(cafile=str(certificate))
    names = Names("93.184.215.14")
    async with (
        FaultServer(answering(OK), tls=serving(certificate)) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin, resolve=names, ssl_context=trusting) as transport,
    ):
        url = "https://images.invalid/a.png"
        response = await transport.send(get(url), public_only=True)
    assert (200, [("images.invalid", 443)]) == (response.status, names.asked)
    assert ["93.184.215.14:443"] == proxy.targets


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254"])
async def test_what_is_not_public_stays_out_of_reach(host: str) -> None:
    """What the guard refuses directly it refuses through a proxy, which is not even asked."""
    async with Proxy(1) as proxy, through(proxy.origin) as transport:
        with pytest.raises(BlockedAddressError):
            await transport.send(get(f"http://{host}/a.png"), public_only=True)
    assert [] == proxy.targets


async def test_an_address_that_the_proxy_does_not_reach_gives_way_to_the_next() -> None:
    """All checked addresses of a name are tried, those of version 6 in brackets."""
    names = Names("2606:2800:21f::1", "93.184.215.14")
    async with (
        FaultServer(answering(OK)) as server,
        Proxy(server.port, refuses="[") as proxy,
        through(proxy.origin, resolve=names) as transport,
    ):
        response = await transport.send(get("http://images.invalid/a.png"), public_only=True)
    assert (200, ["[2606:2800:21f::1]:80", "93.184.215.14:80"]) == (response.status, proxy.targets)


async def test_hosts_that_are_reached_directly() -> None:
    """Hosts that are named, by a pattern too, are reached without it."""
    async with (
        FaultServer(answering(OK)) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin, "127.*", "*.Internal") as transport,
    ):
        assert 200 == (await transport.send(post_json(server.url(), {}))).status
        with pytest.raises(TransportError):
            await transport.send(post_json("http://comfy.internal/", {}))
        await transport.send(post_json(ELSEWHERE, {}))
    assert ["api.invalid:80"] == proxy.targets


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n", "answered 407: its user or"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "answered 403"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://x/\r\n\r\n", "answered 302"),
        (b"SSH-2.0-dropbear\r\n\r\n", "answered with what is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}", "said more than that there is a way"),
        (b"HTTP/1.1 200", "answered with what is not HTTP"),
    ],
)
async def test_a_proxy_that_makes_no_way(answer: bytes, words: str) -> None:
    """Nothing has left, so that another target may be asked; the message names no password."""
    async with Proxy(1, answer=answer) as proxy:
        url = proxy.origin.replace("://", "://me:secret@")
        async with through(url) as transport:
            with pytest.raises(TransportError) as caught:
                await transport.send(post_json("https://api.invalid/v1", {"prompt": "x"}))
        await proxy.all_closed()
    told = str(caught.value)
    assert told.startswith(f"no way to tcp://api.invalid:443: the proxy {proxy.origin} ")
    assert (Phase.NOT_SENT, True, False) == (caught.value.phase, words in told, "secret" in told)
    assert caught.value.is_local


async def test_a_target_that_the_proxy_cannot_reach() -> None:
    """What the proxy says of the target's side is not held to be our own fault."""
    for code in (502, 503, 504):
        async with (
            Proxy(1, answer=b"HTTP/1.1 %d No\r\n\r\n" % code) as proxy,
            through(proxy.origin) as transport,
        ):
            with pytest.raises(TransportError) as caught:
                await transport.send(post_json(ELSEWHERE, {}))
        assert (Phase.NOT_SENT, False) == (caught.value.phase, caught.value.is_local)


async def test_interim_answers_are_waited_out() -> None:
    """A proxy may say that it is at it before it says that there is a way."""
    async with (
        FaultServer(answering(OK)) as server,
        Proxy(server.port, before=b"HTTP/1.1 102 Processing\r\n\r\n") as proxy,
        through(proxy.origin) as transport,
    ):
        assert 200 == (await transport.send(post_json(ELSEWHERE, {}))).status


async def test_a_proxy_that_is_not_there() -> None:
    """It is named, and nothing has left."""
    async with Proxy(1) as proxy:
        pass
    async with through(proxy.origin) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(ELSEWHERE, {}))
    told = f"could not send to the proxy {proxy.origin} (ConnectionRefusedError)"
    assert (Phase.NOT_SENT, told) == (caught.value.phase, str(caught.value))
    assert caught.value.is_local


async def test_a_silent_proxy_is_given_up() -> None:
    """The time for connecting holds for the way as a whole, and no socket stays open."""
    async with (
        Proxy(1, answer=b"") as proxy,
        through(proxy.origin, connect_timeout=0.1) as transport,
    ):
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(ELSEWHERE, {}))
        await proxy.all_closed()
    assert (Phase.NOT_SENT, 1) == (caught.value.phase, len(proxy.asked))
    assert not caught.value.is_local  # It may be the target that is silent.
    assert f"could not send to the proxy {proxy.origin} (TimeoutError)" == str(caught.value)


async def test_a_call_that_is_cancelled_leaves_no_way_open() -> None:
    """Neither while it is asked for, nor once a request went along it."""
    async with Proxy(1, answer=b"") as proxy, through(proxy.origin) as transport:
        asking = asyncio.create_task(transport.send(post_json(ELSEWHERE, {})))
        await proxy.reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError) as before:
            await asking
        await proxy.all_closed()
    async with (
        FaultServer(hang) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin) as transport,
    ):
        asking = asyncio.create_task(transport.send(post_json(ELSEWHERE, {"prompt": "x"})))
        await server.reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError) as after:
            await asking
        await proxy.all_closed()
    assert (Phase.NOT_SENT, Phase.SENT) == (phase_of(before.value), phase_of(after.value))


async def test_an_answer_that_breaks_off_behind_it_was_sent() -> None:
    """A request that was taken and not answered counts as sent, as it does directly."""
    async with (
        FaultServer(answering(b"")) as server,
        Proxy(server.port) as proxy,
        through(proxy.origin) as transport,
    ):
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(ELSEWHERE, {"prompt": "x" * 1_000_000}))
    assert (Phase.SENT, 1) == (caught.value.phase, len(server.requests))


def test_the_transport_that_knows_proxies_is_chosen() -> None:
    """With a proxy it is the portable one, also where the fast one is installed."""
    assert "httpx2" == default_transport(ProxySetup("http://127.0.0.1:3128")).name
