"""Turns: how often each set of targets was ranked, so that strategies can share work out."""

from __future__ import annotations

import random
from collections import OrderedDict

from routercore.routing.plan import Turn

MOST_SETS = 4096
"""Sets that are remembered: callers make up names of models, where a provider takes any."""

Names = tuple[str, ...]


class Turns:
    """All sets', by the names of their targets. What is forgotten begins anew."""

    def __init__(self, random: random.Random, most: int = MOST_SETS) -> None:
        self._random, self._most = random, most
        self._numbers: OrderedDict[Names, int] = OrderedDict()

    def peek(self, names: Names) -> Turn:
        """The turn that comes next; looking leaves no trace."""
        return Turn(self._numbers.get(names, 0), self._random)

    def take(self, names: Names) -> Turn:
        """The next turn, which has then been."""
        turn = self.peek(names)
        self._numbers[names] = turn.number + 1
        self._numbers.move_to_end(names)
        if len(self._numbers) > self._most:
            self._numbers.popitem(last=False)
        return turn
