"""The text behind a configuration: read, located line by line, and filled from the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from routercore.config.problems import Place, Problems
from routercore.values.errors import ConfigError

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(
    r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration as it was written, and where to collect what is wrong with it."""

    tree: dict[str, Any]
    problems: Problems


def read(source: str | Path | Mapping[str, Any]) -> Source:
    """Read a file, or copy a mapping.

    Raises:
        ConfigError: the file cannot be read or is not TOML.
    """
    if isinstance(source, Mapping):
        return Source(_copy(source), Problems())
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path} cannot be read: {reason}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8 text"]) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path} is not TOML: {error}"]) from error
    return Source(tree, Problems(str(path), lines_of(text)))


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list | tuple) else value


def lines_of(text: str) -> dict[Place, int]:
    """The line of each table and key, found without a second parser.

    Only for messages: keys inside inline tables and odd layouts are told by the line of what is
    around them.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = _parts(header[2])
            if header[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                table = (*table, index)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def fill(source: Source, environ: Mapping[str, str], *, needs_secrets: bool = True) -> None:
    """Put variables in place of ``${NAME}`` in every text; ``$${`` stands for ``${``.

    A text whose variable is missing is reported and taken out, so that no later mistake follows
    from it. What belongs to a provider that is switched off needs no variables; unless secrets
    are needed, what is not there of them is made up.
    """
    providers = source.tree.get("providers")
    off = {
        ("providers", name)
        for name, table in (providers.items() if isinstance(providers, dict) else ())
        if isinstance(table, dict) and table.get("enabled") is False
    }
    missing: list[Place] = []
    _Filler(environ, source.problems, off, missing, needs_secrets).walk(source.tree, ())
    prune(source, missing)


@dataclass(frozen=True, slots=True)
class _Filler:
    """Walks a tree and replaces variables."""

    environ: Mapping[str, str]
    problems: Problems
    off: set[tuple[str, str]]
    missing: list[Place]
    needs_secrets: bool

    def walk(self, container: Any, place: Place) -> None:
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(items):
            here = (*place, key)
            if isinstance(value, dict | list):
                self.walk(value, here)
            elif isinstance(value, str) and "${" in value:
                container[key] = self._filled(value, here)

    def _filled(self, text: str, place: Place) -> str:
        complaints: list[str] = []

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "${"
            if not match[0].endswith("}") or not _NAME.fullmatch(name):
                complaints.append(
                    "'${' is not followed by the name of a variable and '}'; write '$${' for '${'"
                )
                return ""
            if name not in self.environ and not self.needs_secrets and _is_secret(place):
                return sha256(name.encode()).hexdigest()  # As good for a key as for a hash.
            if name not in self.environ:
                complaints.append(f"the environment variable {name} is not set")
                return ""
            self.problems.hide(self.environ[name], match[0])
            return self.environ[name]

        filled = _VARIABLE.sub(replace, text)
        if complaints:
            self.missing.append(place)
            for complaint in complaints if place[:2] not in self.off else ():
                self.problems.add(place, complaint)
        return filled


def _is_secret(place: Place) -> bool:
    """Whether what is there lets somebody in, and tells nothing else."""
    match place:
        case ("keys", _, "key" | "hash"):
            return True
        case ("providers", _, "api_key") | ("providers", _, "api_keys", _):
            return True
        case ("store", "secret" | "access_key_id" | "secret_access_key" | "session_token"):
            return True
    return False


def prune(source: Source, places: Iterable[Place]) -> None:
    """Take out what is at ``places``, or the nearest thing around each that exists.

    Later mistakes are still told with the places that the author sees.

    Raises:
        ConfigError: there is nothing to take out, so that looking again would not help.
    """
    found = {existing for place in places if (existing := _existing(source.tree, place))}
    if not found:
        source.problems.raise_any()
    outermost = [p for p in found if not any(p[:n] in found for n in range(1, len(p)))]
    for place in sorted(outermost, key=_in_order, reverse=True):
        container: Any = source.tree
        for part in place[:-1]:
            container = container[part]
        source.problems.taken_out(place)
        del container[place[-1]]


def _existing(tree: Any, place: Place) -> Place:
    for depth, part in enumerate(place):
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return place[:depth]
    return place


def _in_order(place: Place) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (0, part) for part in place]
