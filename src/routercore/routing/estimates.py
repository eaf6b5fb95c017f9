"""What a request may cost, before it runs: at each target that could do it, and at the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from routercore.routing.exposure import exposure_of
from routercore.routing.plan import Candidate, Plan, Rejected, targets_in_words
from routercore.routing.policy import Policy
from routercore.values.amounts import in_dollars
from routercore.values.images import ImageRequest
from routercore.values.money import Estimate

NOBODY_KNOWS = Estimate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """The prices of a plan, in US dollars; what nobody knows is ``None`` and never zero."""

    request: ImageRequest
    strategy: str
    candidates: tuple[Candidate, ...]
    """In the order of trying; ``estimate`` has the price of each for the whole request."""
    rejected: tuple[Rejected, ...]
    at_most: Decimal | None
    """What the request may come to if calls are paid for and lost: every attempt that it may make,
    within its exposure."""

    @property
    def first(self) -> Estimate:
        """The price at the target that would be asked first."""
        return self.candidates[0].estimate if self.candidates else NOBODY_KNOWS

    def __str__(self) -> str:
        return "\n".join([f"{self.request.model}: {self.first}, at most {in_dollars(self.at_most)}",
                          *targets_in_words(self.candidates, self.rejected)])  # fmt: skip


def estimates_of(plan: Plan, policy: Policy) -> Estimates:
    """What the candidates of a plan may cost, and all attempts at them together."""
    return Estimates(
        request=plan.request,
        strategy=plan.strategy,
        candidates=plan.candidates,
        rejected=plan.rejected,
        at_most=_at_most([one.estimate.high for one in plan.candidates], policy),
    )


def _at_most(highs: Sequence[Decimal | None], policy: Policy) -> Decimal | None:
    known = sorted((high for high in highs if high is not None), reverse=True)
    if not known or len(known) < len(highs):
        return None
    cap = exposure_of(highs, policy.max_exposure, None).cap
    extra = policy.hedge.max_extra if policy.hedge else Decimal(0)
    return max(known[0], min(cap + extra, sum(known[: policy.max_attempts], Decimal(0))))
