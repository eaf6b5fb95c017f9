"""What one request may lose: money that was, or may have been, paid and brought nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from routercore.values.amounts import in_dollars

TIMES = 2
"""How many times its dearest candidate a request may come to, unless configured: one duplicate."""
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The cap on a request's money, and how much of it is at stake already."""

    cap: Decimal
    unit: Decimal
    """What a call counts for whose price nobody knows."""
    is_money: bool = True
    """False where no price is known at all, and none is laid down: then calls are counted."""
    lost: Decimal = NOTHING
    under_way: Decimal = NOTHING
    """What other parts of the request, side by side with this one, may lose as well."""

    def price(self, high: Decimal | None) -> Decimal:
        """What a call counts for that may cost ``high``."""
        if not self.is_money:
            return self.unit
        return self.unit if high is None else high

    def plus(self, high: Decimal | None) -> Exposure:
        """After a call that may have cost ``high`` for nothing."""
        return replace(self, lost=self.lost + self.price(high))

    def beside(self, highs: Sequence[Decimal | None]) -> Exposure:
        """While calls are under way that may cost ``highs``."""
        return replace(self, under_way=sum(map(self.price, highs), NOTHING))

    def allows(self, high: Decimal | None) -> bool:
        """Whether one more call, which may cost ``high``, stays within the cap."""
        return not self.lost or self.lost + self.under_way + self.price(high) <= self.cap

    @property
    def usd(self) -> Decimal | None:
        """The money at stake; ``None`` where nobody knows."""
        return self.lost if self.is_money and self.lost.is_finite() else None

    def __str__(self) -> str:
        if not self.is_money:
            return f"{self.lost} of at most {self.cap} calls at stake"
        lost = in_dollars(self.lost) if self.lost.is_finite() else "an unknown amount"
        return f"{lost} of at most {in_dollars(self.cap)} at stake"


UNBOUNDED = Exposure(cap=Decimal("Infinity"), unit=NOTHING)


def exposure_of(
    highs: Sequence[Decimal | None], configured: Decimal | None, unknown_price: Decimal | None
) -> Exposure:
    """Where a request begins.

    Args:
        highs: the most that each candidate may cost; ``None`` where nobody knows.
        configured: the cap in dollars; twice the dearest candidate unless given.
        unknown_price: what is laid down for a call whose price nobody knows; it counts as the
            dearest candidate unless given.
    """
    known = [high for high in highs if high is not None]
    unit = max(known, default=None) if unknown_price is None else unknown_price
    if configured is not None:
        # Without any price the cap cannot be kept but by not going on.
        return Exposure(cap=configured, unit=Decimal("Infinity") if unit is None else unit)
    if unit is None:
        return Exposure(cap=Decimal(TIMES), unit=Decimal(1), is_money=False)
    dearest = max(unit if high is None else high for high in highs)
    return Exposure(cap=TIMES * dearest, unit=unit)
