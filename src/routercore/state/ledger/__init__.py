"""Backends of the ledger: this process's memory, and SQL databases."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeGuard

from routercore.engine.ledger import Ledger
from routercore.engine.setup import LedgerSetup
from routercore.state.ledger.memory import MemoryLedger
from routercore.values.errors import ConfigError

if TYPE_CHECKING:
    from routercore.state.ledger.sql import SqlLedger

MEMORY = "memory:"
NEEDED = {"sql": ("sqlalchemy", "alembic"), "postgres": ("psycopg",)}


def open_ledger(setup: LedgerSetup) -> Ledger:
    """The configured ledger; nothing is opened, and no file made, before it is used.

    Raises:
        ConfigError: its database cannot be meant, or what it needs is not installed.
    """
    if setup.url is None or setup.url == MEMORY:
        return MemoryLedger()
    for package, extra in missing_for(setup):
        cure = f'pip install "routercore[{extra}]"'
        raise ConfigError([f"ledger.url: {package} is not installed; run: {cure}"])
    from routercore.state.ledger.sql import SqlLedger

    try:
        return SqlLedger(setup.url)
    except ValueError as error:
        raise ConfigError([f"ledger.url: {error}"]) from error


def missing_for(setup: LedgerSetup) -> Iterator[tuple[str, str]]:
    """The packages that the configured ledger needs and that are not there, with their extras."""
    if setup.url is None or setup.url == MEMORY:
        return
    for extra in ("sql", "postgres") if setup.url.startswith("postgres") else ("sql",):
        for package in NEEDED[extra]:
            if not _is_installed(package):
                yield package, extra


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # It was hidden, as programs do that must not load it.
        return False


def has_database(ledger: Ledger) -> TypeGuard[SqlLedger]:
    """Whether a ledger is one that others can keep tables beside."""
    if isinstance(ledger, MemoryLedger) or not _is_installed("sqlalchemy"):
        return False
    from routercore.state.ledger.sql import SqlLedger

    return isinstance(ledger, SqlLedger)
