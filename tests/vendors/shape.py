"""What a vendor accepts, field by field: strict, as its documents read.

A check is a function from a value to what is wrong with it, or ``None``.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class File:
    """A part of a multipart form that has a file's name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that the vendor does not take."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def problems(body: Any, fields: Mapping[str, Check], required: Iterable[str] = ()) -> list[Problem]:
    """Everything that is wrong with a body: unknown, missing and malformed fields."""
    if not isinstance(body, Mapping):
        return [Problem("", f"expected an object, not {body!r:.80}")]
    found = [Problem(name, "is required") for name in required if name not in body]
    for name, value in body.items():
        if name not in fields:
            found.append(Problem(name, f"unknown field ({value!r:.80})"))
        elif message := fields[name](value):
            found.append(Problem(name, message))
    return found


def anything(value: Any) -> str | None:
    """No demand at all."""
    return None


def text(most: int | None = None) -> Check:
    """Text that is not empty."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str) or not value:
            return f"expected text, not {value!r:.80}"
        too_long = most is not None and len(value) > most
        return f"longer than {most} characters" if too_long else None

    return check


def word(*words: str) -> Check:
    """One of these words."""
    return lambda value: None if value in words else f"{value!r:.80} is none of {words}"


def exactly(wanted: Any) -> Check:
    """This value alone, of this very type."""
    return lambda value: (
        None if (type(value), value) == (type(wanted), wanted) else f"{value!r:.80} is not {wanted}"
    )


def pattern(expression: str) -> Check:
    """Text that matches as a whole."""

    def check(value: Any) -> str | None:
        fits = isinstance(value, str) and re.fullmatch(expression, value)
        return None if fits else f"{value!r:.80} does not match {expression}"

    return check


def whole(least: int, most: int, step: int = 1) -> Check:
    """A whole number, not a truth value and not its digits."""

    def check(value: Any) -> str | None:
        if type(value) is not int or not least <= value <= most or value % step:
            return f"{value!r:.80} is no integer from {least} to {most} in steps of {step}"
        return None

    return check


def number(least: float, most: float) -> Check:
    """A number."""

    def check(value: Any) -> str | None:
        if type(value) not in (int, float) or not least <= value <= most:
            return f"{value!r:.80} is no number from {least} to {most}"
        return None

    return check


def flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else f"{value!r:.80} is neither true nor false"


def digits(least: int, most: int, step: int = 1) -> Check:
    """A whole number as text, as forms carry it."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+", value):
            return f"{value!r:.80} is no integer"
        return whole(least, most, step)(int(value))

    return check


def decimal(least: float, most: float) -> Check:
    """A number as text, as forms carry it."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return f"{value!r:.80} is no number"
        return number(least, most)(float(value))

    return check


def items(one: Check, most: int, least: int = 1) -> Check:
    """A list of so many."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return f"{value!r:.80} is no list of {least} to {most}"
        return next((message for each in value if (message := one(each))), None)

    return check


def record(required: Iterable[str] = (), **fields: Check) -> Check:
    """An object of these fields and no others."""
    wanted = tuple(required)

    def check(value: Any) -> str | None:
        return ", ".join(map(str, problems(value, fields, wanted))) or None

    return check


def either(*checks: Check) -> Check:
    """Whatever one of these takes."""

    def check(value: Any) -> str | None:
        found = [one(value) for one in checks]
        return None if None in found else " and ".join(map(str, found))

    return check


def encoded(then: Callable[[bytes], str | None], *, prefixed: bool = False) -> Check:
    """A picture in base64: bare, or behind ``data:image/…;base64,``."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"expected base64, not {type(value).__name__}"
        head = re.match(r"data:image/(png|jpeg|webp);base64,", value)
        if bool(head) is not prefixed:
            return f"{value[:30]!r} {'lacks' if prefixed else 'has'} a data prefix"
        try:
            data = base64.b64decode(value[head.end() if head else 0 :], validate=True)
        except ValueError as error:
            return f"no base64: {error}"
        return then(data)

    return check


def upload(then: Callable[[bytes], str | None]) -> Check:
    """A picture as a file of a form."""
    return lambda value: (
        then(value.data) if isinstance(value, File) else f"expected a file, not {value!r:.80}"
    )


def is_picture(data: bytes) -> str | None:
    """Bytes that can be opened."""
    try:
        Image.open(io.BytesIO(data)).load()
    except OSError as error:
        return f"no picture: {error}"
    return None


def is_mask(polarity: str) -> Callable[[bytes], str | None]:
    """A mask whose left half is what may change, said in the vendor's way.

    Args:
        polarity: ``alpha`` (what may change is transparent), ``white`` or ``black``.
    """

    def check(data: bytes) -> str | None:
        if problem := is_picture(data):
            return problem
        image = Image.open(io.BytesIO(data))
        alpha = _halves(image.convert("RGBA").getchannel("A"))
        if polarity == "alpha":
            return None if alpha == (0, 255) else f"the alpha of its halves is {alpha}"
        if alpha != (255, 255):
            return f"it has transparent pixels: the alpha of its halves is {alpha}"
        grey, wanted = _halves(image.convert("L")), (255, 0) if polarity == "white" else (0, 255)
        return None if grey == wanted else f"its halves are {grey}, not {wanted}"

    return check


def _halves(channel: Image.Image) -> tuple[Any, Any]:
    """The value in the middle of the left and of the right half."""
    middle = channel.height // 2
    return channel.getpixel((channel.width // 4, middle)), channel.getpixel(
        (channel.width * 3 // 4, middle)
    )
