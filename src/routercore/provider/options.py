"""A provider's own options as data: what each of them takes, so that mistakes are found early."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KINDS: Mapping[type, str] = {
    str: "text", bool: "true or false", int: "a whole number", float: "a number",
    dict: "a table", list: "a list",
}  # fmt: skip
"""The kinds of values that a configuration has."""
MISSPELT = 0.85
"""How like a declared option an undeclared one is that must be a misspelling. What the vendor alone
knows is passed on, and seldom so near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What one option of a provider takes."""

    kinds: tuple[type, ...] = (str,)
    """Some of ``str``, ``bool``, ``int``, ``float``, ``dict`` and ``list``; a whole number is a
    ``float`` as well."""
    words: tuple[str, ...] = ()
    """The texts that it takes, where not every one will do."""
    at_least: float | None = None
    at_most: float | None = None

    def problem(self, value: object) -> str | None:
        """Why ``value`` will not do, or ``None`` if it will."""
        if not self._is_of_kind(value):
            return f"it takes {' or '.join(KINDS[kind] for kind in self.kinds)}, not {value!r}"
        if self.words and isinstance(value, str) and value not in self.words:
            return f"it takes {', '.join(self.words)}, not {value!r}{nearest(value, self.words)}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._out_of_bounds(value)
        return None

    def _is_of_kind(self, value: object) -> bool:
        if isinstance(value, bool):
            return bool in self.kinds
        if isinstance(value, int):
            return int in self.kinds or float in self.kinds
        if isinstance(value, Mapping):
            return dict in self.kinds
        return isinstance(value, (*self.kinds, tuple) if list in self.kinds else self.kinds)

    def _out_of_bounds(self, value: float) -> str | None:
        if self.at_least is not None and not value >= self.at_least:
            return f"it is at least {self.at_least:g}, not {value!r}"
        if self.at_most is not None and not value <= self.at_most:
            return f"it is at most {self.at_most:g}, not {value!r}"
        return None


def wrong_options(
    declared: Mapping[str, Option], options: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Each option that is wrong, and why: a value that will not do, or a misspelt name.

    A name that is like none of the declared ones is the vendor's, and right.
    """
    for name, value in options.items():
        if name in declared:
            if problem := declared[name].problem(value):
                yield name, problem
        elif near := closest(name, declared, MISSPELT):
            yield name, f"there is no such option; did you mean {near!r}?"


def nearest(word: str, words: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing where no word is near."""
    close = closest(word, words)
    return f"; did you mean {close!r}?" if close else ""


def closest(word: str, words: Iterable[str], likeness: float = 0.6) -> str | None:
    """The word that is most like another, or ``None`` where none is like it enough."""
    return next(iter(difflib.get_close_matches(word, list(words), 1, likeness)), None)
