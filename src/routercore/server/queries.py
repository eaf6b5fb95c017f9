"""The list of models, narrowed, sorted and cut as ImageRouter's clients ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from routercore.values.errors import RequestError

Body = dict[str, Any]
OUTPUT_NAMES = ("type", "outputType", "output_modalities")
INPUT_NAMES = ("inputType", "input_modalities")
MAX_LIMIT = 10_000


def narrowed(models: Sequence[Body], query: Mapping[str, str]) -> list[Body]:
    """The models that a query wants, in its order and with its fields.

    Raises:
        RequestError: a value makes no sense; what is not known is left alone, as elsewhere in URLs.
    """
    found = [model for model in models if all(test(model) for test in _tests(query))]
    found = _sorted(found, query.get("sort"))
    if "limit" in query:
        found = found[: _limit(query["limit"])]
    fields = [name.strip() for name in query.get("fields", "").split(",") if name.strip()]
    return [_with_fields(model, fields) for model in found] if fields else found


def _tests(query: Mapping[str, str]) -> list[Callable[[Body], bool]]:
    tests: list[Callable[[Body], bool]] = []
    if outputs := _words(query, *OUTPUT_NAMES):
        tests.append(lambda model: bool(outputs & set(model["output"])))
    if inputs := _words(query, *INPUT_NAMES):
        tests.append(lambda model: inputs <= _inputs(model))
    if providers := _words(query, "provider"):
        tests.append(lambda model: bool(providers & {one["id"] for one in model["providers"]}))
    if part := query.get("name", "").lower():
        tests.append(lambda model: any(part in name.lower() for name in _names(model)))
    if "free" in query:
        is_wanted = flag(query, "free")
        tests.append(lambda model: _is_free(model) == is_wanted)
    return tests


def _words(query: Mapping[str, str], *names: str) -> set[str]:
    """The words of a list that has several names."""
    text = ",".join(query.get(name, "") for name in names)
    return {word.strip().lower() for word in text.split(",") if word.strip()}


def _inputs(model: Body) -> set[str]:
    """What a model reads: ``image`` stands for what ``edit`` labels."""
    features = {name for name, has in model["features"].items() if has}
    return features | ({"image"} if "edit" in features else set())


def _names(model: Body) -> list[str]:
    return [model["id"], *model["aliases"]]


def _is_free(model: Body) -> bool:
    """A price that nobody knows is not nothing."""
    price = model["price"]
    return price is not None and price["max"] == 0


def flag(query: Mapping[str, str], name: str) -> bool:
    """Whether something is wanted; not unless it is said.

    Raises:
        RequestError: the value is neither ``true`` nor ``false``.
    """
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise RequestError(f"{name!r} is true or false.", param=name, code="invalid_value")
    return text == "true"


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= MAX_LIMIT):
        raise RequestError("'limit' is a number from 1.", param="limit", code="invalid_value")
    return int(text[:6])


def _sorted(models: list[Body], order: str | None) -> list[Body]:
    """By ``name``, ``provider``, ``price`` or ``date``; a minus before it turns the order."""
    if order is None:
        return models
    name, is_turned = order.removeprefix("-"), order.startswith("-")
    if name not in _ORDERS:
        known = ", ".join(_ORDERS)
        raise RequestError(f"'sort' is one of {known}, also with a minus before it.",
                           param="sort", code="invalid_value")  # fmt: skip
    key, is_known = _ORDERS[name]
    known_ones = sorted(filter(is_known, models), key=key, reverse=is_turned)
    return known_ones + [model for model in models if not is_known(model)]


def _always(model: Body) -> bool:
    return True


_ORDERS: Mapping[str, tuple[Callable[[Body], Any], Callable[[Body], bool]]] = {
    "name": (lambda model: model["id"], _always),
    "provider": (lambda model: model["provider"] or "", _always),
    "price": (lambda model: model["price"]["average"], lambda model: bool(model["price"])),
    "date": (lambda model: model["release_date"], lambda model: bool(model["release_date"])),
}
"""What models are sorted by, and whether a model has it; those without come last."""


def _with_fields(model: Body, fields: Sequence[str]) -> Body:
    return {name: model[name] for name in ("id", "object", *fields) if name in model}
