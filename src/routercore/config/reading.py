"""From a file or mapping to a document, with every mistake in hand at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from routercore.config.document import Document
from routercore.values.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def parse(source: str | Path | Mapping[str, Any], environ: Mapping[str, str]) -> Document:
    """Read a configuration.

    Args:
        source: the path of a TOML file, or a mapping of the same structure.
        environ: where ``${NAME}`` is read from.

    Raises:
        ConfigError: lists every mistake with its place.
    """
    raw = source if isinstance(source, Mapping) else _load(Path(source))
    missing: list[str] = []
    filled = _filled(raw, environ, (), missing)
    try:
        document = Document.model_validate(filled)
    except ValidationError as error:
        problems = [_described(details) for details in error.errors(include_url=False)]
        raise ConfigError([*missing, *problems]) from None
    if missing:
        raise ConfigError(missing)
    return document


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8 text"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path} is not TOML: {error}"]) from error


def _filled(
    value: Any, environ: Mapping[str, str], place: tuple[str, ...], missing: list[str]
) -> Any:
    """A copy with ``${NAME}`` read from the environment; notes what is not set."""
    if isinstance(value, Mapping):
        return {k: _filled(v, environ, (*place, str(k)), missing) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(v, environ, (*place, str(i)), missing) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        found = environ.get(match[1])
        if found is None:
            where = ".".join(place)
            missing.append(f"{where}: the environment variable {match[1]} is not set")
        return found if found is not None else match[0]

    return _VARIABLE.sub(replaced, value)


def _described(details: ErrorDetails) -> str:
    """One mistake: its place, what was expected, and the nearest valid name."""
    place = tuple(str(step) for step in details["loc"])
    where = ".".join(place) or "the configuration"
    if details["type"] == "extra_forbidden":
        names = _fields(place[:-1])
        hint = nearest(place[-1], names) or f"; it takes {', '.join(sorted(names))}"
        return f"{where}: there is no such setting{hint}"
    return f"{where}: {_wanted(details)}"


def _wanted(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return str(context["error"])
    if details["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(str(context["pattern"]), details["msg"])
    if details["type"] == "missing":
        return "it is missing"
    return details["msg"].replace("Input should", "it should")


_PATTERNS = {
    ".:.": "expected provider:model, such as 'openai:gpt-image-2'",
    "^[0-9a-f]{64}$": "expected a SHA-256 in hexadecimal, as `routercore keys hash` prints it",
}


def _fields(place: Iterable[str]) -> list[str]:
    """The names of the fields at a place of the document."""
    model: type[BaseModel] = Document
    for step in place:
        field = model.model_fields.get(step)
        inner = next(iter(_models(field.annotation)), None) if field else None
        model = inner or model
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)


def nearest(name: str, names: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing where no name is near."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
