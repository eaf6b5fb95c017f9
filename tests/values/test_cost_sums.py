"""Sums of costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from routercore.values.money import FREE, UNKNOWN_COST, Basis, Cost

NOTHING = Cost(usd=Decimal(0), basis=Basis.TABLE)
REPORTED = Cost(usd=Decimal("0.03"), basis=Basis.REPORTED)
ESTIMATED = Cost(usd=Decimal("0.02"), basis=Basis.ESTIMATE)


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [
        (REPORTED, ESTIMATED, Cost(usd=Decimal("0.05"), basis=Basis.ESTIMATE)),
        (NOTHING, REPORTED, REPORTED),
        (NOTHING, FREE, FREE),
        (NOTHING, UNKNOWN_COST, UNKNOWN_COST),
        (REPORTED, UNKNOWN_COST, UNKNOWN_COST),
    ],
)
def test_a_sum_is_as_certain_as_its_parts(one: Cost, other: Cost, total: Cost) -> None:
    """The weakest basis counts, unknown swallows all, and what cost nothing changes nothing."""
    assert total == one + other


def test_the_order_of_a_sum_does_not_matter() -> None:
    """Whichever comes first, the sum is the same."""
    assert REPORTED + ESTIMATED == ESTIMATED + REPORTED
    assert REPORTED + NOTHING == NOTHING + REPORTED
