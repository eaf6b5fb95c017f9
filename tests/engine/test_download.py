"""Fetching result URLs: every hop is checked, and only so many are followed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from routercore.engine.download import fetch
from routercore.engine.transport.base import (
    BlockedAddressError,
    OpenResponse,
    Phase,
    TransportError,
)
from routercore.provider.http import HttpRequest, HttpResponse


class Site:
    """A transport that knows where each URL redirects to, and remembers who was asked."""

    name = "site"

    def __init__(self, redirects: Mapping[str, str]) -> None:
        self.redirects = redirects
        self.asked: list[tuple[str, bool]] = []
        self.requests: list[HttpRequest] = []

    async def send(
        self, request: HttpRequest, *, public_only: bool = False, max_bytes: int = 0
    ) -> HttpResponse:
        self.asked.append((request.url, public_only))
        self.requests.append(request)
        location = self.redirects.get(request.url)
        if location is not None:
            return HttpResponse(status=302, headers={"location": location})
        return HttpResponse(status=200, body=b"x" * max_bytes)

    def open(
        self, request: HttpRequest, *, public_only: bool = False, max_bytes: int = 0
    ) -> AbstractAsyncContextManager[OpenResponse]:
        raise AssertionError("results are fetched whole")

    async def close(self) -> None:
        pass


NOBODY: frozenset[str] = frozenset()


async def test_a_result_is_fetched_unsigned() -> None:
    """A plain GET, guarded, with the allowed size passed on."""
    site = Site({})
    response = await fetch(site, "https://a.example/x", trusted_origins=NOBODY, max_bytes=3)
    assert b"xxx" == response.body
    assert [("https://a.example/x", True)] == site.asked
    assert [("GET", {}, False)] == [(r.method, r.headers, r.is_billable) for r in site.requests]


async def test_every_hop_is_guarded() -> None:
    """Redirects, relative ones too, are followed by hand; trust is of one origin alone."""
    site = Site({"http://10.0.0.7:9000/x": "/y", "http://10.0.0.7:9000/y": "http://10.0.0.8/z"})
    trusted = frozenset({"http://10.0.0.7:9000"})
    await fetch(site, "http://10.0.0.7:9000/x", trusted_origins=trusted, max_bytes=1)
    assert [
        ("http://10.0.0.7:9000/x", False),
        ("http://10.0.0.7:9000/y", False),
        ("http://10.0.0.8/z", True),
    ] == site.asked


async def test_trust_is_not_won_by_spelling() -> None:
    """What only looks like a trusted origin is refused or guarded."""
    trusted = frozenset({"http://10.0.0.7"})
    site = Site({})
    await fetch(site, "http://10.0.0.7.evil.example/", trusted_origins=trusted, max_bytes=1)
    assert [True] == [public_only for _, public_only in site.asked]
    for url in ("http://10.0.0.7@evil.example/", "http://10.0.0.7\\@evil.example/", "data:,x"):
        with pytest.raises(TransportError):
            await fetch(site, url, trusted_origins=trusted, max_bytes=1)


async def test_three_redirects_are_enough() -> None:
    """A loop ends."""
    site = Site({"https://a.example/": "https://a.example/"})
    with pytest.raises(TransportError) as caught:
        await fetch(site, "https://a.example/", trusted_origins=NOBODY, max_bytes=1)
    assert (Phase.HEADERS, 4) == (caught.value.phase, len(site.asked))


@pytest.mark.parametrize("location", ["http://a.example/", "file:///etc/passwd", "https://u@b/"])
async def test_redirects_that_are_not_followed(location: str) -> None:
    """Never from TLS to none, and never to anything but http."""
    site = Site({"https://a.example/": location})
    with pytest.raises(TransportError):
        await fetch(site, "https://a.example/", trusted_origins=NOBODY, max_bytes=1)
    assert 1 == len(site.asked)


async def test_leaving_tls_is_blocked() -> None:
    """Losing TLS on the way counts as a blocked address: the URL is not tried again."""
    site = Site({"https://a.example/": "http://a.example/"})
    with pytest.raises(BlockedAddressError):
        await fetch(site, "https://a.example/", trusted_origins=NOBODY, max_bytes=1)


async def test_a_redirect_without_a_location_is_an_answer() -> None:
    """It is the caller's to judge, like any other status."""

    class Odd(Site):
        async def send(
            self, request: HttpRequest, *, public_only: bool = False, max_bytes: int = 0
        ) -> HttpResponse:
            return HttpResponse(status=304)

    response = await fetch(Odd({}), "https://a.example/", trusted_origins=NOBODY, max_bytes=1)
    assert 304 == response.status
