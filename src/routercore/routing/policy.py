"""What to do after a failure: a table with one row a class, and the decision that reads it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from routercore.routing.exposure import UNBOUNDED, Exposure
from routercore.values.faults import Charge, Failure, Fault


class Again(StrEnum):
    """Whether the same target may be asked once more."""

    NEVER = "never"
    ONCE = "once"
    """Once, after a moment; before the next target if an attempt is left for each of those."""
    IF_FREE = "if_free"
    """As ``ONCE``, if the provider declares that such a failure is not billed."""
    PATIENT = "patient"
    """Not before the upstream's ``Retry-After``, and only if the deadline allows."""


class Onward(StrEnum):
    """Whether the next target may be asked."""

    NO = "no"
    YES = "yes"
    """Also where nobody knows whether it was charged: the upstream itself says that it failed."""
    IF_ONLY_HERE = "if_only_here"
    """If the provider says that the request is wrong for it alone."""
    REFUSAL = "refusal"
    """If the configuration lets refused prompts travel."""
    EXPOSURE = "exposure"
    """If the configuration lets a request go on whose outcome nobody knows."""
    LOST_RESULT = "lost_result"
    """If the configuration lets an image be made again that was made, paid for and lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table of failures."""

    same: Again = Again.NEVER
    other_keys: int = 0
    """How many further keys of the provider may be asked."""
    onward: Onward = Onward.YES
    breaker: bool = False
    """Counts against the target's health."""
    parks_key: float = 0.0
    """Seconds for which the key is left alone, unless the upstream says how long."""
    shuts_key: bool = False
    """Whether a parked key is left alone even where no better target is left; each time it fails
    again that is for twice as long, up to an hour."""
    bars_key: float = 0.0
    """Seconds for which the key is not used for this target, and is for others."""
    parks_target: float = 0.0
    """Seconds for which the target is asked last."""
    lasts: bool = False
    """Whether it takes a person to mend it, so that asking again at once cannot help."""
    charge: Charge = Charge.NONE
    """What it costs unless the provider declares otherwise."""
    status: int = 502
    code: str = "upstream_failed"
    """What the client gets if this was the last word."""


ALL_KEYS = 99

RULES: Mapping[Fault, Rule] = {
    Fault.INVALID_REQUEST: Rule(
        onward=Onward.IF_ONLY_HERE, status=400, code="invalid_request"
    ),
    Fault.UNSUPPORTED: Rule(onward=Onward.IF_ONLY_HERE, status=400, code="unsupported"),
    Fault.OVER_BUDGET: Rule(lasts=True, status=402, code="budget_exceeded"),
    Fault.LIMITED: Rule(status=429, code="rate_limit_exceeded"),
    Fault.NOT_SENT: Rule(same=Again.ONCE, breaker=True, status=503, code="upstream_unreachable"),
    Fault.RATE_LIMITED: Rule(
        same=Again.PATIENT, other_keys=ALL_KEYS, parks_key=20.0, status=429,
        code="rate_limit_exceeded",
    ),
    Fault.OVERLOADED: Rule(
        same=Again.PATIENT, breaker=True, status=503, code="upstream_overloaded"
    ),
    Fault.QUOTA: Rule(
        other_keys=ALL_KEYS, parks_key=600.0, shuts_key=True, lasts=True, status=503,
        code="provider_unavailable",
    ),
    Fault.UNAUTHENTICATED: Rule(
        other_keys=1, parks_key=600.0, shuts_key=True, lasts=True, status=503,
        code="provider_unavailable",
    ),
    Fault.FORBIDDEN: Rule(
        other_keys=1, bars_key=600.0, lasts=True, status=503, code="provider_unavailable"
    ),
    Fault.MODEL_NOT_FOUND: Rule(
        parks_target=600.0, lasts=True, status=503, code="provider_unavailable"
    ),
    Fault.REFUSED: Rule(onward=Onward.REFUSAL, status=400, code="moderation_blocked"),
    Fault.REPLY_LOST: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN),
    Fault.REPLY_CUT: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN),
    Fault.SERVER_ERROR: Rule(same=Again.IF_FREE, breaker=True, charge=Charge.UNKNOWN),
    Fault.GATEWAY: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN),
    Fault.REQUEST_TIMEOUT: Rule(breaker=True, charge=Charge.UNKNOWN),
    Fault.CONFLICT: Rule(onward=Onward.NO, charge=Charge.UNKNOWN, status=409, code="conflict"),
    Fault.REDIRECTED: Rule(onward=Onward.NO, charge=Charge.UNKNOWN),
    Fault.JOB_FAILED: Rule(breaker=True, charge=Charge.UNKNOWN),
    Fault.JOB_LOST: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN),
    Fault.DEADLINE: Rule(
        onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN, status=504,
        code="deadline_exceeded",
    ),
    Fault.CANCELLED: Rule(onward=Onward.NO, charge=Charge.UNKNOWN, status=499, code="cancelled"),
    Fault.REFUSED_RESULT: Rule(
        onward=Onward.REFUSAL, charge=Charge.UNKNOWN, status=400, code="moderation_blocked"
    ),
    Fault.NO_IMAGE: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.UNKNOWN),
    Fault.BAD_IMAGE: Rule(onward=Onward.EXPOSURE, breaker=True, charge=Charge.CERTAIN),
    Fault.RESULT_UNAVAILABLE: Rule(onward=Onward.LOST_RESULT, charge=Charge.CERTAIN),
    Fault.PLUGIN: Rule(onward=Onward.EXPOSURE, charge=Charge.UNKNOWN, code="plugin_failed"),
}  # fmt: skip

