"""Every cell of the table of failures: a wrong one in the policy fails one of these."""

from __future__ import annotations

import pytest
from tests.routing.test_policy import CHANCE, PRICE, failed, move, nothing, situation

from routercore.routing.policy import (
    RULES,
    Move,
    OnLostResult,
    OnRefusal,
    OnUnknown,
    Policy,
    decide,
    gravest,
)
from routercore.values.faults import Charge, Fault

LIBERAL = Policy(
    on_refusal=OnRefusal.FALLBACK,
    on_unknown=OnUnknown.FAILOVER,
    on_lost_result=OnLostResult.FAILOVER,
)
SPEAKS_AGAINST_THE_TARGET = {
    Fault.NOT_SENT, Fault.OVERLOADED, Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.SERVER_ERROR,
    Fault.GATEWAY, Fault.REQUEST_TIMEOUT, Fault.JOB_FAILED, Fault.JOB_LOST, Fault.DEADLINE,
    Fault.NO_IMAGE, Fault.BAD_IMAGE,
}  # fmt: skip
ASKED_AGAIN = {Fault.NOT_SENT, Fault.RATE_LIMITED, Fault.OVERLOADED}
NEVER_TRAVELS = {Fault.CONFLICT, Fault.REDIRECTED, Fault.CANCELLED}
WORKS_ELSEWHERE = "the next target may work"
MAY_BE_CHARGED = "it may have been charged, and on_unknown is failover; $0.04 of at most $0.08"
REST = {
    # fault: how many other keys are asked; seconds that the key rests, and whether also where no
    # better is left; seconds that the key rests for this target; that the target is asked last
    Fault.RATE_LIMITED: (99, 20.0, False, 0.0, 0.0),
    Fault.QUOTA: (99, 600.0, True, 0.0, 0.0),
    Fault.UNAUTHENTICATED: (1, 600.0, True, 0.0, 0.0),
    Fault.FORBIDDEN: (1, 0.0, False, 600.0, 0.0),
    Fault.MODEL_NOT_FOUND: (0, 0.0, False, 0.0, 600.0),
}
CODES = {
    Fault.INVALID_REQUEST: "invalid_request",
    Fault.UNSUPPORTED: "unsupported",
    Fault.OVER_BUDGET: "budget_exceeded",
    Fault.LIMITED: "rate_limit_exceeded",
    Fault.NOT_SENT: "upstream_unreachable",
    Fault.RATE_LIMITED: "rate_limit_exceeded",
    Fault.OVERLOADED: "upstream_overloaded",
    Fault.QUOTA: "provider_unavailable",
    Fault.UNAUTHENTICATED: "provider_unavailable",
    Fault.FORBIDDEN: "provider_unavailable",
    Fault.MODEL_NOT_FOUND: "provider_unavailable",
    Fault.REFUSED: "moderation_blocked",
    Fault.REFUSED_RESULT: "moderation_blocked",
    Fault.CONFLICT: "conflict",
    Fault.DEADLINE: "deadline_exceeded",
    Fault.CANCELLED: "cancelled",
    Fault.PLUGIN: "plugin_failed",
}
REASONS = {
    Fault.INVALID_REQUEST: "wrong for this provider alone",
    Fault.UNSUPPORTED: "wrong for this provider alone",
    Fault.REFUSED: "the configuration lets it travel",
    Fault.REFUSED_RESULT: "the configuration lets it travel; $0.04 of at most $0.08 at stake",
    Fault.RESULT_UNAVAILABLE:
        "it is made again, as on_lost_result says; $0.04 of at most $0.08 at stake",
    **dict.fromkeys((Fault.SERVER_ERROR, Fault.REQUEST_TIMEOUT, Fault.JOB_FAILED),
                    "the next target may work; $0.04 of at most $0.08 at stake"),
    **dict.fromkeys((Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.GATEWAY, Fault.JOB_LOST,
                     Fault.DEADLINE, Fault.NO_IMAGE, Fault.BAD_IMAGE, Fault.PLUGIN),
                    f"{MAY_BE_CHARGED} at stake"),
}  # fmt: skip


@pytest.mark.parametrize("fault", Fault)
def test_what_rests_after_a_failure(fault: Fault) -> None:
    """How many keys are asked, and how long the key, the key here and the target then rest."""
    rule = RULES[fault]
    rests = (
        rule.other_keys, rule.parks_key, rule.shuts_key, rule.bars_key, rule.parks_target,
    )  # fmt: skip
    assert REST.get(fault, (0, 0.0, False, 0.0, 0.0)) == rests


