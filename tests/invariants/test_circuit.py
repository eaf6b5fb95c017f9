"""What holds of a circuit after every step."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.invariants.circuit_machine import INNOCENT, CircuitMachine

from routercore.values.faults import Fault


@pytest.mark.invariant("I17")
def test_a_circuit_among_overlapping_calls() -> None:
    """One probe at a time while it is open, moves along its edges alone, and nothing that is not
    the target's failure opens it."""
    steps = settings(max_examples=150, stateful_step_count=40)
    run_state_machine_as_test(CircuitMachine, settings=steps)


@pytest.mark.invariant("I17")
@pytest.mark.parametrize(
    "fault", [Fault.INVALID_REQUEST, Fault.UNSUPPORTED, Fault.REFUSED, Fault.RATE_LIMITED,
              Fault.QUOTA, Fault.UNAUTHENTICATED, Fault.CANCELLED, Fault.LIMITED,
              Fault.OVER_BUDGET],
)  # fmt: skip
def test_what_opens_no_circuit(fault: Fault) -> None:
    """Callers' mistakes, limits, keys, credit and cancellations are nobody's outage."""
    assert fault in INNOCENT
