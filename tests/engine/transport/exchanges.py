"""Requests and raw answers for the tests of transports."""

from __future__ import annotations

import gzip

from routercore.provider.http import HttpRequest

from .faults import (
    FaultServer,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LARGE = bytes(20_000_000)


def post(server: FaultServer, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(method="POST", url=server.url("/v1/images"), content=body)


def answer(body: bytes, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body


BROKEN = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n12345",
    "gzip": answer(gzip.compress(LARGE)[:-9], "content-encoding: gzip"),
    "damaged": answer(b"not gzip at all", "content-encoding: gzip"),
    "unasked": answer(b"whatever", "content-encoding: br"),
}
