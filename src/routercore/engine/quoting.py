"""What vendors quote in their messages of what they were sent, taken out where it comes in."""

from __future__ import annotations

import html
import re
import sys
from dataclasses import replace
from unicodedata import normalize
from urllib.parse import unquote

from routercore.values.faults import Failure
from routercore.values.images import Settings

SHORTEST = 8
"""Characters of a quotation that is told from ordinary words; a Chinese sign counts as two."""
TELLING = 24
"""Characters of quotations from which on nothing of a message is kept: it is about the prompt, and
what else it says of it may be written in a way that is not recognised here."""
LONGEST = 2000
"""Characters of a message that are kept, so that looking it through takes no time to speak of."""
LEFT_OUT = "its message quotes the prompt, and is left out"
NOT_KEPT = "what the provider said is not kept"

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
_WORD = re.compile(r"[\w.-]{1,64}")


def unquoted(
    failure: Failure | None, asked: Settings | None = None, secret: str | None = None
) -> Failure | None:
    """The failure without the key and the prompts in its message.

    Events, logs and the ledger keep messages, and promise to keep neither.
    """
    if failure is None:
        return None
    message = redacted(failure.message, asked, secret)
    return failure if message == failure.message else replace(failure, message=message)


def wordless(failure: Failure) -> Failure:
    """The failure in our own words: for one that may quote a prompt which nobody here knows."""
    code = failure.code if failure.code and _WORD.fullmatch(failure.code) else None
    message = f"{NOT_KEPT}; its code is {code!r}" if code else NOT_KEPT
    return replace(failure, message=message, code=code)


def redacted(message: str, asked: Settings | None, secret: str | None) -> str:
    """A vendor's message without what it quotes of the key and the prompts, however it writes it.

    Of a prompt letters and digits are compared, in any case, form and escape. What a message says
    of it in words of its own stays, unless it quotes much of it.
    """
    key = _beginning(message, secret or "")
    message = message.replace(key, "[key]") if key else message  # Before it is cut itself.
    message = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
    text, places = _read(message)
    quoted = _quoted(text, (asked.prompt, asked.negative_prompt or "") if asked else ())
    if quoted.count(True) >= TELLING:
        return LEFT_OUT
    for start, end in reversed(_spans(text, quoted)):
        message = f"{message[: places[start][0]]}[prompt]{message[places[end - 1][1] :]}"
    return message


def _spans(text: str, quoted: list[bool]) -> list[tuple[int, int]]:
    """From where to where there is a quotation, without the space around it."""
    marked = "".join("x" if one else " " for one in quoted)
    return [
        (run.start() + text[run.start()].isspace(), run.end() - text[run.end() - 1].isspace())
        for run in re.finditer("x+", marked)
    ]


def _beginning(message: str, secret: str) -> str:
    """The longest beginning of a secret that the message has; empty where it is short."""
    low, high = 0, min(len(secret), len(message))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if secret[:middle] in message else (low, middle - 1)
    return secret[:low] if low >= SHORTEST else ""


def _quoted(text: str, prompts: tuple[str, ...]) -> list[bool]:
    """Which characters of a plain text are part of a run that is also in a prompt."""
    runs = [text[at : at + SHORTEST] for at in range(len(text) - SHORTEST + 1)]
    quoted = [False] * len(text)
    wanted = set(runs)
    for prompt in prompts if wanted else ():
        plain = _plain(_ESCAPED.sub(_meant, prompt))
        known = {
            run for at in range(len(plain)) if (run := plain[at : at + SHORTEST]) in wanted
        }  # fmt: skip
        for at, run in enumerate(runs):
            if run in known:
                quoted[at : at + SHORTEST] = [True] * SHORTEST
    return quoted


def _read(message: str) -> tuple[str, list[tuple[int, int]]]:
    """A message as plain text, and where each character of that is in the message."""
    text: list[str] = []
    places: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(message):
        for character in _plain(_meant(token)):
            if character != " " or text[-1:] != [" "]:
                text.append(character)
                places.append(token.span())
    return "".join(text), places


def _plain(text: str) -> str:
    """Letters and digits alone, in one case, with one space for whatever is between them."""
    folded = _MARKS.sub("", normalize("NFKD", text)).upper().casefold()
    return _WIDE.sub(r"\1\1", _BETWEEN.sub(" ", folded))


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
