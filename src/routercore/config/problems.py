"""Mistakes in a configuration: collected with their places, told all at once, secrets left out."""

from __future__ import annotations

from collections.abc import Mapping

from routercore.values.errors import ConfigError

Place = tuple[str | int, ...]
MIN_SECRET = 4
"""Shorter values of variables are not blotted out: they would hit ordinary words."""


class Problems:
    """Collects mistakes; each has a place, what was expected and, where there is one, a hint."""

    def __init__(self, file: str = "", lines: Mapping[Place, int] | None = None) -> None:
        self._file = file
        self._lines = lines or {}
        self._found: dict[tuple[Place, str], None] = {}
        self._secrets: dict[str, str] = {}
        self._gone: dict[Place, list[int]] = {}

    def beside(self) -> Problems:
        """An empty collection of the same file: the same places, and nothing shown either."""
        other = Problems(self._file, self._lines)
        other._secrets, other._gone = self._secrets, self._gone
        return other

    def add(self, place: Place, message: str) -> None:
        self._found[self._as_written(place), message] = None

    def taken_out(self, place: Place) -> None:
        """Note that what is at ``place`` goes away: list items behind it move up."""
        *around, last = self._as_written(place)
        if isinstance(last, int):
            self._gone.setdefault(tuple(around), []).append(last)

    def _as_written(self, place: Place) -> Place:
        """The place before anything was taken out."""
        original: Place = ()
        for part in place:
            if isinstance(part, int):
                for gone in sorted(self._gone.get(original, ())):
                    part += gone <= part
            original = (*original, part)
        return original

    def hide(self, secret: str, written: str) -> None:
        """Never show ``secret``; where it would appear, ``written`` stands for it."""
        if len(secret) >= MIN_SECRET:
            self._secrets[secret] = written

    def touches(self, place: Place) -> bool:
        """Whether something at or below ``place`` is wrong already."""
        place = self._as_written(place)
        return any(at[: len(place)] == place for at, _ in self._found)

    def raise_any(self) -> None:
        """Raise everything there is, in the order of the file.

        Raises:
            ConfigError: there is something.
        """
        if self._found:
            raise ConfigError(self.texts())

    def texts(self) -> list[str]:
        """Everything there is, each with its place, in the order of the file."""
        found = sorted(self._found, key=lambda one: self._line(one[0]) or 0)
        return [self._text(place, message) for place, message in found]

    def _text(self, place: Place, message: str) -> str:
        line = self._line(place)
        file = f"{self._file}:{line}" if line else self._file
        text = ": ".join(filter(None, (file, written(place), self._without_secrets(message))))
        return text.replace("\n", " ")

    def _without_secrets(self, message: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            message = message.replace(secret, self._secrets[secret])
        return message

    def _line(self, place: Place) -> int | None:
        for length in range(len(place), 0, -1):
            if (line := self._lines.get(place[:length])) is not None:
                return line
        return None


def written(place: Place) -> str:
    """A place in words: ``models.poster.targets.1``."""
    return ".".join(map(str, place)) or "the configuration"
