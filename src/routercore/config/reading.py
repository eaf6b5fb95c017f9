"""From a file or mapping to a document, with every mistake in hand at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from routercore.config.document import Document, ModelSection, RouterSection
from routercore.config.problems import Place, Problems
from routercore.config.source import Source, fill, prune, read
from routercore.config.words import expected
from routercore.provider.options import nearest

_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be understood of a configuration, and what is wrong with the rest."""

    document: Document
    problems: Problems


def parse(source: str | Path | Mapping[str, Any], environ: Mapping[str, str]) -> Document:
    """Read a configuration.

    Args:
        source: the path of a TOML file, or a mapping of the same structure.
        environ: where ``${NAME}`` is read from.

    Raises:
        ConfigError: lists every mistake in the structure with its place.
    """
    reading = examine(source, environ)
    reading.problems.raise_any()
    return reading.document


def examine(
    source: str | Path | Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    needs_secrets: bool = True,
) -> Reading:
    """Read a configuration as far as it is right, so that names in it can be looked up as well.

    Unless secrets are needed, those whose variables are not set are made up.

    Raises:
        ConfigError: the file cannot be read or is not TOML, or what it says on plugins is wrong,
            so that they could not be loaded as the operator means it.
    """
    origin = read(source)
    fill(origin, environ, needs_secrets=needs_secrets)
    document = _validated(origin)
    if origin.problems.touches(("plugins",)):
        origin.problems.raise_any()
    return Reading(document, origin.problems)


def _validated(source: Source) -> Document:
    """What is right in a tree: what is wrong is noted, taken out, and the rest looked at again."""
    while True:
        try:
            return Document.model_validate(source.tree)
        except ValidationError as error:
            wrong = error.errors(include_url=False)
        # What is missing because it was taken out is no further mistake.
        fresh = [details for details in wrong if not source.problems.touches(details["loc"])]
        for details in fresh:
            source.problems.add(details["loc"], _described(details))
        prune(source, [_place(details) for details in wrong])


def _place(details: ErrorDetails) -> Place:
    """What has to go: the table around it, where something is missing."""
    place = details["loc"]
    return place[:-1] if details["type"] == "missing" else place


def _described(details: ErrorDetails) -> str:
    """One mistake: what was expected, and the nearest valid name."""
    place = tuple(str(step) for step in details["loc"])
    if details["type"] == "extra_forbidden":
        names = _fields(place[:-1])
        hint = _elsewhere(place) or nearest(place[-1], names)
        hint = hint or f"; it takes {', '.join(sorted(names))}"
        return f"there is no such setting{hint}"
    return _wanted(details)


def _elsewhere(place: tuple[str, ...]) -> str:
    """Where a setting belongs that stands in the wrong one of two tables."""
    match place:
        case ("router", name) if name in ModelSection.model_fields:
            return "; it belongs to a model, in [models.NAME]"
        case ("models", _, name) if name in RouterSection.model_fields:
            return "; it holds for all models, in [router]"
        case _:
            return ""


def _wanted(details: ErrorDetails) -> str:
    message = expected(details, table="a table")
    if details["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(str(details.get("ctx", {}).get("pattern")), message)
    if details["type"] in ("enum", "literal_error") and isinstance(details["input"], str):
        return message + nearest(details["input"], _QUOTED.findall(message))
    return message


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
