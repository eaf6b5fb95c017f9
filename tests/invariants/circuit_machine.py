"""A state machine over one circuit, with calls that overlap as calls do."""

from __future__ import annotations

import random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routercore.engine.health import Vitals
from routercore.routing.circuit import STANDARD, Circuit
from routercore.routing.policy import RULES
from routercore.values.faults import Fault

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half open"
MOVES = {
    (CLOSED, CLOSED), (CLOSED, OPEN), (OPEN, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, HALF_OPEN),
    (HALF_OPEN, OPEN), (HALF_OPEN, CLOSED),
}  # fmt: skip
NEVER_SLOW = 1e9
"""Seconds that a call usually takes, so that none of these is slow."""
INNOCENT = sorted(fault for fault, what in RULES.items() if not what.breaker)
GUILTY = sorted(fault for fault, what in RULES.items() if what.breaker)


def state(circuit: Circuit, now: float) -> str:
    """Where it stands."""
    if not circuit.opened:
        return CLOSED
    return OPEN if now < circuit.open_until else HALF_OPEN


class CircuitMachine(RuleBasedStateMachine):
    """Holds the circuit of a target to what circuits promise."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.vitals = Vitals()
        self.rng = random.Random(7)
        self.running: list[float] = []
        self.probes: list[float] = []
        self.was = CLOSED

    @rule()
    def start(self) -> None:
        """A call begins, if the circuit lets it; on one that is half open it is the probe."""
        if self.vitals.circuit.is_open(self.now):
            return
        if state(self.vitals.circuit, self.now) == HALF_OPEN:
            assert [] == self.probes, "one probe at a time"
            self.probes.append(self.now)
        self.vitals.started(self.now)
        self.running.append(self.now)

    def end(self, which: int) -> float:
        """A call of those under way ends; when it began."""
        began = self.running.pop(which % len(self.running))
        self.vitals.left()
        if began in self.probes:
            self.probes.remove(began)
        return began

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9))
    def succeed(self, which: int) -> None:
        """It brings what was asked; one that began before it opened says nothing of now."""
        before = state(self.vitals.circuit, self.now)
        began = self.end(which)
        opened_at = self.vitals.circuit.opened_at
        is_late = self.vitals.circuit.opened and opened_at is not None and began <= opened_at
        self.vitals.succeeded(self.now, began, NEVER_SLOW, self.rng)
        assert (before if is_late else CLOSED) == state(self.vitals.circuit, self.now)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), fault=st.sampled_from(GUILTY))
    def fail(self, which: int, fault: Fault) -> None:
        """It fails in a way that speaks against the target."""
        began = self.end(which)
        self.vitals.failed(self.now, self.rng, began=began, speaks_against_it=RULES[fault].breaker)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), fault=st.sampled_from(INNOCENT))
    def fail_innocently(self, which: int, fault: Fault) -> None:
        """A mistake of the caller's, a limit, a bad key or a cancellation opens nothing."""
        before = state(self.vitals.circuit, self.now)
        began = self.end(which)
        self.vitals.failed(self.now, self.rng, began=began, speaks_against_it=RULES[fault].breaker)
        assert before == state(self.vitals.circuit, self.now)

    @rule(seconds=st.floats(0.01, 100.0))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def it_moves_along_its_edges(self) -> None:
        """From closed to open, to half open, and on from there."""
        where = state(self.vitals.circuit, self.now)
        assert (self.was, where) in MOVES
        self.was = where

    @invariant()
    def it_is_never_closed_for_long(self) -> None:
        """No opening is longer than the longest that is allowed."""
        assert self.vitals.circuit.closed_for(self.now) <= STANDARD.max_open
        assert len(self.running) == self.vitals.in_flight
