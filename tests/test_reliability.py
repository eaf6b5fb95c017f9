"""The page on reliability is whole and up to date: every row has a proof that ran, or a reason."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
REQUIRED = [f"F{n:02}" for n in (*range(1, 45), *range(56, 61), *range(63, 67))]
HELD = [f"I{n}" for n in (*range(1, 8), 10, *range(13, 20), 29, 30)]


@pytest.fixture(scope="module")
def reliability() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "tools" / "reliability.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["reliability"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_there(reliability: ModuleType) -> None:
    """No fault, scenario or invariant is left out of the table, and none is marked without it."""
    table = reliability.rows()
    assert REQUIRED == list(table["faults"])
    assert set(HELD) == set(table["invariants"])
    known = {(kind, name) for kind in ("faults", "invariants") for name in table[kind]}
    known |= {("scenarios", name) for name in table["scenarios"]["names"]}
    assert set() == set(reliability.proofs()) - known


def test_every_row_is_proved_or_has_a_reason(reliability: ModuleType) -> None:
    """A row without a test says why."""
    table, found = reliability.rows(), reliability.proofs()
    proved = {
        row: bool(found.get(("faults", row))) != ("out" in what)
        for row, what in table["faults"].items()
    }
    assert [] == [row for row, is_right in proved.items() if not is_right]
    for kind, names in (("scenarios", table["scenarios"]["names"]), ("invariants", HELD)):
        assert [] == [name for name in names if not found.get((kind, name))]


def test_every_proof_is_a_test_that_ran(reliability: ModuleType) -> None:
    """Each has passed when the page was written, and says what it claims."""
    last, found = reliability.results(), reliability.proofs()
    for proof in {proof for several in found.values() for proof in several}:
        assert proof.claim, f"{proof.node} is not there, or claims nothing"
        assert {"passed"} >= set(last.get(proof.node, ())) - {"skipped"}, proof.node
        assert last.get(proof.node), f"{proof.node} has not run: python tools/reliability.py"


def test_the_page_is_up_to_date(reliability: ModuleType) -> None:
    """``python tools/reliability.py --page`` would change nothing."""
    page = reliability.page(reliability.rows(), reliability.proofs(), reliability.results())
    assert page == reliability.PAGE.read_text(encoding="utf-8")
