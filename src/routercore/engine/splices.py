"""JSON with megabytes of base64 in it: taken apart while it arrives, so that it is held once.

Read as a whole, such an answer would be there twice: as it came, and as the strings made of it.
"""

from __future__ import annotations

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
NOWHERE = -1


class Splices:
    """A body in two halves: the JSON around its long strings, and these; fed as it arrives."""

    __slots__ = ("_at", "_long", "_pieces", "_quote", "_tail", "_texts")

    def __init__(self, *pieces: bytes) -> None:
        self._pieces: list[bytes] = []
        self._texts: list[str] = []
        self._tail = bytearray()
        """What came since the last string that was cut out."""
        self._quote, self._at = NOWHERE, 0
        """The last quote in the tail that a long string may begin with; where to look for more."""
        self._long: list[str] = []
        """What has come of the long string that the tail ends before."""
        for piece in pieces:
            self.feed(piece)

    def feed(self, piece: bytes) -> None:
        """Take what arrived next."""
        if self._long:
            end = piece.find(b'"')
            if not self._goes_on(piece if end < 0 else piece[:end]):
                self._put_back()
            elif end < 0:
                return
            else:
                self._cut("".join(self._long))
                self._long.clear()
                piece = piece[end:]
        self._tail += piece
        self._look()

    def _goes_on(self, inside: bytes) -> bool:
        """Take more of a long string; false if it does not mean itself letter by letter."""
        text = _plain(inside)
        if text is not None:
            self._long.append(text)
        return text is not None

    def _put_back(self) -> None:
        self._tail += "".join(self._long).encode()
        self._long.clear()
        self._quote, self._at = NOWHERE, len(self._tail)

    def _cut(self, text: str) -> None:
        """Keep ``text``, in whose place the tail ends; the quote behind it comes next."""
        self._texts.append(text)
        self._pieces.append(bytes(self._tail))
        self._tail.clear()
        self._quote, self._at = NOWHERE, 1

    def _look(self) -> None:
        """Find long strings in the tail; some may be overlooked.

        Between two neighbouring quotes there is either a string or what stands between strings.
        """
        tail = self._tail
        while (after := tail.find(b'"', self._at)) >= 0:
            text = self._string(after)
            if text is None:
                self._quote, self._at = after, after + 1
            else:
                behind = tail[after:]
                del tail[self._quote + 1 :]
                self._cut(text)
                tail += behind
        self._at = len(tail)
        if (text := self._string(len(tail))) is not None:
            del tail[self._quote + 1 :]
            self._long.append(text)
        elif len(tail) - self._quote > LONG:
            self._quote = NOWHERE

    def _string(self, end: int) -> str | None:
        """What stands between the last quote and ``end``, if it is long and plainly a string."""
        tail, quote = self._tail, self._quote
        if quote == NOWHERE or end - quote <= LONG:
            return None
        begins = quote > 0 and tail[quote - 1] in _BEFORE and tail[quote + 1] in _BASE64
        if not begins:
            return None
        with memoryview(tail) as view:
            return _plain(bytes(view[quote + 1 : end]))

    def _all_pieces(self) -> list[bytes]:
        return [*self._pieces, bytes(self._tail) + "".join(self._long).encode()]

    def skeleton(self) -> bytes:
        """JSON with marks in place of the long strings."""
        marks = [b"\\u0000%b%d" % (MARK[1:].encode(), n) for n in range(len(self._texts))]
        return _interleaved(self._all_pieces(), marks)

    def whole(self) -> bytes:
        """The body as it was."""
        return _interleaved(self._all_pieces(), [text.encode() for text in self._texts])

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

    def __init__(self, *, body: Splices | bytes = b"", **fields: Any) -> None:
        splices = body if isinstance(body, Splices) else Splices(body)
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


def _plain(data: bytes) -> str | None:
    """The text of a part of a string, if it means itself letter by letter."""
    return str(data, "ascii") if data.isascii() and b"\\" not in data else None
