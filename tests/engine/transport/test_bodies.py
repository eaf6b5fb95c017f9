"""What every transport makes of an answer's body: whole, broken, compressed or too large."""

from __future__ import annotations

import gzip
import zlib

import pytest
from tests.engine.transport.exchanges import BROKEN, LARGE, answer, post

from routercore.engine.transport.base import (
    Phase,
    TooLargeError,
    Transport,
    TransportError,
)

from .faults import (
    FaultServer,
    answering,
    reset_in,
)


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_body(transport: Transport, kind: str) -> None:
    """A body that is cut, damaged or undecodable is an answer that broke off."""
    async with FaultServer(answering(BROKEN[kind])) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server))
    assert Phase.HEADERS == caught.value.phase


async def test_a_reset_in_the_body(transport: Transport) -> None:
    """A connection reset amid the body is an answer that broke off."""
    async with FaultServer(reset_in(BROKEN["length"])) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server))
    assert Phase.HEADERS == caught.value.phase


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 40 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
)
async def test_something_that_is_not_http(transport: Transport, raw: bytes) -> None:
    """An answer in no known protocol counts as none."""
    async with FaultServer(answering(raw)) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server))
    assert Phase.SENT == caught.value.phase


async def test_a_body_ended_by_closing(transport: Transport) -> None:
    """Without a length the end of the connection is the end of the body."""
    async with FaultServer(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as server:
        assert b"all of it" == (await transport.send(post(server))).body


async def test_a_large_answer(transport: Transport) -> None:
    """Megabytes arrive unchanged."""
    body = bytes(range(256)) * 40_000
    async with FaultServer(answering(answer(body))) as server:
        assert body == (await transport.send(post(server))).body


def _bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(LARGE)),
        ("GZIP", gzip.compress(LARGE[:5]) + gzip.compress(LARGE[5:])),
        ("deflate", zlib.compress(LARGE)),
        ("deflate", _bare_deflate(LARGE)),
        ("identity", LARGE),
        ("", LARGE),
    ],
    ids=["gzip", "two-members", "deflate", "bare-deflate", "identity", "unnamed"],
)
async def test_compressed_although_not_asked(
    transport: Transport, encoding: str, packed: bytes
) -> None:
    """gzip and deflate, in all their forms, are undone."""
    raw = answer(packed, f"content-encoding: {encoding}")
    async with FaultServer(answering(raw)) as server:
        assert LARGE == (await transport.send(post(server))).body


TOO_LARGE = {
    "announced": b"HTTP/1.1 200 OK\r\ncontent-length: 1000001\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"20000\r\n" + bytes(0x20000) + b"\r\n",
    "bomb": answer(gzip.compress(LARGE), "content-encoding: gzip"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOO_LARGE)
async def test_an_answer_that_is_too_large(transport: Transport, kind: str) -> None:
    """Reading stops at the allowed size of the decoded body, and the connection is dropped."""
    async with FaultServer(answering(TOO_LARGE[kind], close=False)) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server), max_bytes=100_000)
        await server.all_closed()
    assert isinstance(caught.value, TooLargeError)
