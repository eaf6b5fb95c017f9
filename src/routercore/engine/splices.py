"""JSON with megabytes of base64 in it: taken apart once it is there, so that it is held once.

Read as a whole, such an answer would be there twice: as it came, and as the strings made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from routercore.provider.http import HttpResponse

LONG = 64 * 1024
"""Bytes from which a string is cut out."""
MARK = "\x00routercore-splice-"
"""With a number, what stands in for it: no service begins a text with NUL."""
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BEFORE = frozenset(b"{[:, \t\r\n")
"""What can stand before a string."""


class Splices:
    """A body in two halves: the JSON around its long strings, and these."""

    __slots__ = ("_pieces", "_texts")

    def __init__(self, body: bytearray) -> None:
        """Take ``body`` apart; it is empty afterwards."""
        self._pieces: list[bytes] = []
        self._texts: list[str] = []
        for start, end in reversed(list(_long_strings(body))):
            with memoryview(body) as view:
                self._texts.append(str(view[start:end], "ascii"))
                self._pieces.append(bytes(view[end:]))
            del body[start:]  # From the end: what was cut out is given back at once.
        self._pieces.append(bytes(body))
        body.clear()
        self._pieces.reverse()
        self._texts.reverse()

    def skeleton(self) -> bytes:
        """JSON with marks in place of the long strings."""
        marks = [b"\\u0000%b%d" % (MARK[1:].encode(), n) for n in range(len(self._texts))]
        return _interleaved(self._pieces, marks)

    def whole(self) -> bytes:
        """The body as it was."""
        return _interleaved(self._pieces, [text.encode() for text in self._texts])

    def restored(self, value: Any) -> Any:
        """What was read from the skeleton, with the long strings where they belong."""
        if isinstance(value, str) and value.startswith(MARK):
            number = value.removeprefix(MARK)
            is_ours = number.isdecimal() and int(number) < len(self._texts)
            return self._texts[int(number)] if is_ours else value
        if isinstance(value, dict):
            return {self.restored(name): self.restored(item) for name, item in value.items()}
        return [self.restored(item) for item in value] if isinstance(value, list) else value


class SplicedResponse(HttpResponse):
    """A response whose body is held in splices; whoever reads it sees no difference."""

    __slots__ = ("_splices",)
    _splices: Splices

    def __init__(self, *, body: bytearray | bytes = b"", **fields: Any) -> None:
        """A ``bytearray`` is empty afterwards."""
        splices = Splices(body if isinstance(body, bytearray) else bytearray(body))
        object.__setattr__(self, "_splices", splices)
        super().__init__(**fields)

    @property
    def body(self) -> bytes:
        """Put together anew, each time."""
        return self._splices.whole()

    @body.setter
    def body(self, value: bytes) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The splices have it."""

    def json(self) -> Any:
        return self._splices.restored(self.loads(self._splices.skeleton()))


def _interleaved(pieces: list[bytes], between: list[bytes]) -> bytes:
    return b"".join(b for pair in zip_longest(pieces, between, fillvalue=b"") for b in pair)


def _long_strings(body: bytearray) -> Iterator[tuple[int, int]]:
    """Where long strings begin and end, without their quotes; some may be overlooked.

    Between two neighbouring quotes there is either a string or what stands between strings.
    """
    quote = body.find(b'"')
    while quote >= 0 and (after := body.find(b'"', quote + 1)) >= 0:
        if after - quote > LONG and _is_plain_string(body, quote, after):
            yield quote + 1, after
            after = body.find(b'"', after + 1)
        quote = after


def _is_plain_string(body: bytearray, quote: int, after: int) -> bool:
    """Whether what is between these quotes is a string that means itself, letter by letter."""
    begins = quote > 0 and body[quote - 1] in _BEFORE and body[quote + 1] in _BASE64
    if not begins or body.find(b"\\", quote, after) >= 0:
        return False
    with memoryview(body) as view, view[quote:after] as inside:
        return _is_ascii(inside)


def _is_ascii(view: memoryview) -> bool:
    """Looked at in pieces, to copy little at a time."""
    return all(bytes(view[start : start + LONG]).isascii() for start in range(0, len(view), LONG))
