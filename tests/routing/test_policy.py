"""One test a row of the table of failures, and the decisions that it leads to."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from routercore.routing.exposure import Exposure, exposure_of
from routercore.routing.failing import error_of
from routercore.routing.policy import (
    MAX_PATIENCE,
    RULES,
    Move,
    OnLostResult,
    OnRefusal,
    OnUnknown,
    Policy,
    Situation,
    charge_of,
    decide,
    parked_for,
)
from routercore.values.errors import AttemptsFailedError
from routercore.values.events import AttemptRecord
from routercore.values.faults import Charge, Failure, Fault

PRICE = Decimal("0.04")
NEXT, STOP, AGAIN, KEY = Move.NEXT, Move.STOP, Move.AGAIN, Move.OTHER_KEY
CHANCE = random.Random(0)


def once() -> Exposure:
    """One call may have been paid for nothing, under the usual cap."""
    return exposure_of([PRICE, PRICE], None, None).plus(PRICE)


def situation(**known: Any) -> Situation:
    return Situation(**{
        "attempts": 1, "same_target": 1, "remaining": 100.0, "expected": 10.0,
        "has_other_key": False, "targets_left": 1, "exposure": once(), "price": PRICE,
        "next_price": PRICE, **known,
    })  # fmt: skip


def failed(fault: Fault, **details: Any) -> Failure:
    return Failure(fault=fault, message="it failed", **details)


def move(failure: Failure, policy: Policy = Policy(), **known: Any) -> Move:  # noqa: B008
    return decide(failure, situation(**known), policy, CHANCE).move


ROWS = [
    # fault, with another target, alone, with another key, what it may cost, status
    (Fault.INVALID_REQUEST, STOP, STOP, STOP, Charge.NONE, 400),
    (Fault.UNSUPPORTED, STOP, STOP, STOP, Charge.NONE, 400),
    (Fault.OVER_BUDGET, NEXT, STOP, NEXT, Charge.NONE, 402),
    (Fault.LIMITED, NEXT, STOP, NEXT, Charge.NONE, 429),
    (Fault.NOT_SENT, AGAIN, AGAIN, AGAIN, Charge.NONE, 503),
    (Fault.RATE_LIMITED, NEXT, AGAIN, KEY, Charge.NONE, 429),
    (Fault.OVERLOADED, NEXT, AGAIN, NEXT, Charge.NONE, 503),
    (Fault.QUOTA, NEXT, STOP, KEY, Charge.NONE, 503),
    (Fault.UNAUTHENTICATED, NEXT, STOP, KEY, Charge.NONE, 503),
    (Fault.FORBIDDEN, NEXT, STOP, KEY, Charge.NONE, 503),
    (Fault.MODEL_NOT_FOUND, NEXT, STOP, NEXT, Charge.NONE, 503),
    (Fault.REFUSED, STOP, STOP, STOP, Charge.NONE, 400),
    (Fault.REPLY_LOST, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.REPLY_CUT, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.SERVER_ERROR, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.GATEWAY, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.REQUEST_TIMEOUT, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.CONFLICT, STOP, STOP, STOP, Charge.UNKNOWN, 409),
    (Fault.REDIRECTED, STOP, STOP, STOP, Charge.UNKNOWN, 502),
    (Fault.JOB_FAILED, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.JOB_LOST, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.DEADLINE, NEXT, STOP, NEXT, Charge.UNKNOWN, 504),
    (Fault.CANCELLED, STOP, STOP, STOP, Charge.UNKNOWN, 499),
    (Fault.REFUSED_RESULT, STOP, STOP, STOP, Charge.UNKNOWN, 400),
    (Fault.NO_IMAGE, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
    (Fault.BAD_IMAGE, NEXT, STOP, NEXT, Charge.CERTAIN, 502),
    (Fault.RESULT_UNAVAILABLE, STOP, STOP, STOP, Charge.CERTAIN, 502),
    (Fault.PLUGIN, NEXT, STOP, NEXT, Charge.UNKNOWN, 502),
]


def test_the_table_is_whole() -> None:
    """Every fault has a row, here and in the policy."""
    assert set(Fault) == {row[0] for row in ROWS} == set(RULES)


@pytest.mark.parametrize(("fault", "onward", "alone", "key", "charge", "status"), ROWS)
def test_a_row(
    fault: Fault, onward: Move, alone: Move, key: Move, charge: Charge, status: int
) -> None:
    """What a failure leads to with another target, alone, and with another key; its price; and
    what the client is told."""
    failure = failed(fault)
    assert onward == move(failure)
    assert alone == move(failure, targets_left=0)
    assert key == move(failure, has_other_key=True)
    assert charge == charge_of(failure)
    assert status == RULES[fault].status


CHARGED = [row[0] for row in ROWS if row[1] is NEXT and row[4] is not Charge.NONE]
TRAVELS_ANYWAY = [Fault.SERVER_ERROR, Fault.REQUEST_TIMEOUT, Fault.JOB_FAILED]
"""Here the upstream itself says that it failed: what came of it is known, if not its price."""


@pytest.mark.parametrize("fault", CHARGED)
def test_what_may_be_paid_twice_is_bounded(fault: Fault) -> None:
    """Whatever may have been charged goes on only where the next price stays within the cap."""
    failure = failed(fault)
    assert STOP == move(failure, exposure=once().plus(PRICE))
    assert STOP == move(failure, next_price=Decimal("0.05"))
    assert NEXT == move(failure, exposure=exposure_of([PRICE], Decimal("0.12"), None).plus(PRICE))


@pytest.mark.parametrize("fault", CHARGED)
def test_an_unknown_outcome_is_configured(fault: Fault) -> None:
    """``on_unknown`` asks of what nobody knows the outcome of; a failure that was told travels."""
    told = fault in TRAVELS_ANYWAY
    assert (NEXT if told else STOP) == move(failed(fault), Policy(on_unknown=OnUnknown.FAIL))


@pytest.mark.parametrize("fault", sorted(set(CHARGED) - set(TRAVELS_ANYWAY)))
def test_what_is_not_billed_travels(fault: Fault) -> None:
    """Where the provider declares that nothing was charged, there is nothing to ask."""
    free = failed(fault, charge=Charge.NONE)
    assert NEXT == move(free, Policy(on_unknown=OnUnknown.FAIL), exposure=nothing())


def nothing() -> Exposure:
    return exposure_of([PRICE], None, None)


def test_the_cap_in_words() -> None:
    """The decision says what is at stake, and of how much at most."""
    on = decide(failed(Fault.REPLY_LOST), situation(), Policy(), CHANCE)
    assert on.reason.endswith("; $0.04 of at most $0.08 at stake")
    over = decide(failed(Fault.GATEWAY), situation(exposure=once().plus(PRICE)), Policy(), CHANCE)
    assert "would exceed max_exposure; $0.08 of at most $0.08 at stake" in over.reason


def test_a_lost_result_is_made_again_only_where_configured() -> None:
    """A picture that was made and paid for is not bought twice unasked."""
    policy = Policy(on_lost_result=OnLostResult.FAILOVER)
    assert NEXT == move(failed(Fault.RESULT_UNAVAILABLE), policy)
    assert STOP == move(failed(Fault.RESULT_UNAVAILABLE), policy, exposure=once().plus(PRICE))


@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.SERVER_ERROR])
@pytest.mark.parametrize(
    ("attempts", "targets_left", "expected"),
    [(1, 1, AGAIN), (1, 2, NEXT), (2, 1, NEXT), (2, 0, AGAIN), (1, 9, NEXT), (3, 0, STOP)],
)
def test_a_second_try_takes_no_other_target_s_place(
    fault: Fault, attempts: int, targets_left: int, expected: Move
) -> None:
    """Of three attempts one must be left over beside one for every target yet to be asked."""
    free = failed(fault, charge=Charge.NONE)
    known = {"attempts": attempts, "targets_left": targets_left, "exposure": nothing()}
    assert expected == move(free, **known)


def test_a_server_error_that_is_not_billed_is_asked_once_more() -> None:
    """Where the vendor does not bill a 500, the same target gets one more try before the next."""
    free = failed(Fault.SERVER_ERROR, charge=Charge.NONE)
    assert AGAIN == move(free, exposure=nothing())
    assert NEXT == move(free, exposure=nothing(), same_target=2)
    assert STOP == move(free, exposure=nothing(), same_target=2, targets_left=0)


@pytest.mark.parametrize(
    ("fault", "keys"),
    [(Fault.RATE_LIMITED, 9), (Fault.QUOTA, 9), (Fault.UNAUTHENTICATED, 1), (Fault.FORBIDDEN, 1)],
)
def test_how_many_keys_are_asked(fault: Fault, keys: int) -> None:
    """A rejected key is worth one more; a used-up one, all of them."""
    moves = [move(failed(fault), same_target=tries + 1, attempts=1, has_other_key=True)
             for tries in range(keys)]  # fmt: skip
    assert [KEY] * keys == moves
    further = move(failed(fault), same_target=keys + 1, has_other_key=True)
    assert (KEY if keys > 1 else NEXT) == further


def test_how_long_keys_and_targets_rest() -> None:
    """As long as the upstream says; else by class, and longer each time for what money cures."""
    assert 7.0 == parked_for(failed(Fault.RATE_LIMITED, retry_after=7.0), 3)
    assert [20.0, 20.0] == [parked_for(failed(Fault.RATE_LIMITED), n) for n in (0, 3)]
    assert [600.0, 1200.0, 3600.0] == [parked_for(failed(Fault.QUOTA), n) for n in (0, 1, 9)]
    assert (0.0, 2.0) == (
        parked_for(failed(Fault.OVERLOADED), 0),
        parked_for(failed(Fault.OVERLOADED, retry_after=2.0), 0),
    )  # fmt: skip


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.REFUSED_RESULT])
def test_refusals_travel_only_where_configured(fault: Fault) -> None:
    """A refused prompt goes to the next target only if the configuration says so."""
    policy = Policy(on_refusal=OnRefusal.FALLBACK)
    assert NEXT == move(failed(fault), policy)
    assert STOP == move(failed(fault), policy, targets_left=0)


@pytest.mark.parametrize("fault", [Fault.INVALID_REQUEST, Fault.UNSUPPORTED])
def test_wrong_for_one_may_be_right_for_another(fault: Fault) -> None:
    """A request that is wrong for one provider alone travels."""
    assert NEXT == move(failed(fault, only_here=True))


@pytest.mark.parametrize(
    "fault", [Fault.RATE_LIMITED, Fault.UNAUTHENTICATED, Fault.NOT_SENT, Fault.OVERLOADED]
)
def test_what_may_be_charged_is_not_done_again(fault: Fault) -> None:
    """A failure of a class that costs nothing, if this one may, is bound by the exposure cap."""
    failure = failed(fault, charge=Charge.UNKNOWN)
    assert NEXT == move(failure, has_other_key=True)
    assert STOP == move(failure, has_other_key=True, targets_left=0)
    assert STOP == move(failure, has_other_key=True, exposure=once().plus(PRICE))


def test_limits_of_a_request() -> None:
    """Nothing is tried beyond the attempts and the deadline."""
    assert STOP == move(failed(Fault.QUOTA), attempts=3)
    assert STOP == move(failed(Fault.QUOTA), remaining=0.0)


def test_not_sent_twice_moves_on() -> None:
    """What did not leave twice goes to the next target, or ends."""
    assert NEXT == move(failed(Fault.NOT_SENT), same_target=2)
    assert STOP == move(failed(Fault.NOT_SENT), same_target=2, targets_left=0)


@pytest.mark.parametrize(
    ("retry_after", "remaining", "expected"),
    [(5.0, 100.0, AGAIN), (0.0, 100.0, AGAIN), (MAX_PATIENCE, 100.0, AGAIN),
     (MAX_PATIENCE + 1, 1000.0, STOP), (15.0, 20.0, STOP), (None, 5.0, STOP)],
)  # fmt: skip
def test_patience(retry_after: float | None, remaining: float, expected: Move) -> None:
    """A wait is begun only if it, and the call behind it, fit."""
    failure = failed(Fault.RATE_LIMITED, retry_after=retry_after)
    decision = decide(failure, situation(targets_left=0, remaining=remaining), Policy(), CHANCE)
    assert expected == decision.move
    assert (retry_after if expected is AGAIN else 0.0) == decision.delay


def test_back_off_grows_and_is_drawn_by_lot() -> None:
    """Without a named time the wait is random, under a bound that doubles and ends at 20 s."""
    for tries, bound in ((1, 2.0), (3, 8.0), (9, 20.0)):
        delays = [
            decide(failed(Fault.OVERLOADED), situation(targets_left=0, same_target=tries), Policy(),
                   CHANCE).delay for _ in range(200)
        ]  # fmt: skip
        assert 0.8 * bound < max(delays) <= bound
        assert min(delays) < 0.2 * bound


def attempt(number: int, failure: Failure | None) -> AttemptRecord:
    return AttemptRecord(target=f"t{number}:m", number=number, started_s=0, duration_s=1,
                         failure=failure)  # fmt: skip


def test_rate_limits_together_have_the_shortest_wait() -> None:
    """The client may come back as soon as the first target has room, within a minute."""
    limited = [failed(Fault.RATE_LIMITED, retry_after=wait) for wait in (30.0, 10.0, 300.0)]
    error = error_of([attempt(i, one) for i, one in enumerate(limited)], Policy())
    assert (429, 10.0, None) == (error.status, error.retry_after, error.may_retry)
    error = error_of([attempt(1, limited[2])], Policy())
    assert 60.0 == error.retry_after


def test_what_lasts_is_told_apart() -> None:
    """Only where nothing can have changed within a minute is the error one that lasts; its wait
    is the true one, and no other wait gives way to it."""
    key, soon = failed(Fault.QUOTA, retry_after=590.0), failed(Fault.QUOTA, retry_after=30.0)
    busy, model = failed(Fault.OVERLOADED, retry_after=40.0), failed(Fault.MODEL_NOT_FOUND)
    for failures, expected in [
        ((model, key), (True, 590.0)), ((model,), (True, None)), ((key, soon), (False, 30.0)),
        ((busy, key), (False, 40.0)), ((failed(Fault.NOT_SENT), key), (False, None)),
    ]:  # fmt: skip
        error = error_of([attempt(i, one) for i, one in enumerate(failures)], Policy())
        assert isinstance(error, AttemptsFailedError)
        assert expected == (error.is_lasting, error.retry_after)


def test_what_is_said_twice_is_told_once() -> None:
    """A target that failed in the same way each time is in the message one time."""
    down, up = failed(Fault.OVERLOADED), failed(Fault.NOT_SENT)
    error = error_of([attempt(1, down), attempt(1, down), attempt(1, up)], Policy())
    assert (1, 1) == (error.message.count("(overloaded)"), error.message.count("(not_sent)"))
    assert 3 == len(error.attempts)


def test_what_may_be_paid_is_not_to_be_repeated() -> None:
    """Where any attempt may have been paid for, no client is to send the request again itself."""
    failures = [failed(Fault.REPLY_LOST), failed(Fault.OVERLOADED)]
    error = error_of([attempt(i, one) for i, one in enumerate(failures)], Policy())
    assert isinstance(error, AttemptsFailedError)
    assert (503, False, None) == (error.status, error.may_retry, error.retry_after)
