"""What holds of the ledger after every step."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.contracts.ledger_machine import ledger_machine


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I7")
def test_a_ledger_in_any_order() -> None:
    """Attempts that are held, sent, lost, charged more than was held, repeated, overreached and
    left behind by crashes; the same machine runs over SQLite and PostgreSQL."""
    steps = settings(max_examples=100, stateful_step_count=40)
    run_state_machine_as_test(ledger_machine(MemoryLedger), settings=steps)
