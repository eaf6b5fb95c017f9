"""Text as it reads, whatever it was escaped by on its way: what two texts are compared by."""

from __future__ import annotations

import html
import re
import sys
from unicodedata import normalize
from urllib.parse import unquote

_HEX = "[0-9a-fA-F]"
_ESCAPED = re.compile(
    rf"(?<!\\)\\+u(?P<high>[dD][89abAB]{_HEX}{{2}})\\+u(?P<low>[dD][c-fC-F]{_HEX}{{2}})"
    rf"|(?<!\\)\\+(?:u(?P<short>{_HEX}{{4}})|x(?P<byte>{_HEX}{{2}})|U(?P<long>000{_HEX}{{5}}))"
    r"|(?<!\\)\\+(?P<blank>[abfnrtv])"
    r"|&(?:amp;)*(?P<entity>\#?\w{1,30};)"
    rf"|(?P<bytes>(?:%{_HEX}{{2}})+)"
)
"""A character as JSON, Python, HTML or a URL writes it, however often it was escaped."""
_TOKEN = re.compile(rf"{_ESCAPED.pattern}|.", re.DOTALL)
_MARKS = re.compile("[\u0300-\u036f]+")
_BETWEEN = re.compile(r"[\W_]+")
_WIDE = re.compile("([\u2e80-\U0010ffff])")
"""Signs of scripts that write a word with one or two."""


def plain(text: str) -> str:
    """What a text says: see :func:`folded`, and its escapes as what they stand for."""
    return folded(_ESCAPED.sub(_meant, text))


def read(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text made plain, and where each character of that is in the text."""
    said: list[str] = []
    places: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        for character in folded(_meant(token)):
            if character != " " or said[-1:] != [" "]:
                said.append(character)
                places.append(token.span())
    return "".join(said), places


def folded(text: str) -> str:
    """Letters and digits alone, in one case, with one space for whatever is between them.

    A Chinese sign is there twice: it says as much as two letters.
    """
    letters = _MARKS.sub("", normalize("NFKD", text)).upper().casefold()
    return _WIDE.sub(r"\1\1", _BETWEEN.sub(" ", letters))


def _meant(token: re.Match[str]) -> str:
    """What an escape, or a character that is none, stands for."""
    match token.lastgroup:
        case "low":
            high, low = int(token["high"], 16), int(token["low"], 16)
            return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
        case "short" | "byte" | "long" as name:
            number = int(token[name], 16)
            return chr(number) if number <= sys.maxunicode else " "
        case "blank":
            return " "
        case "entity":
            return html.unescape(f"&{token['entity']}")
        case "bytes":
            return unquote(token["bytes"])
        case _:
            return token[0]
