"""What a request may cost, before it runs: at each target that could do it, and at the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from routercore.routing.exposure import NOTHING, exposure_of
from routercore.routing.plan import (
    Candidate,
    Plan,
    Rejected,
    spread_in_words,
    targets_in_words,
)
from routercore.routing.policy import Policy
from routercore.values.amounts import in_dollars
from routercore.values.images import ImageRequest
from routercore.values.money import Basis, Estimate, estimate

NOBODY_KNOWS = Estimate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """The prices of a plan, in US dollars; what nobody knows is ``None`` and never zero."""

    request: ImageRequest
    strategy: str
    candidates: tuple[Candidate, ...]
    """In the order of trying; ``estimate`` has the price of each for the whole request."""
    rejected: tuple[Rejected, ...]
    shares: tuple[int, ...]
    """How many images each candidate is asked for before anything has failed."""
    at_most: Decimal | None
    """What the request may come to if calls are paid for and lost: every attempt that it may make,
    those that are lost within its exposure."""

    @property
    def first(self) -> Estimate:
        """The price at the target that would be asked first, or of all shares where the images
        are spread over targets."""
        asked = zip(self.candidates, self.shares, strict=True)
        return _together([_price(one, n) for one, n in asked if n])

    def __str__(self) -> str:
        return "\n".join([f"{self.request.model}: {self.first}, at most {in_dollars(self.at_most)}",
                          *spread_in_words(self.candidates, self.shares),
                          *targets_in_words(self.candidates, self.rejected)])  # fmt: skip


def estimates_of(plan: Plan, policy: Policy) -> Estimates:
    """What the candidates of a plan may cost, and all attempts at them together."""
    return Estimates(
        request=plan.request,
        strategy=plan.strategy,
        candidates=plan.candidates,
        rejected=plan.rejected,
        shares=plan.shares,
        at_most=_at_most(plan, policy),
    )


def _together(prices: Sequence[Estimate]) -> Estimate:
    """The price of all shares; unknown where one is."""
    if len(prices) == 1:
        return prices[0]
    if not prices or not all(price.is_known for price in prices):
        return NOBODY_KNOWS
    return Estimate(
        low=_sum(price.low for price in prices),
        expected=_sum(price.expected for price in prices),
        high=_sum(price.high for price in prices),
        basis=max((price.basis for price in prices), key=list(Basis).index),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or NOTHING for amount in amounts), NOTHING)


def _price(candidate: Candidate, n: int) -> Estimate:
    if n == candidate.request.n:
        return candidate.estimate
    return estimate(candidate.target.card, replace(candidate.request, n=n))


def _at_most(plan: Plan, policy: Policy) -> Decimal | None:
    """Each share may be lost at every target in turn, within what all may lose together."""
    highs = [one.estimate.high for one in plan.candidates]
    if not highs or None in highs:
        return None
    lines = [
        sorted((_price(one, n).high or NOTHING for one in plan.candidates), reverse=True)
        for n in filter(None, plan.shares)
    ]
    dearest = [line[0] for line in lines]
    # What calls brought is no loss, and comes on top; a single image is not there before the end.
    brought = _sum(dearest) if plan.request.n > 1 else NOTHING
    cap = exposure_of(highs, policy.max_exposure, None).cap + brought
    extra = policy.hedge.max_extra if policy.hedge else NOTHING
    every = _sum(_sum(line[: policy.max_attempts]) for line in lines)
    return max(_sum(dearest), min(cap + extra, every))
