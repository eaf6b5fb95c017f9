"""Model cards out of plain data, as a configuration file has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from routercore.provider.reading import number_at
from routercore.values.catalogue import Form, MaskPolarity, ModelCard
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
    parse_ratio,
)

SIZE_WORDS: Mapping[str, Sizes] = {"any": AnySize(), "input": InputSize()}


def card_from(declared: Mapping[str, Any]) -> ModelCard:
    """A model card from a mapping of its fields; all but ``id`` may be left out.

    ``sizes`` is a list such as ``["1024x1024"]``, or a table with the fields of
    :class:`SizeRange` or :class:`RatioSizes`, or ``"any"``, or ``"input"`` for the size of the
    input image; ``operation_sizes`` is a table of such rules by operation; ``prices`` is a list
    of tables such as ``{usd = "0.04", size = "1024x1024"}``; words stand for operations, forms and
    the mask; ``charged_options`` is a list of names, with which the price is unknown.

    Raises:
        ValueError: a field is unknown or its value is wrong; the message names the field.
    """
    if not isinstance(declared.get("id"), str):
        raise ValueError("a card needs an 'id', the model's name at the provider")
    known = {f.name for f in fields(ModelCard)}
    values: dict[str, Any] = {}
    for name, value in declared.items():
        if name not in known:
            raise ValueError(f"a card has no field {name!r}; it has {', '.join(sorted(known))}")
        read: Callable[[Any], Any] = _READERS.get(name, _text)
        try:
            values[name] = read(value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{name!r} of the card {declared['id']!r}: {error}") from error
    return ModelCard(**values)


def _text(value: Any) -> str:
    return str(_of(str, value))


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"expected {kind.__name__}, got {value!r}")
    return value


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
        raise ValueError(f"expected a number, got {value!r}")
    return float(number)


def _words(value: Any) -> tuple[str, ...]:
    return tuple(_text(word) for word in _of(list, value))


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
        return FixedSizes(tuple(str(Size.parse(text)) for text in _some_words(value)))
    table = dict(_of(dict, value))
    if "ratios" not in table:
        return SizeRange(**{name: _bound(name, bound) for name, bound in table.items()})
    table["ratios"] = _some_words(table["ratios"])
    if "tiers" in table:
        table["tiers"] = _words(table["tiers"])
    for ratio in table["ratios"]:
        parse_ratio(ratio)
    return RatioSizes(**table)


def _bound(name: str, value: Any) -> Any:
    """One bound of a range of sizes."""
    if name == "default":
        return str(Size.parse(_text(value)))
    return _number(value) if name == "max_ratio" else _at_least_one(value)


def _price(value: Any) -> Price:
    line = dict(_of(dict, value))
    amount = number_at(line.pop("usd", None))
    if amount is None or amount < 0:
        raise ValueError("a price needs 'usd', an amount of US dollars")
    if "size" in line:
        line["size"] = str(Size.parse(_text(line["size"])))
    return Price(amount, Per(line.pop("per", Per.IMAGE)), **line)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "aliases": _words,
    "is_public": _flag,
    "by_chat": _flag,
    "operations": lambda value: frozenset(Operation(word) for word in _words(value)),
    "sizes": _sizes,
    "operation_sizes": lambda value: {
        Operation(word): _sizes(rule) for word, rule in _of(dict, value).items()
    },
    "qualities": _words,
    "formats": _some_words,
    "choose_format": _flag,
    "compression": _flag,
    "backgrounds": _words,
    "forms": lambda value: tuple(Form(word) for word in _words(value)),
    "url_lifetime": _number,
    "max_n": _at_least_one,
    "prompt": _flag,
    "format_max_n": lambda value: {
        format: _at_least_one(most) for format, most in _of(dict, value).items()
    },
    "max_prompt": _whole,
    "max_images": _whole,
    "mask": lambda value: MaskPolarity(_text(value)),
    "seed": _flag,
    "negative_prompt": _flag,
    "partial_images": _whole,
    "accepts": lambda value: frozenset(_words(value)),
    "fidelities": _words,
    "styles": _words,
    "latency": _number,
    "prices": lambda value: tuple(_price(line) for line in _of(list, value)),
    "charged_options": lambda value: dict.fromkeys(_words(value)),
    "price_date": _date,
    "released": _date,
    "shutdown": _date,
    "unverified": lambda value: frozenset(_words(value)),
}