MAX_PATIENCE = 60.0
"""A longer Retry-After is not waited for, whatever the deadline."""
MAX_PARKED = 3600.0
"""The longest that a key is left alone without its upstream having said so."""
ONCE_DELAY = 0.05
"""Full-jitter bound of the delay before a request that never left is sent again."""


class OnRefusal(StrEnum):
    STOP = "stop"
    FALLBACK = "fallback"


class OnUnknown(StrEnum):
    FAILOVER = "failover"
    FAIL = "fail"


class OnLostResult(StrEnum):
    STOP = "stop"
    FAILOVER = "failover"


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a second copy of a slow call is sent to the next target, and for how much at most."""

    after: float
    """Seconds that the first copy has to itself."""
    max_extra: Decimal
    """Dollars that the second copy may cost; one whose price nobody knows is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a configuration decides about failures."""

    max_attempts: int = 3
    """Over all targets together."""
    on_refusal: OnRefusal = OnRefusal.STOP
    on_unknown: OnUnknown = OnUnknown.FAILOVER
    on_lost_result: OnLostResult = OnLostResult.STOP
    max_exposure: Decimal | None = None
    """Dollars that calls of a request may have cost for nothing, and the next one with them;
    twice its dearest candidate unless given."""
    unknown_price: Decimal | None = None
    """Dollars that an image counts for whose price nobody knows."""
    hedge: Hedge | None = None


class Move(StrEnum):
    """What to do next."""

    AGAIN = "again"
    OTHER_KEY = "other_key"
    NEXT = "next"
    STOP = "stop"
    PARTIALS_SENT = "partials_sent"
    """Stop, only because a stream has begun to show what another target would make anew."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next, when, and why in words."""

    move: Move
    reason: str
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision is made on, beside the failure."""

    attempts: int
    """Made so far, over all targets."""
    same_target: int
    """Made so far at this target."""
    remaining: float
    """Seconds until the deadline."""
    expected: float
    """Seconds that a call to this target usually takes."""
    may_retry: bool = True
    """Whether the provider's quota of retries has one left."""
    has_other_key: bool = False
    targets_left: int = 0
    """Behind this one, that could still be asked."""
    exposure: Exposure = UNBOUNDED
    """What is at stake after this failure."""
    price: Decimal | None = None
    """The most that asking this target again may cost; ``None`` where nobody knows."""
    next_price: Decimal | None = None
    """The most that the next target may cost."""

    @property
    def has_next(self) -> bool:
        """Whether there is another target to ask."""
        return self.targets_left > 0

    def can_spare(self, most: int) -> bool:
        """Whether of ``most`` attempts one is left beside one for every target yet to be asked.

        A second try at one target must not be what keeps another from its first.
        """
        return most - self.attempts > self.targets_left


def charge_of(failure: Failure) -> Charge:
    """What a failure costs: as its provider declares, or as its class usually does."""
    return failure.charge or RULES[failure.fault].charge


def rule_of(failure: Failure) -> Rule:
    """The row of a failure's class.

    Where a failure may be charged for although its class is not, it is no reason to have the work
    done again: a poll that is turned away says nothing of its job.
    """
    rule = RULES[failure.fault]
    if rule.charge is not Charge.NONE or charge_of(failure) is Charge.NONE:
        return rule
    onward = Onward.EXPOSURE if rule.onward is Onward.YES else rule.onward
    return replace(rule, same=Again.NEVER, other_keys=0, onward=onward)


def parked_for(failure: Failure, strikes: int) -> float:
    """Seconds for which a failure parks its key, after so many others in a row."""
    rule = RULES[failure.fault]
    if failure.retry_after is not None and (rule.parks_key or rule.same is Again.PATIENT):
        return failure.retry_after
    return min(rule.parks_key * 2.0**strikes, MAX_PARKED) if rule.shuts_key else rule.parks_key


