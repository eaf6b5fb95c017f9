"""Model cards out of plain data, as a configuration file has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from routercore.provider.options import KINDS, nearest
from routercore.provider.reading import number_at
from routercore.values.catalogue import PLAIN_SETTINGS, Form, MaskPolarity, ModelCard
from routercore.values.images import Operation
from routercore.values.money import Per, Price
from routercore.values.sizes import (
    AnySize,
    FixedSizes,
    InputSize,
    RatioSizes,
    Size,
    SizeRange,
    Sizes,
    unreadable,
)

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

SIZE_WORDS: Mapping[str, Sizes] = {"any": AnySize(), "input": InputSize()}


def card_from(declared: Mapping[str, Any]) -> ModelCard:
    """A model card from a mapping of its fields; all but ``id`` may be left out.

    ``sizes`` is a list such as ``["1024x1024"]``, or a table with the fields of
    :class:`SizeRange` or :class:`RatioSizes`, or ``"any"``, or ``"input"`` for the size of the
    input image; ``operation_sizes`` is a table of such rules by operation; ``prices`` is a list
    of tables such as ``{usd = "0.04", size = "1024x1024"}``; words stand for operations, forms and
    the mask; ``charged_options`` is a list of names, with which the price is unknown.

    Raises:
        ValueError: lists every field that is unknown or has a wrong value, by name.
    """
    card = read_card(declared)
    if isinstance(card, ModelCard):
        return card
    said = (_in_words(path, mistake, declared.get("id")) for path, mistake in card)
    raise ValueError("; ".join(said))


def read_card(declared: Mapping[str, Any]) -> ModelCard | list[tuple[tuple[str, ...], str]]:
    """The card, as :func:`card_from` makes it, or every mistake with where it is.

    That is a field, or nothing where it is the card as a whole.
    """
    values: dict[str, Any] = {}
    found: list[tuple[tuple[str, ...], str]] = []
    if "id" not in declared:
        found.append(((), "a card needs an 'id', the model's name at the provider"))
    for name, value in declared.items():
        try:
            values[name] = _field(name, value)
        except (ValueError, TypeError, AttributeError) as error:
            found.append(((str(name),), str(error)))
    if found:
        return found
    try:
        return ModelCard(**values)
    except ValueError as error:
        return [((), str(error))]


def _field(name: object, value: Any) -> Any:
    if name not in FIELDS:
        raise ValueError(f"a card has no field {name!r}{_instead(name, FIELDS)}")
    read: Callable[[Any], Any] = _READERS.get(str(name), _text)
    return read(value)


def _in_words(path: tuple[str, ...], mistake: str, card: object) -> str:
    is_known = path and path[0] in FIELDS
    return f"{path[0]!r} of the card {card!r}: {mistake}" if is_known else mistake


def _instead(name: object, names: Iterable[str]) -> str:
    """The nearest of the names that there are, or all of them."""
    known = sorted(names)
    return nearest(str(name), known) or f"; there are {', '.join(known)}"


def _text(value: Any) -> str:
    return str(_of(str, value))


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"it should be {KINDS[kind]}, not {value!r}")
    return value


def _each(read: Callable[[Any], T], values: Iterable[Any]) -> tuple[T, ...]:
    """Every value as it is read, or every mistake in them."""
    found: list[T] = []
    wrong: list[str] = []
    for value in values:
        try:
            found.append(read(value))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def _one_of(names: Collection[str], value: Any) -> str:
    if value not in names:
        raise ValueError(f"there is no {value!r} here{_instead(value, names)}")
    return str(value)


def _word(kind: type[E], value: Any) -> E:
    """A member of an enumeration."""
    return kind(_one_of([member.value for member in kind], _text(value)))


def _known(table: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse a table with other names."""
    _each(partial(_one_of, names), sorted(table))


def _flag(value: Any) -> bool:
    return bool(_of(bool, value))


def _whole(value: Any) -> int:
    if _of(int, value) < 0:
        raise ValueError(f"{value} is negative")
    return int(value)


