"""Imported once, before any router is forked off: what a process otherwise spends a second on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.routers import Scene, collect


def warm() -> None:
    """Open a ledger and a router, and close them."""
    with TemporaryDirectory() as folder:
        scene = Scene(folder=Path(folder), base_url="http://127.0.0.1:9/v1", seed=0, clients=0)
        asyncio.run(collect(scene, None, even_if_leased=False))


warm()
