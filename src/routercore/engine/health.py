"""What the engine remembers of each target: how fast it is and how much it has to do."""

from __future__ import annotations

from dataclasses import dataclass

DECAY = 0.3
"""Weight of the newest call in the mean."""


@dataclass(slots=True)
class Vitals:
    """One target's."""

    latency: float | None = None
    in_flight: int = 0

    def succeeded(self, seconds: float) -> None:
        old = self.latency
        self.latency = seconds if old is None else old + DECAY * (seconds - old)


class HealthBook:
    """All targets', by name."""

    def __init__(self) -> None:
        self._vitals: dict[str, Vitals] = {}

    def of(self, target: str) -> Vitals:
        return self._vitals.setdefault(target, Vitals())