def _at_least_one(value: Any) -> int:
    if _whole(value) < 1:
        raise ValueError(f"{value} is less than 1")
    return int(value)


def _number(value: Any) -> float:
    number = number_at(value)
    if number is None or number < 0:
        raise ValueError(f"it should be a number, not {value!r}")
    return float(number)


def _words(value: Any) -> tuple[str, ...]:
    return _each(_text, _of(list, value))


def _some_words(value: Any) -> tuple[str, ...]:
    if not (words := _words(value)):
        raise ValueError("the list is empty")
    return words


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(_text(value))


def _sizes(value: Any) -> Sizes:
    if isinstance(value, str):
        if value not in SIZE_WORDS:
            raise ValueError(f"expected {' or '.join(SIZE_WORDS)}, a list or a table: {value!r}")
        return SIZE_WORDS[value]
    if isinstance(value, list):
        return FixedSizes(_each(_size, _some_words(value)))
    sizes = _sizes_of(dict(_of(dict, value)))
    if why := unreadable(sizes):
        raise ValueError(why)
    return sizes


def _sizes_of(table: dict[str, Any]) -> Sizes:
    if "ratios" not in table:
        _known(table, _names_of(SizeRange))
        return SizeRange(**{name: _bound(name, bound) for name, bound in table.items()})
    _known(table, _names_of(RatioSizes))
    table["ratios"] = _some_words(table["ratios"])
    if "tiers" in table:
        table["tiers"] = _words(table["tiers"])
    return RatioSizes(**table)


def _size(value: Any) -> str:
    return str(Size.parse(_text(value)))


def _bound(name: str, value: Any) -> Any:
    """One bound of a range of sizes."""
    if name == "default":
        return _size(value)
    return _number(value) if name == "max_ratio" else _at_least_one(value)


def _price(value: Any) -> Price:
    line = dict(_of(dict, value))
    _known(line, _names_of(Price))
    amount = number_at(line.pop("usd", None))
    if amount is None or amount < 0:
        raise ValueError("a price needs 'usd', an amount of US dollars")
    if "size" in line:
        line["size"] = _size(line["size"])
    return Price(amount, _word(Per, line.pop("per", Per.IMAGE)), **line)


def _names_of(kind: Any) -> frozenset[str]:
    return frozenset(one.name for one in fields(kind))


FIELDS = _names_of(ModelCard)
_operation = partial(_word, Operation)
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "aliases": _words,
    "is_public": _flag,
    "by_chat": _flag,
    "operations": lambda value: frozenset(_each(_operation, _of(list, value))),
    "sizes": _sizes,
    "operation_sizes": lambda value: {
        _operation(word): _sizes(rule) for word, rule in _of(dict, value).items()
    },
    "qualities": _words,
    "formats": _some_words,
    "choose_format": _flag,
    "compression": _flag,
    "backgrounds": _words,
    "forms": lambda value: _each(partial(_word, Form), _of(list, value)),
    "url_lifetime": _number,
    "max_n": _at_least_one,
    "prompt": _flag,
    "format_max_n": lambda value: {
        format: _at_least_one(most) for format, most in _of(dict, value).items()
    },
    "max_prompt": _whole,
    "max_images": _whole,
    "mask": partial(_word, MaskPolarity),
    "seed": _flag,
    "negative_prompt": _flag,
    "partial_images": _whole,
    "accepts": lambda value: frozenset(_each(partial(_one_of, PLAIN_SETTINGS), _of(list, value))),
    "generate_only": lambda value: frozenset(
        _each(partial(_one_of, PLAIN_SETTINGS), _of(list, value))
    ),
    "fidelities": _words,
    "styles": _words,
    "latency": _number,
    "prices": lambda value: _each(_price, _of(list, value)),
    "charged_options": lambda value: dict.fromkeys(_words(value)),
    "price_date": _date,
    "released": _date,
    "shutdown": _date,
    "unverified": lambda value: frozenset(_words(value)),
}
