"""Configuration: a TOML file or a mapping, checked at the edge, turned into a router's setup."""

from __future__ import annotations

from typing import Any

from routercore.config.build import Loaded, build, load
from routercore.config.document import Document
from routercore.config.reading import examine, parse

__all__ = ["Document", "Loaded", "build", "examine", "load", "parse", "schema"]


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration, for editors."""
    return Document.model_json_schema()
