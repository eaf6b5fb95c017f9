"""The keys of one configured provider: which to use next, and which to leave alone for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from routercore.values.faults import Fault

NO_KEYS: Mapping[int, float] = MappingProxyType({})


@dataclass(slots=True)
class Key:
    """One credential and what is known of it."""

    index: int
    secret: str | None = field(repr=False)
    in_flight: int = 0
    parked_until: float = 0.0
    reason: str = ""
    shut_until: float = 0.0
    """Until when nothing is sent with it, even where no better key or target is left."""
    shut_by: Fault = Fault.RATE_LIMITED
    strikes: int = 0
    """How often in a row it was turned away, without a success between."""


def fingerprint(secret: str | None) -> str:
    """What a key is told from others by; nobody gets from it to the key."""
    return hashlib.sha256(f"routercore:{secret or ''}".encode()).hexdigest()[:16]


class KeyPool:
    """The credentials of one provider; a provider without any has one that is ``None``."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._keys = [Key(index, secret) for index, secret in enumerate(secrets or (None,))]
        self._turn = 0

    def choose(self, now: float, *, besides: frozenset[int] = frozenset()) -> Key | None:
        """The least busy key that is not parked; equally busy ones take turns.

        Args:
            now: the clock's monotonic time.
            besides: keys that were tried already.
        """
        free = [k for k in self._keys if k.parked_until <= now and k.index not in besides]
        if not free:
            return None
        self._turn += 1
        return min(free, key=lambda k: (k.in_flight, (k.index - self._turn) % len(self._keys)))

    def park(self, key: Key, until: float, reason: Fault, *, shut: bool = False) -> None:
        """Leave ``key`` alone until then; never shortens an earlier parking.

        Args:
            key: one of this pool.
            until: on the clock's monotonic scale.
            reason: why.
            shut: send nothing with it before, whatever else there is: the upstream itself named
                the time, or to ask would be no use.
        """
        if until > key.parked_until:
            key.parked_until, key.reason = until, reason
        if shut and until > key.shut_until:
            key.shut_until, key.shut_by = until, reason

    def closed_for(self, now: float, barred: Mapping[int, float] = NO_KEYS) -> tuple[float, str]:
        """Seconds until some key may be used, and why not now.

        Args:
            now: the clock's monotonic time.
            barred: until when keys may not be used for one target, by their index.
        """
        soonest = self.soonest(barred)
        until = barred.get(soonest.index, 0.0)
        reason = soonest.reason if soonest.parked_until >= until else Fault.FORBIDDEN.value
        return max(0.0, max(soonest.parked_until, until) - now), reason

    def soonest(self, barred: Mapping[int, float] = NO_KEYS) -> Key:
        """The key that is free first, parked or not."""
        return min(
            self._keys,
            key=lambda k: (max(k.parked_until, barred.get(k.index, 0.0)), k.in_flight),
        )

    def marked(self, mark: str) -> Key:
        """The key with that fingerprint, or the one that is free first, if it is there no more."""
        known = [key for key in self._keys if fingerprint(key.secret) == mark]
        return known[0] if known else self.soonest()
