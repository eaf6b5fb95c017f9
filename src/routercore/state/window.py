"""An exact sliding window: never more than so many in any stretch of so many seconds."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from routercore.values.limits import Allowance


@dataclass(slots=True)
class Window:
    """The log of what was admitted, each entry until it is ``per`` seconds old.

    Exact where a counter for each minute is not: that one admits twice the limit around the turn
    of the minute. What it costs is one entry for each admitted request of the last window.
    """

    limit: int
    per: float
    _entries: deque[tuple[float, int]] = field(default_factory=deque)
    """Time of admission and amount, oldest first."""
    _used: int = 0

    def wait(self, amount: int, now: float) -> float:
        """Seconds until ``amount`` fits, zero if it does now, infinite if it never will."""
        self._forget(now)
        if amount > self.limit:
            return math.inf
        excess = self._used + amount - self.limit
        if excess <= 0:
            return 0.0
        for time, count in self._entries:
            excess -= count
            if excess <= 0:
                return time + self.per - now
        raise AssertionError("the log holds less than it counts")  # pragma: no cover

    def take(self, amount: int, now: float) -> None:
        """Log ``amount``; the caller has seen that it fits."""
        if amount:
            self._entries.append((now, amount))
            self._used += amount

    def inherit(self, old: Window) -> None:
        """Take over the log of a window with another limit or length."""
        self._entries, self._used = old._entries.copy(), old._used

    def allowance(self, now: float) -> Allowance:
        """What is left."""
        self._forget(now)
        reset = self._entries[-1][0] + self.per - now if self._entries else 0.0
        return Allowance(limit=self.limit, remaining=max(0, self.limit - self._used), reset=reset)

    def _forget(self, now: float) -> None:
        entries = self._entries
        while entries and entries[0][0] + self.per <= now:
            self._used -= entries.popleft()[1]
