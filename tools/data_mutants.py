"""Mutants of data: each cell of a table, and each default, replaced by every other sensible value.

mutmut mutates what stands in functions. What decides here is mostly data, so each of its values is
changed in process, one at a time, and the module's tests run until one of them fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.runner import runtestprotocol

from routercore.provider import classify
from routercore.routing import circuit, policy, quota
from routercore.values.faults import Fault

TESTS = ("tests/routing", "tests/provider/test_classify.py")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One value that is another one for a while."""

    module: str
    what: str
    put: Callable[[], None]
    restore: Callable[[], None]


def of_rules() -> Iterator[Mutant]:
    """Each cell of the table of failures: all members of an enum, and all values of its column."""
    rules = cast(MutableMapping[Fault, policy.Rule], policy.RULES)
    for fault, rule in rules.items():
        for field in fields(rule):
            value = getattr(rule, field.name)
            column = {getattr(other, field.name) for other in rules.values()}
            for other in others(value, column):
                put = partial(rules.__setitem__, fault, replace(rule, **{field.name: other}))
                what = f"RULES[{fault}].{field.name}: {value!s} → {other!s}"
                yield Mutant(
                    "routing/policy.py", what, put, partial(rules.__setitem__, fault, rule)
                )


def others(value: Any, column: Iterable[Any] = ()) -> list[Any]:
    """What might stand there by mistake."""
    if isinstance(value, Enum):
        return [member for member in type(value) if member is not value]
    if isinstance(value, bool):
        return [not value]
    changed = [value + 1, value * 2] if isinstance(value, int | float) else []
    return sorted({*column, *changed} - {value})


def of_table(module: str, name: str, table: Any) -> Iterator[Mutant]:
    """Each row of a mapping to faults: gone, or another fault."""
    for key, fault in [*table.items()]:
        restore = partial(table.__setitem__, key, fault)
        yield Mutant(module, f"{name}[{key!r}] gone", partial(table.__delitem__, key), restore)
        for other in others(fault):
            put = partial(table.__setitem__, key, other)
            yield Mutant(module, f"{name}[{key!r}]: {fault} → {other}", put, restore)


def of_numbers(module: str, where: Any, names: Iterable[str]) -> Iterator[Mutant]:
    """Numbers that are attributes, also of what is frozen."""
    write = object.__setattr__ if not isinstance(where, type(policy)) else setattr
    for name in names:
        value = getattr(where, name)
        for other in [*others(value), value / 2]:
            put, restore = (partial(write, where, name, one) for one in (other, value))
            yield Mutant(module, f"{name}: {value} → {other:g}", put, restore)


def of_defaults(module: str, kind: type[Any], known: Any) -> Iterator[Mutant]:
    """What a value object holds unless told otherwise."""
    defaults = cast(dict[str, Any], cast(Any, kind.__init__).__kwdefaults__)
    for name in [field.name for field in fields(known)]:
        value = defaults[name]
        for other in [1] if value is None else others(value):
            put, restore = (partial(defaults.__setitem__, name, one) for one in (other, value))
            yield Mutant(module, f"{kind.__name__}.{name}: {value} → {other}", put, restore)


def of_order() -> Iterator[Mutant]:
    """Neighbours changed in the order of what holds a request back."""
    order = policy._FREEDOM
    restore = partial(setattr, policy, "_FREEDOM", order)
    for place in range(len(order) - 1):
        mixed = [*order]
        mixed[place : place + 2] = reversed(mixed[place : place + 2])
        what = f"_FREEDOM: {mixed[place]} before {mixed[place + 1]}"
        put = partial(setattr, policy, "_FREEDOM", tuple(mixed))
        yield Mutant("routing/policy.py", what, put, restore)


def mutants() -> Iterator[Mutant]:
    """All of them."""
    yield from of_rules()
    yield from of_order()
    constants = ("MAX_PATIENCE", "MAX_PARKED", "ONCE_DELAY")
    yield from of_numbers("routing/policy.py", policy, constants)
    yield from of_defaults("routing/policy.py", policy.Policy, policy.Policy())
    names = [field.name for field in fields(circuit.STANDARD)]
    yield from of_numbers("routing/circuit.py", circuit.STANDARD, names)
    names = [field.name for field in fields(quota.STANDARD)]
    yield from of_numbers("routing/quota.py", quota.STANDARD, names)
    for name in ("STATUS_FAULTS", "WORD_FAULTS", "VAGUE_WORD_FAULTS"):
        yield from of_table("provider/classify.py", name, getattr(classify, name))


class Loop:
    """Runs the tests once as they are, and then for each mutant until one of them fails."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if "hypothesis" not in item.keywords]
        if broken := self._killer(items):
            pytest.exit(f"{broken} fails without any mutant", returncode=1)
        for mutant in mutants():
            mutant.put()
            try:
                killer = self._killer(items)
            finally:
                mutant.restore()
            if killer is not None:  # What has just failed is likely to fail for the next as well.
                items.sort(key=lambda item: item is not killer)
            told = {"module": mutant.module, "mutant": mutant.what, "is_killed": killer is not None}
            self.found.append(told)
        return True

    def _killer(self, items: list[pytest.Item]) -> pytest.Item | None:
        for item in items:
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=None)):
                return item
        return None


def main(place: str) -> int:
    """Write what became of each mutant into a file."""
    loop = Loop()
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS], plugins=[loop])
    Path(place).write_text(json.dumps(loop.found), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