@pytest.mark.parametrize("fault", Fault)
def test_what_speaks_against_a_target(fault: Fault) -> None:
    """Limits, used-up accounts, refusals and the caller's own errors open no circuit."""
    assert (fault in SPEAKS_AGAINST_THE_TARGET) is RULES[fault].breaker


@pytest.mark.parametrize("fault", Fault)
def test_the_code_that_a_client_gets(fault: Fault) -> None:
    """Each class has its own code, or is one more upstream that failed."""
    assert CODES.get(fault, "upstream_failed") == RULES[fault].code


@pytest.mark.parametrize("fault", Fault)
def test_why_it_travels(fault: Fault) -> None:
    """Where everything is allowed the trace says what let the request go on, if anything did."""
    cost = situation() if RULES[fault].charge is not Charge.NONE else situation(exposure=nothing())
    failure = failed(fault, only_here=True)
    # Having been asked twice already, so that no wait and no second try comes first.
    decision = decide(failure, situation(
        exposure=cost.exposure, same_target=2, attempts=2), LIBERAL, CHANCE)  # fmt: skip
    if fault in NEVER_TRAVELS:
        assert (Move.STOP, f"{fault} ends the request") == (decision.move, decision.reason)
    else:
        reason = REASONS.get(fault, WORKS_ELSEWHERE)
        assert (Move.NEXT, f"{fault}: {reason}") == (decision.move, decision.reason)


@pytest.mark.parametrize("fault", Fault)
def test_what_is_asked_again_when_it_is_free(fault: Fault) -> None:
    """Alone, and declared free: what never left, what asks for patience, and a free 500."""
    free = failed(fault, charge=Charge.NONE)
    again = fault in ASKED_AGAIN or fault is Fault.SERVER_ERROR
    expected = Move.AGAIN if again else Move.STOP
    assert expected == move(free, LIBERAL, targets_left=0, exposure=nothing())


@pytest.mark.parametrize("fault", Fault)
def test_what_is_waited_for_rather_than_left(fault: Fault) -> None:
    """With a next target at hand only what never left, and a free 500, is tried here once more."""
    free = failed(fault, charge=Charge.NONE, only_here=True)
    stays = fault in (Fault.NOT_SENT, Fault.SERVER_ERROR)
    expected = Move.AGAIN if stays else Move.STOP if fault in NEVER_TRAVELS else Move.NEXT
    assert expected == move(free, LIBERAL, exposure=nothing())


HELD_BACK_MOST_FIRST = [
    Fault.CONFLICT, Fault.REFUSED, Fault.INVALID_REQUEST, Fault.RESULT_UNAVAILABLE, Fault.GATEWAY,
    Fault.OVERLOADED,
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(HELD_BACK_MOST_FIRST)))
def test_the_gravest_of_several(place: int) -> None:
    """Of failures side by side the one counts that holds the request back most."""
    failures = [failed(fault) for fault in reversed(HELD_BACK_MOST_FIRST[place:])]
    assert HELD_BACK_MOST_FIRST[place] == gravest(failures).fault


def test_the_first_of_equals_is_the_gravest() -> None:
    """Between failures that weigh the same the order of the calls decides."""
    first, second = failed(Fault.GATEWAY), failed(Fault.REPLY_LOST)
    assert first is gravest([first, second])
    assert second is gravest([second, first])


def test_what_may_be_charged_is_no_reason_to_travel() -> None:
    """A class that costs nothing, if this failure may, goes on as an unknown outcome does."""
    failure = failed(Fault.OVERLOADED, charge=Charge.UNKNOWN)
    assert Move.STOP == move(failure, Policy(on_unknown=OnUnknown.FAIL))
    for fault in (Fault.INVALID_REQUEST, Fault.REFUSED):
        assert Move.STOP == move(failed(fault, charge=Charge.UNKNOWN))


def test_asking_here_again_is_bounded_by_money_too() -> None:
    """Another try at the same target must fit under the cap, at that target's own price."""
    dear = PRICE + PRICE
    assert Move.NEXT == move(failed(Fault.NOT_SENT), price=dear)
    assert Move.STOP == move(failed(Fault.NOT_SENT), price=dear, targets_left=0)
    assert Move.NEXT == move(failed(Fault.QUOTA), price=dear, has_other_key=True)
