"""What decisions say in words: the trace of a request is read by people."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.routing.test_policy import CHANCE, failed, nothing, once, situation

from routercore.routing.policy import (
    Decision,
    Move,
    OnLostResult,
    OnRefusal,
    OnUnknown,
    Policy,
    decide,
)
from routercore.values.faults import Charge, Fault

FAIL = Policy(on_unknown=OnUnknown.FAIL)


def why(fault: Fault, policy: Policy = Policy(), **known: Any) -> tuple[Move, str]:  # noqa: B008
    decision = decide(failed(fault), situation(**known), policy, CHANCE)
    return decision.move, decision.reason


class Most(random.Random):
    """Draws the upper bound, always."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Least(random.Random):
    """Draws the lower bound, always."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ((Move.STOP, "3 attempts were made"), why(Fault.QUOTA, attempts=3)),
        ((Move.STOP, "the deadline has passed"), why(Fault.QUOTA, remaining=0.0)),
        ((Move.OTHER_KEY, "quota: another key may work"), why(Fault.QUOTA, has_other_key=True)),
        ((Move.NEXT, "quota: the next target may work"),
         why(Fault.QUOTA, remaining=0.5, exposure=nothing())),
        ((Move.STOP, "no target is left"), why(Fault.QUOTA, has_next=False)),
        ((Move.STOP, "no target is left"),
         why(Fault.REPLY_LOST, has_next=False, exposure=once().plus(None))),
        ((Move.STOP, "conflict ends the request"), why(Fault.CONFLICT, has_next=False)),
        ((Move.STOP, "reply_lost: it may have been charged, and on_unknown is fail"),
         why(Fault.REPLY_LOST, FAIL)),
        ((Move.STOP, "result_unavailable: it was made and paid for, and on_lost_result is stop"),
         why(Fault.RESULT_UNAVAILABLE)),
        ((Move.AGAIN, "not_sent: it never left, once more"), why(Fault.NOT_SENT)),
    ],
)  # fmt: skip
def test_reasons(expected: tuple[Move, str], said: tuple[Move, str]) -> None:
    """Each reason names the failure and what decided."""
    assert expected == said


def test_reasons_of_what_is_free() -> None:
    """A failure that is declared free says so, here and on its way."""
    gateway, error = (failed(f, charge=Charge.NONE) for f in (Fault.GATEWAY, Fault.SERVER_ERROR))
    known = situation(exposure=nothing())
    on = decide(gateway, known, FAIL, CHANCE)
    again = decide(error, known, FAIL, Most())
    assert Decision(Move.NEXT, "gateway: nothing was charged") == on
    assert Decision(Move.AGAIN, "server_error: it is not billed, once more", 0.05) == again


def test_a_second_try_comes_within_a_moment() -> None:
    """What never left is sent again within 50 ms, at random."""
    reason = "not_sent: it never left, once more"
    delays = [decide(failed(Fault.NOT_SENT), situation(), Policy(), rng)
              for rng in (Least(), Most())]  # fmt: skip
    assert [Decision(Move.AGAIN, reason, 0), Decision(Move.AGAIN, reason, 0.05)] == delays


def test_a_wait_in_words() -> None:
    """How long it is waited for is said, too."""
    alone = situation(has_next=False)
    limited = failed(Fault.RATE_LIMITED, retry_after=1.25)
    assert Decision(Move.AGAIN, "rate_limited: again after 1.2 s", 1.25) == (
        decide(limited, alone, Policy(), CHANCE)
    )
    assert [0, 2.0] == [
        decide(failed(Fault.OVERLOADED), alone, Policy(), rng).delay for rng in (Least(), Most())
    ]


def test_what_is_decided_unless_configured() -> None:
    """Three attempts; refusals and lost results stop, unknown outcomes go on, nothing is capped."""
    assert Policy(
        max_attempts=3, on_refusal=OnRefusal.STOP, on_unknown=OnUnknown.FAILOVER,
        on_lost_result=OnLostResult.STOP, max_exposure=None, unknown_price=None,
    ) == Policy()  # fmt: skip
    moves = [decide(failed(fault), situation(attempts=attempts), Policy(), CHANCE).move
             for fault in (Fault.QUOTA, Fault.REFUSED, Fault.GATEWAY, Fault.RESULT_UNAVAILABLE)
             for attempts in (2, 3)]  # fmt: skip
    stop = Move.STOP
    assert [Move.NEXT, stop, stop, stop, Move.NEXT, stop, stop, stop] == moves
