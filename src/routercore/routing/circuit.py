"""A circuit for one target and operation: opens on failures, probes once, closes on success.

    closed ──failures──▶ open ──time──▶ half open ──success──▶ closed
                          ▲                 │
                          └────failure──────┘  (open twice as long)

Sized for slow calls: a window of minutes and a handful of calls, where breakers for ordinary
services look at seconds and hundreds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRules:
    """When a circuit opens, and for how long."""

    window: float = 120.0
    """Seconds that calls are remembered; longer than the slowest call."""
    min_calls: int = 5
    """In the window, before the ratio counts."""
    failure_ratio: float = 0.5
    consecutive: int = 5
    """Failures in a row that open it, however long they took."""
    open_for: float = 15.0
    """Seconds of the first opening, equal-jittered; doubled each time a probe fails."""
    max_open: float = 300.0
    slow_factor: float = 5.0
    """A call that takes this many times the card's typical latency counts as a failure."""


STANDARD = CircuitRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One circuit's state; every step returns the next one."""

    calls: tuple[tuple[float, bool], ...] = ()
    """When each call in the window ended, and whether it succeeded."""
    row: int = 0
    """Failures since the last success."""
    opened: int = 0
    """How many times in a row it opened without a success between."""
    open_until: float = 0.0
    probe_since: float | None = None
    """When the probe of a half-open circuit was let through."""
    relapses: int = 0
    """How many times it opened again soon after it had closed."""
    closed_at: float | None = None
    """When it last closed, if it ever was open."""
    opened_at: float | None = None
    """When it last opened."""

    def is_open(self, now: float) -> bool:
        """Whether calls should go elsewhere."""
        return self.opened > 0 and (now < self.open_until or self.probe_since is not None)

    def closed_for(self, now: float) -> float:
        """Seconds until a call may be tried; 0 if now. A probe under way counts as a moment."""
        if not self.is_open(now):
            return 0.0
        return max(self.open_until - now, 1.0)

    def started(self, now: float) -> Circuit:
        """A call begins; on a half-open circuit it is the probe."""
        if self.opened and now >= self.open_until and self.probe_since is None:
            return replace(self, probe_since=now)
        return self

    def abandoned(self, *, began: float | None = None) -> Circuit:
        """A call ended without telling anything of the target: cancelled, refused, our fault."""
        return replace(self, probe_since=None) if self._is_probe(began) else self

    def succeeded(
        self, now: float, rules: CircuitRules = STANDARD, *, began: float | None = None
    ) -> Circuit:
        """A call succeeded: closed, unless the call ``began`` before the circuit opened."""
        if self.opened:
            if began is not None and self.opened_at is not None and began <= self.opened_at:
                return self
            return Circuit(calls=((now, True),), relapses=self.relapses, closed_at=now,
                           opened_at=self.opened_at)  # fmt: skip
        return replace(self, calls=(*self._recent(now, rules), (now, True)), row=0)

    def failed(
        self, now: float, rng: random.Random, rules: CircuitRules = STANDARD, *,
        began: float | None = None,
    ) -> Circuit:  # fmt: skip
        """A call failed in a way that speaks against the target.

        A late failure of a call that began before the circuit opened does not open it further. One
        that opens again soon after it closed stays open for longer each time: what works every
        second time is no use, and each change of target costs somebody a failed attempt.

        Args:
            now: when it failed.
            rng: for the jitter.
            rules: when to open.
            began: when it began, which tells the probe from other calls; the probe, if there is
                one, unless given.
        """
        calls = (*self._recent(now, rules), (now, False))
        after = replace(self, calls=calls, row=self.row + 1)
        was_probe = self._is_probe(began)
        if self.opened and not was_probe:
            return after
        if not was_probe and not after._should_open(now, rules):
            return after
        relapses = self.relapses
        if not self.opened:
            is_soon = self.closed_at is not None and now < self.closed_at + rules.window
            relapses = relapses + 1 if is_soon else 0
        length = min(rules.open_for * 2.0 ** (self.opened + relapses), rules.max_open)
        until = now + length / 2 + rng.uniform(0, length / 2)
        return replace(
            after, opened=self.opened + 1, open_until=until, probe_since=None, relapses=relapses,
            opened_at=now,
        )  # fmt: skip

    def _is_probe(self, began: float | None) -> bool:
        return self.probe_since is not None and began in (None, self.probe_since)

    def _should_open(self, now: float, rules: CircuitRules) -> bool:
        if self.opened_at is not None and now < self.opened_at + rules.open_for:
            return False  # To go in and out faster than that helps nobody.
        failures = sum(not ok for _, ok in self.calls)
        enough = len(self.calls) >= rules.min_calls
        return self.row >= rules.consecutive or (
            enough and failures >= rules.failure_ratio * len(self.calls)
        )

    def _recent(self, now: float, rules: CircuitRules) -> tuple[tuple[float, bool], ...]:
        return tuple(call for call in self.calls if call[0] > now - rules.window)
