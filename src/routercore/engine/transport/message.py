"""Requests as they go on the wire and answers as they come from it, whatever the library."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from routercore.engine.addresses import ParsedUrl, check_public_url, parse_url
from routercore.engine.jsons import dumps, loads
from routercore.engine.splices import SplicedResponse, Splices
from routercore.engine.transport.base import Phase, TooLargeError, TransportError
from routercore.provider.http import HttpRequest, HttpResponse, Part

PIECE_BYTES = 256 * 1024
"""A body is handed over piece by piece: until the last one, it provably did not leave whole."""

LARGE_BYTES = 1024 * 1024
"""JSON from this size on is not held as a whole beside what is read from it."""

_METHOD = re.compile(r"[A-Z]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


@dataclass(frozen=True, slots=True)
class Message:
    """A request, encoded and checked."""

    method: str
    url: ParsedUrl
    headers: tuple[tuple[str, str], ...]
    body: tuple[bytes, ...]
    """One behind the other; the pictures of a form are not copied to be one with it."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.body))

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        """The body in pieces, at least one, each with whether it is the last."""
        left = self.size
        if not left:
            yield b"", True
        for part in self.body:
            for start in range(0, len(part), PIECE_BYTES):
                piece = part[start : start + PIECE_BYTES]
                left -= len(piece)
                yield piece, not left


def encode(request: HttpRequest, *, public_only: bool) -> Message:
    """Encode a request.

    Raises:
        TransportError: it cannot be sent as it is; ``is_local``, and nothing left.
        BlockedAddressError: the URL itself leads to where it must not.
    """
    if not _METHOD.fullmatch(request.method):
        raise _unsendable(f"the method {request.method!r} is not one of HTTP")
    url = check_public_url(request.url) if public_only else parse_url(request.url)
    media_type, body = _encode_body(request)
    headers = {
        "host": url.authority,
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "routercore",
    }
    size = sum(map(len, body))
    if size or request.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(size)
    if request.is_billable:
        headers["connection"] = "close"
    if media_type:
        headers["content-type"] = media_type
    headers.update(_checked(request.headers))
    return Message(request.method, url, tuple(headers.items()), body)


def _encode_body(request: HttpRequest) -> tuple[str | None, tuple[bytes, ...]]:
    try:
        if request.json is not None:
            return "application/json", (dumps(request.json),)
        if request.form is not None:
            return _multipart(request.form)
    except (ValueError, TypeError) as error:
        raise _unsendable("the request's body cannot be encoded") from error
    return None, (request.content or b"",)


def _multipart(parts: Iterable[Part]) -> tuple[str, tuple[bytes, ...]]:
    from httpx2 import Request

    files = [(part.name, (part.filename, part.data, part.media_type)) for part in parts]
    encoded = Request("POST", "http://localhost", files=files)
    chunks = cast(Iterable[bytes], encoded.stream)
    return encoded.headers["content-type"], tuple(_runs(chunks))


def _runs(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What is small joined with its neighbours, and what is large as it is."""
    small: list[bytes] = []
    for chunk in chunks:
        if len(chunk) < PIECE_BYTES:
            small.append(chunk)
        else:
            yield b"".join(small)
            small.clear()
            yield chunk
    yield b"".join(small)


def _checked(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise _unsendable(f"the header {name!r} cannot be set")
        if not _HEADER_VALUE.fullmatch(value):  # It may be a secret: not in the message.
            raise _unsendable(
                f"the value of the header {name!r} has characters that it cannot have"
            )
        yield name.lower(), value.strip()


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; repeated ones joined by commas."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class Incoming:
    """The body of an answer on its way in; large JSON is taken apart meanwhile."""

    __slots__ = ("_body", "_is_json", "_splices")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._is_json = "json" in headers.get("content-type", "")
        self._body = bytearray()
        self._splices: Splices | None = None
        if self._is_json and _length(headers) >= LARGE_BYTES:
            self._splices = Splices()

    def add(self, piece: bytes) -> None:
        """Take what arrived next."""
        if self._splices is not None:
            self._splices.feed(piece)
            return
        self._body += piece
        if self._is_json and len(self._body) >= LARGE_BYTES:
            self._splices = Splices(bytes(self._body))
            self._body.clear()

    def whole(self) -> Splices | bytes:
        """All of it, once it is there."""
        return bytes(self._body) if self._splices is None else self._splices


def response(
    message: Message, status: int, headers: Mapping[str, str], incoming: Incoming
) -> HttpResponse:
    """A whole answer, as it is now complete."""
    url = message.url.origin + message.url.path
    body, received = incoming.whole(), time.time()
    if isinstance(body, Splices):
        return SplicedResponse(
            status=status, headers=headers, body=body, url=url, received=received, loads=loads
        )
    return HttpResponse(
        status=status, headers=headers, body=body, url=url, received=received, loads=loads
    )


def _length(headers: Mapping[str, str]) -> int:
    """What is announced; 0 where nothing is, or nothing that is a number."""
    length = headers.get("content-length", "")
    return int(length[:19]) if length.isdecimal() else 0


def check_length(headers: Mapping[str, str], max_bytes: int) -> None:
    """Refuse an answer that announces more than is allowed."""
    if _length(headers) > max_bytes:
        raise TooLargeError(max_bytes)


async def decode_body(
    raw: AsyncGenerator[bytes], headers: Mapping[str, str], max_bytes: int
) -> AsyncIterator[bytes]:
    """Undo the content-encoding piece by piece, and stop at the allowed size.

    Raises:
        TooLargeError: the decoded body is larger than allowed.
        TransportError: it is damaged, cut, or encoded in a way that was not asked for.
    """
    check_length(headers, max_bytes)
    encoding = headers.get("content-encoding", "").strip().lower()
    inflater = None if encoding in ("", "identity") else _Inflater(encoding)
    total = 0
    async with aclosing(raw):
        async for chunk in raw:
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                total += len(piece)
                if total > max_bytes:
                    raise TooLargeError(max_bytes)
                yield piece
    if inflater is not None:
        inflater.finish()


class _Inflater:
    """gzip and deflate, in bounded pieces, however much they swell."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            message = f"the answer's content-encoding {encoding[:40]!r} was not asked for"
            raise TransportError(message, Phase.HEADERS)
        self._may_be_bare = encoding == "deflate"
        self._zlib = zlib.decompressobj(47)  # gzip or zlib, told by its head.
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._zlib.eof:  # gzip files may be concatenated.
                self._zlib = zlib.decompressobj(47)
            yield from self._pieces(data)
            data = self._zlib.unused_data

    def finish(self) -> None:
        if self._is_begun and not self._zlib.eof:
            raise TransportError("the answer's compressed body is cut", Phase.HEADERS)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._decompress(data)
            data = self._zlib.unconsumed_tail
            if piece:
                yield piece
            if self._zlib.eof or (not data and len(piece) < PIECE_BYTES):
                return

    def _decompress(self, data: bytes) -> bytes:
        first, self._is_begun = not self._is_begun, True
        try:
            return self._zlib.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            if not (first and self._may_be_bare):
                message = "the answer's compressed body is damaged"
                raise TransportError(message, Phase.HEADERS) from error
        self._zlib = zlib.decompressobj(-15)  # Some servers send deflate without its wrapper.
        return self._decompress(data)


def _unsendable(message: str) -> TransportError:
    return TransportError(message, Phase.NOT_SENT, is_local=True)
