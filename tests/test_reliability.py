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
    assert set() == set(REQUIRED) - set(table["faults"])
    assert set(HELD) == set(table["invariants"])
    known = {(kind, name) for kind in ("faults", "invariants") for name in table[kind]}
    known |= {("scenarios", name) for name in table["scenarios"]["names"]}
    assert set() == set(reliability.proofs()) - known


def test_every_row_is_proved_or_has_a_reason(reliability: ModuleType) -> None:
    """A row without a test says why."""
    table, found = reliability.rows(), reliability.proofs()
    for kind in ("faults", "invariants"):
        named = {row for row, what in table[kind].items() if "out" in what}
        assert [] == [row for row in table[kind] if row not in named and not found.get((kind, row))]
    names = table["scenarios"]["names"]
    assert [] == [name for name in names if not found.get(("scenarios", name))]


def test_every_row_rests_on_tests_that_passed(reliability: ModuleType) -> None:
    """Some test of each row ran when the page was written, and none failed."""
    last = reliability.results()
    for row, several in reliability.proofs().items():
        assert all(proof.claim for proof in several), f"{row}: a test is not there, or mute"
        outcomes = {outcome for proof in several for outcome in last.get(proof.node, ())}
        assert {"passed"} == outcomes - {"skipped"}, f"{row}: python tools/reliability.py"


def test_the_page_is_up_to_date(reliability: ModuleType) -> None:
    """``python tools/reliability.py --page`` would change nothing."""
    page = reliability.page(reliability.rows(), reliability.proofs(), reliability.results())
    assert page == reliability.PAGE.read_text(encoding="utf-8")
