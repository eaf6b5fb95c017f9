"""Whenever routers are killed, ledger and invoice agree once they are reconciled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.killing import run


@pytest.mark.fault("F44", how="ten kills under load; `nox -s crash` makes two hundred")
def test_ten_kills(tmp_path: Path) -> None:
    """Every image that was invoiced is delivered, stored, or on the ledger; none is there twice."""
    found = run(tmp_path, kills=10, seed=20_261_121)
    assert [] == found.wrong
    assert 10 == found.counts["kills"]
    assert found.counts["invoiced"] > 20
