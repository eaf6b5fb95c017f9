"""What the fields of a declaration may hold; what is wrong with a value, in words for its author.

A type checker says as much. Who runs none learns it here, where the value is written, rather than
from an exception of whoever reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Shape(Protocol):
    """What is wrong with a value, to be read behind the name of its field; ``None`` if nothing."""

    def __call__(self, value: object, /) -> str | None: ...


def misshapen(thing: object, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Every field of ``thing`` that holds what it cannot, and why."""
    for name, shape in shapes.items():
        if problem := shape(getattr(thing, name)):
            yield f"{name} {problem}"


def check_shapes(who: str, thing: object, shapes: Mapping[str, Shape]) -> None:
    """Refuse a thing with such a field.

    Raises:
        ValueError: lists them all.
    """
    if problems := "; ".join(misshapen(thing, shapes)):
        raise ValueError(f"{who}: {problems}")


def text(value: object) -> str | None:
    return None if isinstance(value, str) else f"is {_shown(value)}, not a text"


def flag(value: object) -> str | None:
    return None if isinstance(value, bool) else f"is {_shown(value)}, not True or False"


def whole(value: object) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool)
    return None if fits else f"is {_shown(value)}, not a whole number"


def number(value: object) -> str | None:
    fits = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return None if fits else f"is {_shown(value)}, not a number"


def amount(value: object) -> str | None:
    return None if isinstance(value, Decimal) else f"is {_shown(value)}, not a Decimal"


def day(value: object) -> str | None:
    fits = isinstance(value, date) and not isinstance(value, datetime)
    return None if fits else f"is {_shown(value)}, not a date"


def optional(shape: Shape) -> Shape:
    return lambda value: None if value is None else shape(value)


def a(*kinds: type) -> Shape:
    """One of some classes."""

    def shape(value: object) -> str | None:
        if isinstance(value, kinds):
            return None
        return f"is {_shown(value)}, not one of {_names(kinds)}"

    return shape


def word(kind: type[StrEnum]) -> Shape:
    """One of an enumeration's words, also as plain text."""
    known = frozenset(kind)

    def shape(value: object) -> str | None:
        if isinstance(value, str) and value in known:
            return None
        return f"is {_shown(value)}, not one of {', '.join(map(repr, map(str, kind)))}"

    return shape


def several(shape: Shape, what: str) -> Shape:
    """A tuple, or a list, of things of one shape."""

    def several_of(value: object) -> str | None:
        if not isinstance(value, tuple | list):
            hint = _of_one(value) if shape(value) is None else ""
            return f"is {_shown(value)}, not a tuple of {what}{hint}"
        return _first(value, shape)

    return several_of


def words(shape: Shape, what: str) -> Shape:
    """A set of things of one shape."""

    def words_of(value: object) -> str | None:
        if not isinstance(value, AbstractSet):
            return f"is {_shown(value)}, not a frozenset of {what}"
        return _first(value, shape)

    return words_of


def table(key: Shape, shape: Shape) -> Shape:
    """A mapping from things of one shape to things of another."""

    def table_of(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"is {_shown(value)}, not a dict"
        return _first(value, key) or _first(value.values(), shape)

    return table_of


def _first(things: Iterable[object], shape: Shape) -> str | None:
    """What is wrong with the first of some things that is wrong."""
    for thing in things:
        if problem := shape(thing):
            return f"has an entry that {problem}"
    return None


def _of_one(value: object) -> str:
    inside = _shown(value) if isinstance(value, str) else "…"
    return f"; a tuple of one has a comma: ({inside},)"


def _shown(value: object) -> str:
    """A plain value as it is written; what else there is by its class."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str):
        return repr(str(value))
    if value is None or isinstance(value, int | float):
        return repr(value)
    return f"a {type(value).__name__}"


def _names(kinds: Collection[type]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
