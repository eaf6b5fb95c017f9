"""Keys that rest, for everybody or for one target, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from routercore.engine.health import Vitals
from routercore.engine.keys import Key, KeyPool
from routercore.routing.policy import RULES, parked_for
from routercore.values.faults import Failure, Fault, ProviderFailed

CLOCK_STEP = 0.001
"""Seconds by which a sleep may end early."""


def leave_alone(vitals: Vitals, keys: KeyPool, key: Key, failure: Failure, now: float) -> None:
    """Park a key, here or altogether, as the failure of its call asks."""
    rule, seconds = RULES[failure.fault], parked_for(failure, key.strikes)
    if seconds:
        is_shut = rule.shuts_key or failure.retry_after is not None
        keys.park(key, now + seconds, failure.fault, shut=is_shut)
    if rule.bars_key:
        vitals.barred[key.index] = now + rule.bars_key


def count_strikes(key: Key, failures: Sequence[Failure]) -> None:
    """Remember how often in a row a key was turned away; what was not asked says nothing."""
    heard = [failure for failure in failures if not failure.is_ours]
    if any(RULES[failure.fault].shuts_key for failure in heard):
        key.strikes += 1
    elif not failures:
        key.strikes = 0


def shut(vitals: Vitals, key: Key, now: float) -> Failure | None:
    """The failure of a target whose every key is shut, or kept from it: nothing is sent to it.

    Keys that are only parked on a guess are used all the same where no better target is left.
    """
    barred_until = vitals.barred.get(key.index, 0.0)
    wait = max(key.shut_until, barred_until) - now
    if wait <= 0:
        return None
    fault = key.shut_by if key.shut_until >= barred_until else Fault.FORBIDDEN
    what = "it" if key.secret is None else "the router's key for it"
    message = f"it was not asked, because {what} rests for {wait:.1f} s more"
    return Failure(fault=fault, message=message, retry_after=wait, is_ours=True)


def refuse_shut(vitals: Vitals, key: Key, now: float) -> None:
    """Hold a call to what was heard of its key while it waited for its turn.

    Raises:
        ProviderFailed: nothing may be sent with it now.
    """
    resting = shut(vitals, key, now + CLOCK_STEP)
    if resting is not None:
        raise ProviderFailed(resting)
