"""What a request may cost, before it runs: at each target that could do it, and at the most."""

from __future__ import annotations

from dataclasses import dataclass

from routercore.routing.plan import Candidate, Plan, Rejected
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

    @property
    def first(self) -> Estimate:
        """The price at the target that would be asked first."""
        return self.candidates[0].estimate if self.candidates else NOBODY_KNOWS


def estimates_of(plan: Plan) -> Estimates:
    """What the candidates of a plan may cost."""
    return Estimates(
        request=plan.request,
        strategy=plan.strategy,
        candidates=plan.candidates,
        rejected=plan.rejected,
    )
