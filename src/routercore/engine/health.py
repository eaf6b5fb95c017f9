"""What the engine remembers of each target and operation: speed, load, and whether it works."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, field

from routercore.engine.clock import Clock
from routercore.engine.keys import KeyPool
from routercore.routing.circuit import STANDARD, Circuit, CircuitRules
from routercore.values.bounds import WORDS
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Failure, Fault
from routercore.values.images import ImageRequest, Operation

MOST_REFUSED = 32
"""Values that are remembered of one target; sizes alone are more than anybody could list."""
MOST_KNOWN = 4096
"""Targets and operations that are remembered: callers make up names of models, where a provider
takes any."""
DECAY = 0.3
"""Weight of the newest call in the mean."""


@dataclass(slots=True)
class Vitals:
    """One target's, for one operation: an outage of edits leaves generating alone."""

    latency: float | None = None
    """Decaying mean of successful calls, in seconds."""
    in_flight: int = 0
    circuit: Circuit = field(default_factory=Circuit)
    off_until: float = 0.0
    """Until when it is asked last, although nothing speaks against its upstream."""
    refused: tuple[tuple[str, str], ...] = ()
    """Settings and values that were turned down although the card offers them, latest last."""
    barred: dict[int, float] = field(default_factory=dict)
    """Until when keys, by their index, may not be used for it."""
    keys: KeyPool = field(default_factory=KeyPool)
    """Its own, where no vendor is behind it."""

    def is_needed(self, now: float) -> bool:
        """Whether to forget it would do harm: it is in use, or its upstream is down."""
        return self.in_flight > 0 or self.circuit.is_open(now)

    def barred_keys(self, now: float) -> frozenset[int]:
        """Keys that its upstream has turned away from it."""
        return frozenset(index for index, until in self.barred.items() if until > now)

    def contradicted(self, param: str, value: str) -> None:
        """Its card offers a value that its upstream has turned down; the oldest are forgotten."""
        others = tuple(one for one in self.refused if one != (param, value))
        self.refused = (*others, (param, value))[-MOST_REFUSED:]

    def started(self, now: float) -> None:
        """A call begins."""
        self.in_flight += 1
        self.circuit = self.circuit.started(now)

    def left(self) -> None:
        """A call is over, whatever came of it."""
        self.in_flight -= 1

    def succeeded(self, now: float, began: float, usual: float, rng: random.Random,
                  rules: CircuitRules = STANDARD) -> None:  # fmt: skip
        """It brought what was asked; a call that took many times the usual speaks against it."""
        old, seconds = self.latency, now - began
        self.latency = seconds if old is None else old + DECAY * (seconds - old)
        if seconds > rules.slow_factor * usual:
            self.circuit = self.circuit.failed(now, rng, rules, began=began)
        else:
            self.circuit = self.circuit.succeeded(now, rules, began=began)

    def failed(
        self, now: float, rng: random.Random, *, began: float, speaks_against_it: bool
    ) -> None:
        """It brought nothing; refusals, limits, keys and cancellations say nothing of a target."""
        if speaks_against_it:
            self.circuit = self.circuit.failed(now, rng, began=began)
        else:
            self.circuit = self.circuit.abandoned(began=began)


CONTRADICTABLE = frozenset(
    {"n", "size", "aspect_ratio", "resolution", "quality", "output_format", "background", "seed",
     "style", "moderation", "input_fidelity", "output_compression", "negative_prompt"}
)  # fmt: skip
"""Settings that a card declares; the prompt and the images are the caller's own."""
FREE = frozenset({"seed", "negative_prompt"})
"""Those among them whose values are the caller's own: that one is turned down says nothing of the
next, and there is no end to them."""
OUR_FAULT = frozenset({Fault.INVALID_REQUEST, Fault.UNSUPPORTED})


def contradiction(
    failure: Failure, request: ImageRequest, card: ModelCard
) -> tuple[str, str | None] | None:
    """The setting and value that a card offers and its upstream has just turned down.

    The request was fitted to the card before it was sent. If the upstream says that one of the
    settings is wrong, then the card is. A value that is the caller's own is ``None``.
    """
    param = failure.param
    if failure.fault not in OUR_FAULT or param not in CONTRADICTABLE:
        return None
    value = getattr(request, param)
    if value is None or (param, value) == ("n", 1):
        return None
    return param, None if _is_own(param, str(value), card) else str(value)


def _is_own(param: str, value: str, card: ModelCard) -> bool:
    """Whether a value is nobody's but the caller's: no list has it."""
    lists = {"style": card.styles, "input_fidelity": card.fidelities, **WORDS}
    listed = [word.lower() for word in lists.get(param, (value,))]
    return param in FREE or value.lower() not in listed


class HealthBook:
    """All targets', by name and operation; beyond a bound the one longest unused is forgotten."""

    def __init__(self, clock: Clock, most: int = MOST_KNOWN) -> None:
        self._clock, self._most = clock, most
        self._vitals: OrderedDict[tuple[str, Operation], Vitals] = OrderedDict()

    def seen(self, target: str, operation: Operation) -> Vitals:
        """What is remembered of a target; looking leaves no trace."""
        return self._vitals.get((target, operation)) or Vitals()

    def of(self, target: str, operation: Operation) -> Vitals:
        """What a target's calls are noted in."""
        key = target, operation
        if key not in self._vitals:
            self._make_room()
            self._vitals[key] = Vitals()
        self._vitals.move_to_end(key)
        return self._vitals[key]

    def _make_room(self) -> None:
        if len(self._vitals) < self._most:
            return
        now = self._clock.monotonic()
        idle = (key for key, one in self._vitals.items() if not one.is_needed(now))
        if (oldest := next(idle, None)) is not None:
            del self._vitals[oldest]
