"""Multipart forms, parsed as they arrive, with limits on parts, headers and bytes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from routercore.server.bodies import Account, pieces
from routercore.server.body import MAX_REFERENCE
from routercore.server.faults import TooLargeError
from routercore.values.errors import RequestError
from routercore.values.images import MAX_INPUT_BYTES

MAX_PARTS = 256
MAX_HEADERS = 16
"""Of one part."""
MAX_HEADER_BYTES = 4096
MAX_TEXT_BYTES = 1024 * 1024
"""Of one field that is not a file."""
MAX_STEPS = 32
"""Of one bracketed name."""
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form. Its name is not kept: nobody needs it, and it may say anything."""

    data: bytes = field(repr=False)


Part = tuple[str, str | Upload | None]
"""``None`` is the file of a field that nobody filled in, as browsers send it."""


async def read_form(request: Request, limit: int, account: Account) -> list[Part]:
    """All parts in order, by field name.

    Raises:
        RequestError: the form is malformed, or breaks a limit.
    """
    collector = _Collector(_boundary(request))
    try:
        async for piece in pieces(request, limit, account):
            if piece:
                collector.write(piece)
        return collector.finish()
    finally:
        collector.close()


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise _malformed("the Content-Type has no boundary")
    return boundary


def _malformed(why: str) -> RequestError:
    return RequestError(f"The form could not be parsed: {why}.", code="invalid_form")


class _Collector:
    """Receives the parser's events and builds parts."""

    def __init__(self, boundary: bytes) -> None:
        self.parts: list[Part] = []
        self._name = ""
        self._is_file = self._is_named = self._ended = False
        self._body = io.BytesIO()
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open,
                    "on_part_data": self._on_data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def write(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def finish(self) -> list[Part]:
        if not self._ended:
            raise _malformed("it breaks off")
        return self.parts

    def close(self) -> None:
        """Part from the parser: both know each other, and would keep what was read in memory."""
        self._parser.callbacks = {}

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise TooLargeError(f"The form has more than {MAX_PARTS} parts.")
        self._disposition = b""

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if kind != b"form-data" or not name:
            raise _malformed("a part has no name")
        self._name = _text(name, "a part's name")
        self._is_file, self._is_named = b"filename" in options, bool(options.get(b"filename"))
        self._body = io.BytesIO()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        limit = self._limit()
        if self._body.tell() + end - start > limit:
            message = f"{self._name!r} is larger than {limit:,} bytes."
            raise TooLargeError(message, param=self._name.partition("[")[0])
        self._body.write(memoryview(data)[start:end])

    def _limit(self) -> int:
        """Bytes of this part. An image may also come as a text field, as a data URL."""
        if self._is_file:
            return MAX_INPUT_BYTES
        is_image = self._name.partition("[")[0] in ("image", "images", "mask", "markup")
        return MAX_REFERENCE if is_image else MAX_TEXT_BYTES

    def _end(self) -> None:
        self.parts.append((self._name, self._value_of(self._body.getvalue())))

    def _value_of(self, data: bytes) -> str | Upload | None:
        if not self._is_file:
            return _text(data, repr(self._name))
        return Upload(data) if data or self._is_named else None

    def _finish(self) -> None:
        self._ended = True


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(f"{what} is not UTF-8") from None


def path_of(name: str) -> list[str]:
    """The steps of a bracketed field name: ``svg[reasoning][effort]`` is three.

    >>> path_of("svg[reasoning][effort]")
    ['svg', 'reasoning', 'effort']
    >>> path_of("image[]")
    ['image', '']

    Raises:
        RequestError: there are more steps than anything needs.
    """
    head, bracket, rest = name.partition("[")
    path = [head, *_BRACKETED.findall(bracket + rest)]
    if len(path) > MAX_STEPS:
        raise RequestError(f"{head[:64]!r} is nested too deeply.", param=head[:64],
                           code="invalid_value")  # fmt: skip
    return path
