"""The built-in strategies: fallback, cost, round_robin, weighted, latency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from routercore.routing.plan import Candidate, Strategy, Turn

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Fallback:
    """In the configured order: the first, and the next one only when it fails."""

    name: str = "fallback"

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        return candidates


@dataclass(frozen=True, slots=True)
class Cost:
    """The cheapest for this very request first; an unknown price last; ties as configured."""

    name: str = "cost"

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        return sorted(
            candidates,
            key=lambda one: (one.estimate.expected is None, one.estimate.expected or 0),
        )


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Each in its turn: over any run of requests, counts differ by at most one."""

    name: str = "round_robin"

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        start = turn.number % len(candidates)
        return [*candidates[start:], *candidates[:start]]


@dataclass(frozen=True, slots=True)
class Weighted:
    """In proportion to the configured weights, evenly spread instead of drawn by lot.

    Turn ``k`` looks at the point ``k × φ mod 1`` of the line that the weights divide. Multiples of
    the golden ratio fill the line more evenly than anything random: after a thousand turns the
    shares are within a fraction of a percent.
    """

    name: str = "weighted"

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        rest, order, number = list(candidates), [], turn.number
        while rest:
            order.append(rest.pop(_point(rest, number)))
        return order


def _point(candidates: Sequence[Candidate], number: int) -> int:
    """Which candidate's share of the line the turn's point falls into."""
    total = sum(candidate.target.weight for candidate in candidates)
    left = (number * GOLDEN_RATIO % 1.0) * total
    for index, candidate in enumerate(candidates):
        left -= candidate.target.weight
        if left < 0:
            return index
    return len(candidates) - 1


@dataclass(frozen=True, slots=True)
class Latency:
    """Power of two choices: of two drawn at random the faster one, weighed by its load.

    Speed is the decaying mean of its successful calls (what its card declares until there are
    some) times one more than the calls in flight.
    """

    name: str = "latency"

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        if len(candidates) < 2:
            return candidates
        first = min(turn.random.sample(list(candidates), 2), key=_load)
        rest = [candidate for candidate in candidates if candidate is not first]
        return [first, *sorted(rest, key=_load)]


def _load(candidate: Candidate) -> float:
    return candidate.expected_latency * (1 + candidate.health.in_flight)


def builtin_strategies() -> tuple[Strategy, ...]:
    """One of each."""
    return (Fallback(), Cost(), RoundRobin(), Weighted(), Latency())