_FREEDOM = (
    Onward.NO, Onward.REFUSAL, Onward.IF_ONLY_HERE, Onward.LOST_RESULT, Onward.EXPOSURE, Onward.YES,
)  # fmt: skip
"""From what holds a request back most to what lets it travel."""


def gravest(failures: Sequence[Failure]) -> Failure:
    """Of failures side by side, the first of those that hold the request back most.

    One call's time-out must not carry a prompt on that another call's upstream refused.
    """
    return min(failures, key=lambda failure: _FREEDOM.index(rule_of(failure).onward))


def decide(failure: Failure, situation: Situation, policy: Policy, rng: random.Random) -> Decision:
    """What to do after ``failure``. Pure, given the random source."""
    rule = rule_of(failure)
    if situation.attempts >= policy.max_attempts:
        return Decision(Move.STOP, f"max_attempts allows no more than {policy.max_attempts}")
    if situation.remaining <= 0:
        return Decision(Move.STOP, "the deadline has passed")
    may_stay = situation.may_retry and situation.exposure.allows(situation.price)
    if situation.same_target <= rule.other_keys and situation.has_other_key and may_stay:
        return Decision(Move.OTHER_KEY, f"{failure.fault}: another key may work")
    onward = _bounded(_onward(failure, rule, policy), failure, situation)
    again = _again(failure, rule, situation, rng)
    is_first = again is not None and rule.same is not Again.PATIENT
    is_first = is_first and situation.can_spare(policy.max_attempts)
    if onward.move is Move.NEXT and situation.has_next and not (is_first and may_stay):
        return onward
    if again is not None and not situation.may_retry:
        return Decision(Move.STOP, f"{failure.fault}: its provider's retries are used up for now")
    return (again if may_stay else None) or _without_next(onward, situation)


def _onward(failure: Failure, rule: Rule, policy: Policy) -> Decision:
    """Whether the class of the failure lets the request travel on."""
    fault, kind = failure.fault, rule.onward
    if kind is Onward.YES:
        return Decision(Move.NEXT, f"{fault}: the next target may work")
    if kind is Onward.IF_ONLY_HERE and failure.only_here:
        return Decision(Move.NEXT, f"{fault}: wrong for this provider alone")
    if kind is Onward.REFUSAL and policy.on_refusal is OnRefusal.FALLBACK:
        return Decision(Move.NEXT, f"{fault}: the configuration lets it travel")
    if kind is Onward.LOST_RESULT:
        if policy.on_lost_result is OnLostResult.FAILOVER:
            return Decision(Move.NEXT, f"{fault}: it is made again, as on_lost_result says")
        return Decision(Move.STOP, f"{fault}: it was made and paid for, and on_lost_result is stop")
    if kind is Onward.EXPOSURE:
        if charge_of(failure) is Charge.NONE:
            return Decision(Move.NEXT, f"{fault}: nothing was charged")
        if policy.on_unknown is OnUnknown.FAIL:
            return Decision(Move.STOP, f"{fault}: it may have been charged, and on_unknown is fail")
        return Decision(Move.NEXT, f"{fault}: it may have been charged, and on_unknown is failover")
    return Decision(Move.STOP, f"{fault} ends the request")


def _bounded(onward: Decision, failure: Failure, situation: Situation) -> Decision:
    """The cap holds for whatever may have been charged, whatever lets the request travel."""
    exposure = situation.exposure
    if onward.move is Move.STOP or not exposure.lost or not situation.has_next:
        return onward
    if exposure.allows(situation.next_price):
        return Decision(Move.NEXT, f"{onward.reason}; {exposure}")
    reason = f"{failure.fault}: the next target would exceed max_exposure; {exposure}"
    return Decision(Move.STOP, reason)


def _again(
    failure: Failure, rule: Rule, situation: Situation, rng: random.Random
) -> Decision | None:
    """Whether the same target is asked once more, and when."""
    is_free = rule.same is Again.IF_FREE and charge_of(failure) is Charge.NONE
    if (rule.same is Again.ONCE or is_free) and situation.same_target < 2:
        why = "it is not billed" if is_free else "it never left"
        delay = rng.uniform(0, ONCE_DELAY)
        return Decision(Move.AGAIN, f"{failure.fault}: {why}, once more", delay)
    if rule.same is Again.PATIENT:
        back_off = rng.uniform(0, min(20.0, 2.0**situation.same_target))
        delay = failure.retry_after if failure.retry_after is not None else back_off
        if delay <= min(MAX_PATIENCE, situation.remaining - situation.expected):
            return Decision(Move.AGAIN, f"{failure.fault}: again after {delay:.1f} s", delay)
    return None


def _without_next(onward: Decision, situation: Situation) -> Decision:
    if onward.move is Move.NEXT and not situation.has_next:
        return Decision(Move.STOP, "no target is left")
    return onward
