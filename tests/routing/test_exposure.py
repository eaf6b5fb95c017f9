"""How much of a request's money may be lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.targets import REQUEST, candidate

from routercore.routing.estimates import estimates_of
from routercore.routing.exposure import exposure_of
from routercore.routing.plan import Plan
from routercore.routing.policy import Policy

AMOUNTS = st.decimals("0", "10", places=4)
HIGHS = st.lists(st.none() | AMOUNTS, min_size=1, max_size=6)


def usd(text: str) -> Decimal:
    return Decimal(text)


def test_twice_the_dearest_unless_configured() -> None:
    """One duplicate is allowed, at the price of the dearest candidate; or what is configured."""
    assert usd("0.40") == exposure_of([usd("0.04"), usd("0.20")], None, None).cap
    assert usd("0.10") == exposure_of([usd("0.04"), usd("0.20")], usd("0.10"), None).cap


def test_the_first_call_is_never_in_question() -> None:
    """Only what comes after a loss is bounded."""
    start = exposure_of([usd("5")], usd("0.01"), None)
    assert start.allows(usd("5"))
    assert not start.plus(usd("0.01")).allows(usd("0.01"))
    assert start.plus(usd("0.01")).allows(usd("0"))


def test_an_unknown_price_counts_as_the_dearest_or_as_laid_down() -> None:
    """Nobody's price is zero only because nobody knows it."""
    assert usd("0.20") == exposure_of([None, usd("0.20")], None, None).plus(None).lost
    laid_down = exposure_of([None, usd("0.20")], None, usd("0.50"))
    assert (usd("0.50"), usd("1.00")) == (laid_down.plus(None).lost, laid_down.cap)


def test_without_any_price_calls_are_counted() -> None:
    """Two calls are the cap then, and the amount is unknown."""
    after_one = exposure_of([None, None], None, None).plus(None)
    assert after_one.allows(None)
    assert not after_one.plus(None).allows(None)
    assert after_one.usd is None
    assert "1 of at most 2 calls at stake" == str(after_one)


def test_a_cap_that_cannot_be_kept_is_kept() -> None:
    """A configured cap, and no price at all: nothing goes on after a loss."""
    after_one = exposure_of([None], usd("1"), None).plus(None)
    assert not after_one.allows(None)
    assert after_one.usd is None
    assert "an unknown amount of at most $1.00 at stake" == str(after_one)


@pytest.mark.parametrize(
    ("configured", "attempts", "expected"),
    [(None, 3, "0.28"), (None, 1, "0.20"), ("0.05", 3, "0.20"), ("9", 3, "0.28"), ("9", 9, "0.32")],
)
def test_an_estimate_says_what_it_may_come_to(
    configured: str | None, attempts: int, expected: str
) -> None:
    """The dearest attempts that may be made, within the cap; never less than the dearest one."""
    known = [candidate(price, price=price) for price in ("0.04", "0.20", "0.04", "0.04")]
    policy = Policy(max_exposure=configured and usd(configured), max_attempts=attempts)
    plan = Plan(request=REQUEST, strategy="fallback", candidates=tuple(known), rejected=())
    found = estimates_of(plan, policy)
    assert usd(expected) == found.at_most
    dark = Plan(request=REQUEST, strategy="fallback", candidates=(candidate("x"),), rejected=())
    assert estimates_of(dark, policy).at_most is None


@given(HIGHS, st.none() | AMOUNTS)
def test_what_is_lost_stays_within_the_cap(
    highs: list[Decimal | None], configured: Decimal | None
) -> None:
    """However many calls are lost, all but the first are within the cap."""
    start = exposure = exposure_of(highs, configured, None)
    for high in highs * 3:
        if exposure.allows(high):
            exposure = exposure.plus(high)
    dearest = max(start.price(high) for high in highs)
    assert exposure.lost <= max(start.cap, dearest)
