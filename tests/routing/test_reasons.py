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


class Most(random.Random):
    """Draws the upper bound, always."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Least(random.Random):
    """Draws the lower bound, always."""

    def uniform(self, a: float, b: float) -> float:
        return a


ALONE = {"targets_left": 0}
UNLESS_EARLIER = [
    (Fault.QUOTA, {"attempts": 3}, Move.STOP, "max_attempts allows no more than 3"),
    (Fault.QUOTA, {"remaining": 0.0}, Move.STOP, "the deadline has passed"),
    (Fault.QUOTA, {"has_other_key": True}, Move.OTHER_KEY, "quota: another key may work"),
    (Fault.QUOTA, {"remaining": 0.5, "exposure": nothing()}, Move.NEXT,
     "quota: the next target may work"),
    (Fault.QUOTA, ALONE, Move.STOP, "no target is left"),
    (Fault.REPLY_LOST, {"exposure": once().plus(None), **ALONE}, Move.STOP, "no target is left"),
    (Fault.CONFLICT, ALONE, Move.STOP, "conflict ends the request"),
    (Fault.RESULT_UNAVAILABLE, {}, Move.STOP,
     "result_unavailable: it was made and paid for, and on_lost_result is stop"),
    (Fault.NOT_SENT, {}, Move.AGAIN, "not_sent: it never left, once more"),
    (Fault.NOT_SENT, {"may_retry": False, **ALONE}, Move.STOP,
     "not_sent: its provider's retries are used up for now"),
    (Fault.NOT_SENT, {"may_retry": False, "exposure": nothing()}, Move.NEXT,
     "not_sent: the next target may work"),
    (Fault.QUOTA, {"may_retry": False, **ALONE}, Move.STOP, "no target is left"),
    (Fault.QUOTA, {"may_retry": False, "has_other_key": True, "exposure": nothing()}, Move.NEXT,
     "quota: the next target may work"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "known", "move", "reason"), UNLESS_EARLIER)
def test_reasons(fault: Fault, known: dict[str, Any], move: Move, reason: str) -> None:
    """Each reason names what decided."""
    decision = decide(failed(fault), situation(**known), Policy(), CHANCE)
    assert (move, reason) == (decision.move, decision.reason)


def test_the_reason_of_a_setting() -> None:
    """What a setting forbids is said with the setting's name."""
    decision = decide(failed(Fault.REPLY_LOST), situation(), FAIL, CHANCE)
    reason = "reply_lost: it may have been charged, and on_unknown is fail"
    assert Decision(Move.STOP, reason) == decision


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
    alone = situation(targets_left=0)
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
