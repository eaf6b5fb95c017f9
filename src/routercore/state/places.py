"""Where a server keeps what outlives it, for all who look there, also without the server itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from routercore.engine.ledger import Ledger
from routercore.engine.setup import LedgerSetup, StoreSetup
from routercore.state.ledger import open_ledger

LEDGER_FILE = "routercore-ledger.db"


def default_directory() -> Path:
    """The folder of images: one in the user's home."""
    return Path.home() / ".local" / "state" / "routercore" / "images"


def ledger_of(ledger: LedgerSetup, store: StoreSetup) -> LedgerSetup:
    """Where a server keeps it: a file beside its images unless the configuration says where."""
    if ledger.url is not None:
        return ledger
    folder = store.directory or default_directory()
    return replace(ledger, url=f"sqlite:///{folder.resolve().parent}/{LEDGER_FILE}")


def server_ledger(ledger: LedgerSetup, store: StoreSetup) -> Ledger:
    """The ledger of a server."""
    return open_ledger(ledger_of(ledger, store))
