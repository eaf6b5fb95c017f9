"""What a caller is told when every attempt has failed."""

from __future__ import annotations

from collections.abc import Sequence

from routercore.routing.policy import RULES, Move, Policy, charge_of, gravest
from routercore.values.errors import (
    AttemptsFailedError,
    BudgetError,
    RefusedError,
    RequestError,
    RouterError,
)
from routercore.values.events import AttemptRecord
from routercore.values.faults import Charge, Failure, Fault

CALLERS_FAULTS = frozenset({Fault.INVALID_REQUEST, Fault.UNSUPPORTED})
REFUSALS = frozenset({Fault.REFUSED, Fault.REFUSED_RESULT})
MAX_RETRY_AFTER = 60.0
"""Seconds; official clients ignore more, or stop retrying."""


def error_of(
    attempts: Sequence[AttemptRecord],
    policy: Policy,
    *,
    lines: Sequence[Sequence[AttemptRecord]] = (),
) -> RouterError:
    """The error for a request of which nothing could be had: that of its last attempt.

    Of a request in parts, ``lines`` are the attempts of each, and the part counts that was held
    back most.

    A refusal and a wrong request are the caller's to mend. All rate limits together make one, with
    the shortest wait. Whatever may have been paid for is marked so that no client sends it again
    by itself, and so is what will fail in the same way for longer than clients wait.
    """
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    decisive, last = _decisive(lines or [attempts])
    if last.fault is Fault.OVER_BUDGET:
        return _unaffordable(attempts)
    if last.fault in REFUSALS:
        return refused(last, attempts)
    if last.fault in CALLERS_FAULTS:
        error = RequestError(
            _said(decisive), param=last.param, code=last.code or RULES[last.fault].code
        )
        error.attempts = tuple(attempts)
        return error
    may_be_paid = any(charge_of(failure) is not Charge.NONE for failure in failures)
    rule = RULES[last.fault]
    return AttemptsFailedError(
        "; ".join(dict.fromkeys(map(_said, attempts))),
        attempts,
        status=rule.status,
        code=rule.code,
        retry_after=_retry_after(failures) if rule.status in (429, 503) else None,
        may_retry=False if may_be_paid else None,
        is_lasting=all(map(_lasts, failures)),
    )


def _decisive(lines: Sequence[Sequence[AttemptRecord]]) -> tuple[AttemptRecord, Failure]:
    """Which attempt the error is of, and its failure.

    A budget that keeps the request from travelling on does not say why it had to.
    """
    failed = [[one for one in line if one.failure is not None] for line in lines]
    told = [[one for one in line if _fault(one) is not Fault.OVER_BUDGET] for line in failed]
    ends = [line[-1] for line in told if line] or [line[-1] for line in failed if line]
    last = gravest([one.failure for one in ends if one.failure is not None])
    return next(one for one in ends if one.failure is last), last


def _fault(attempt: AttemptRecord) -> Fault | None:
    return attempt.failure.fault if attempt.failure else None


def _unaffordable(attempts: Sequence[AttemptRecord]) -> BudgetError:
    """No budget has room for any target; each reason once."""
    reasons = dict.fromkeys(one.failure.message for one in attempts if one.failure)
    codes = {one.failure.code for one in attempts if one.failure}
    error = BudgetError("; ".join(reasons), code=codes.pop() if len(codes) == 1 else None)
    error.attempts = tuple(attempts)
    return error


def refused(failure: Failure, attempts: Sequence[AttemptRecord]) -> RefusedError:
    categories = failure.categories
    is_listed = not categories or "safety_violations=" in failure.message
    listed = "" if is_listed else f" safety_violations=[{', '.join(categories)}]."
    of_class = "output" if failure.fault is Fault.REFUSED_RESULT else "input"
    return RefusedError(
        f"The request was rejected by the provider's safety system: {failure.message}{listed}",
        attempts,
        categories=categories,
        stage=failure.stage or of_class,
    )


def _said(attempt: AttemptRecord) -> str:
    failure = attempt.failure
    if failure is None:
        return ""
    why = f" ({attempt.decision})" if attempt.move == Move.PARTIALS_SENT else ""
    return f"{attempt.target} failed ({failure.fault}): {failure.message}{why}"


def _lasts(failure: Failure) -> bool:
    """Whether a client that waits as long as official ones do would meet it again."""
    is_soon_over = failure.retry_after is not None and failure.retry_after <= MAX_RETRY_AFTER
    return RULES[failure.fault].lasts and not is_soon_over


def _retry_after(failures: Sequence[Failure]) -> float | None:
    """The shortest wait, of those worth waiting for where there are any."""
    passing = [failure for failure in failures if not _lasts(failure)]
    waits = [one.retry_after for one in passing or failures if one.retry_after is not None]
    shortest = min(waits, default=None)
    return min(shortest, MAX_RETRY_AFTER) if passing and shortest is not None else shortest
