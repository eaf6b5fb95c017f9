"""What kind of value each setting is, read once from the annotations of the request's fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

from routercore.values.errors import RequestError
from routercore.values.images import ImageRequest, InputImage, ResponseFormat
from routercore.values.sizes import Size

LONGEST_EDGE = 999_999
"""Of a size, in pixels: six digits, as in text."""
DEEPEST = 100
"""How deep an option may be nested."""
PARAMS: Mapping[str, str] = {"images": "image"}
"""What errors call a setting that they do not call by its own name."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: in words, and how it is told."""

    takes: str
    is_one: Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return isinstance(value, Size) and all(
        _is_number(edge) and 1 <= edge <= LONGEST_EDGE for edge in (value.width, value.height)
    )


def _is_picture(value: object) -> bool:
    return (
        isinstance(value, InputImage)
        and isinstance(value.data, bytes)
        and isinstance(value.url, str | None)
    )


def _are_pictures(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_picture, value))


def _is_named(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and is_plain(name) for name in value
    )


def _are_options(value: object) -> bool:
    return isinstance(value, Mapping) and _is_named(value) and all(map(_is_named, value.values()))


_PICTURE = "an InputImage, bytes, or the path of a file"
KINDS: Mapping[Any, Kind] = {
    str: Kind("text", lambda value: isinstance(value, str)),
    int: Kind("a whole number", _is_number),
    bool: Kind("True or False", lambda value: isinstance(value, bool)),
    Size: Kind("text such as '1024x1024', or a Size of whole pixels", _is_size),
    InputImage: Kind(f"a picture: {_PICTURE}", _is_picture),
    tuple[InputImage, ...]: Kind(f"pictures, each {_PICTURE}", _are_pictures),
    ResponseFormat: Kind(
        " or ".join(f"{word.value!r}" for word in ResponseFormat),
        lambda value: isinstance(value, ResponseFormat),
    ),
    Mapping[str, Any]: Kind("a mapping by names", _is_named),
    Mapping[str, Mapping[str, Any]]: Kind(
        "a mapping of providers' names to mappings of their options", _are_options
    ),
}


@cache
def _kinds() -> tuple[tuple[str, Kind, bool], ...]:
    """Each setting with its kind, and whether it may be ``None``; what is ``Any`` is left out."""
    found = []
    for name, hint in get_type_hints(ImageRequest).items():
        if hint is not Any:
            inner = [one for one in get_args(hint) if one is not NoneType]
            is_optional = NoneType in get_args(hint)
            found.append((name, KINDS[inner[0] if is_optional else hint], is_optional))
    return tuple(found)


def refuse_kinds(request: ImageRequest) -> None:
    """Refuse values of another kind than the request's fields are declared to have.

    Raises:
        RequestError: names the first one, and what it takes.
    """
    for name, kind, is_optional in _kinds():
        value = getattr(request, name)
        if value is None and is_optional:
            continue
        if not kind.is_one(value):
            raise wrong_kind(PARAMS.get(name, name), kind.takes, value)
        if isinstance(value, str) and not is_plain(value):
            message = f"{name} has a NUL character, or half of a surrogate pair"
            raise RequestError(message, param=name, code="invalid_value")


def refuse_unsendable(place: str, options: Mapping[str, Any]) -> None:
    """Refuse what cannot be sent as it is given, or not at all.

    Raises:
        RequestError: names the first option that has such a value in it.
    """
    for name, value in options.items():
        if not _is_json(value, DEEPEST):
            message = (
                f"{place}.{name} cannot be sent: it may hold text, finite numbers, True, False,"
                f" None, and lists and mappings of these, {DEEPEST} deep"
            )
            raise RequestError(message, param=f"{place}.{name}", code="invalid_value")


def _is_json(value: object, depth: int) -> bool:
    match value:
        case str():
            return is_plain(value)
        case bool() | int() | None:
            return True
        case float():
            return math.isfinite(value)
        case Mapping() if depth:
            return _is_named(value) and all(_is_json(one, depth - 1) for one in value.values())
        case list() | tuple() if depth:
            return all(_is_json(one, depth - 1) for one in value)
        case _:
            return False


def is_plain(text: str) -> bool:
    """Whether every upstream and database can take it."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def wrong_kind(name: str, takes: str, value: object) -> RequestError:
    """The refusal of a value, which is not quoted: it may be a prompt, or a picture's bytes."""
    message = f"{name} takes {takes}, not {_given(value)}"
    return RequestError(message, param=name, code="invalid_type")


def _given(value: object) -> str:
    """Its type, and the types in it: a list of texts is no list of pictures."""
    name = type(value).__name__
    if not isinstance(value, tuple | list | Mapping) or not value:
        return name
    held = value.values() if isinstance(value, Mapping) else value
    return f"{name} of {' and '.join(sorted({type(one).__name__ for one in held}))}"
