"""From the command line's ``--config`` to a router."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from routercore.config import Document
    from routercore.engine.setup import RouterSetup
    from routercore.plugins import Contributions
    from routercore.router import Router
    from routercore.values.events import Observer

VARIABLE = "ROUTERCORE_CONFIG"
USUAL = Path("routercore.toml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar=VARIABLE, show_envvar=True,
        help="Configuration; ./routercore.toml if there is one, else whatever has a key set.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A configuration with its plugins, ready for a router."""

    path: Path | None
    document: Document
    contributions: Contributions
    setup: RouterSetup
    warnings: tuple[str, ...]
    """What the configuration says that is likely a mistake."""

    def router(self, observers: Sequence[Observer] = (), **injected: Any) -> Router:
        """A router over it."""
        from routercore.router import Router

        return Router(self.setup, self.contributions, observers=observers, **injected)


def config_path(given: Path | None) -> Path | None:
    """The file that counts: the one given, else the usual one where it is."""
    if given is not None:
        return given
    return USUAL if USUAL.is_file() else None


def open_config(given: Path | None, *, needs_secrets: bool = True) -> Opened:
    """Read the configuration and load the plugins; what asks nobody else needs no secrets for it.

    Raises:
        ConfigError: it is wrong.
        PluginError: two plugins claim one name.
    """
    from routercore.config import load

    path = config_path(given)
    loaded = load(path if path is not None else {}, os.environ, needs_secrets=needs_secrets)
    return Opened(path, loaded.document, loaded.contributions, loaded.setup, loaded.warnings)
