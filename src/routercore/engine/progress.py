"""What one request has come to so far: its images, its money, and every attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from routercore.engine.attempt import NOTHING, CallOutcome, delivered_usage
from routercore.engine.fidelity import Delivered, background_of, said, told, unsaid
from routercore.engine.transport.base import Phase
from routercore.routing.exposure import Exposure
from routercore.routing.plan import Candidate
from routercore.routing.policy import Decision, charge_of, gravest
from routercore.values.amounts import in_dollars, number_of
from routercore.values.events import AttemptRecord
from routercore.values.faults import Charge, Failure, Fault
from routercore.values.images import (
    PAID_LOST,
    PAID_MAYBE,
    Image,
    ImageRequest,
    ImageResult,
    Warning,
)
from routercore.values.money import Cost, SvgUsage, estimate


@dataclass(slots=True)
class SoFar:
    """Takes attempts in as they end, and makes the result of them."""

    request: ImageRequest
    exposure: Exposure
    created: datetime
    numbered: list[tuple[int, Image]] = field(default_factory=list)
    """With the number that each has in the request."""
    delivered: list[Delivered] = field(default_factory=list)
    outcomes: list[CallOutcome] = field(default_factory=list)
    records: list[AttemptRecord] = field(default_factory=list)
    cost: Cost = NOTHING
    begun: int = 0
    """Attempts so far, those under way among them."""
    sent_partials: int = 0
    target: str = ""
    quality: str | None = None
    """As the target that delivered was asked for it."""

    @property
    def images(self) -> list[Image]:
        """What there is, in the order in which it was asked for, however it came."""
        return [image for _, image in sorted(self.numbered, key=lambda one: one[0])]

    def absorb(
        self,
        candidate: Candidate,
        outcomes: Sequence[CallOutcome],
        failures: Sequence[Failure],
        *,
        number: int,
        started_s: float,
        duration_s: float,
        missing: int = 0,
        is_hedge: bool = False,
    ) -> AttemptRecord:
        """Take in what the calls of an attempt brought, and record it.

        ``missing`` is how many images its part of the request still lacks.
        """
        images = self._keep(candidate, outcomes)
        failure = gravest(failures) if failures else _short(missing)
        cost = sum((outcome.cost for outcome in outcomes), NOTHING)
        self.outcomes += outcomes
        self.cost += cost
        before = self.exposure
        for outcome in filter(_may_be_lost, outcomes):
            self.exposure = self.exposure.plus(_most(candidate, outcome))
        phase = max((outcome.contact.phase for outcome in outcomes), default=Phase.NOT_SENT)
        handles = [outcome.handle for outcome in outcomes if outcome.handle]
        ids = [o.contact.upstream_id for o in outcomes if o.contact.upstream_id]
        record = AttemptRecord(
            target=candidate.name, number=number, started_s=started_s, duration_s=duration_s,
            images=images, failure=failure, cost=cost, phase=phase.name.lower(),
            is_hedge=is_hedge, exposed_usd=_difference(before, self.exposure),
            handle=handles[0] if handles else None, upstream_id=ids[0] if ids else None,
        )  # fmt: skip
        self.records.append(record)
        self.records.sort(key=lambda one: one.number)  # Of two copies the second may end first.
        return record

    def _keep(self, candidate: Candidate, outcomes: Sequence[CallOutcome]) -> int:
        """Take in the images of an attempt, each at its place; how many there are."""
        images = [
            (outcome.first + number, replace(image, target=candidate.name))
            for outcome in outcomes
            for number, image in enumerate(outcome.images)
        ]
        if images:
            self.numbered += images
            self.target = candidate.name
            self.quality = candidate.request.quality
            self.delivered.append(
                Delivered(
                    candidate=candidate,
                    images=tuple(image for _, image in images),
                    generated=tuple(one.generated for one in outcomes if one.generated),
                    last=max(number for number, _ in images),
                )
            )
        return len(images)

    def _maybe_paid(self) -> Iterator[Warning]:
        """That something was, or may have been, paid for nothing.

        A sum that is known has it already; where it is not, the whole sum is unknown.
        """
        if self.exposure.lost and self.cost.usd is not None:
            lost = sum(
                (outcome.cost.usd or Decimal(0) for outcome in self.outcomes
                 if _may_be_lost(outcome)), Decimal(0),
            )  # fmt: skip
            message = f"{in_dollars(lost)} of the cost was paid for attempts that brought nothing"
            yield Warning(code=PAID_LOST, param="cost", message=message, usd=lost)
        elif self.exposure.lost:
            usd = self.exposure.usd
            amount = "an unknown amount" if usd is None else in_dollars(usd)
            message = f"{amount} may have been paid for attempts that brought nothing"
            yield Warning(code=PAID_MAYBE, param="cost", message=message, usd=usd)

    def conclude(self, record: AttemptRecord, decision: Decision) -> None:
        """Write into a record what was decided after it."""
        concluded = replace(record, decision=decision.reason, move=decision.move.value)
        self.records[self.records.index(record)] = concluded

    def result(self, id: str, latency_s: float, missing: tuple[Failure, ...]) -> ImageResult:
        """All that there is, and a failure for each image that there is not."""
        request = self.request
        generated = [o.generated for o in self.outcomes if o.generated]
        last = generated[-1] if generated else None
        return ImageResult(
            id=id,
            created=self.created,
            images=tuple(self.images),
            model=request.model,
            target=self.target,
            cost=self.cost,
            usage=delivered_usage(self.outcomes),
            svg_usage=_drawn([one.svg_usage for one in generated if one.svg_usage]),
            quality=(last and last.quality) or self.quality,
            background=background_of(request, self.delivered),
            warnings=(
                *dict.fromkeys(warning for one in self.delivered for warning in said(one)),
                *told(generated),
                *unsaid(request, self.delivered),
                *self._maybe_paid(),
            ),
            attempts=tuple(self.records),
            missing=missing,
            latency_s=latency_s,
            safety_identifier=request.safety_identifier or request.user,
        )


def _short(missing: int) -> Failure | None:
    """Fewer images than asked for, though nothing failed."""
    if not missing:
        return None
    message = f"{number_of(missing, 'image')} fewer than asked for"
    return Failure(fault=Fault.NO_IMAGE, message=message)


def _may_be_lost(outcome: CallOutcome) -> bool:
    """Whether a call may have been paid for and brought nothing."""
    failure = outcome.failure
    return failure is not None and not outcome.images and charge_of(failure) is not Charge.NONE


def _most(candidate: Candidate, outcome: CallOutcome) -> Decimal | None:
    """The most that a call may have cost."""
    return price_of(candidate, outcome.n) if outcome.cost.usd is None else outcome.cost.usd


def price_of(candidate: Candidate, n: int) -> Decimal | None:
    """The most that ``n`` images may cost at a target."""
    return estimate(candidate.target.card, replace(candidate.request, n=n)).high


def _difference(before: Exposure, after: Exposure) -> Decimal | None:
    if before.lost == after.lost:
        return Decimal(0)
    return None if after.usd is None or before.usd is None else after.usd - before.usd


def _drawn(usages: list[SvgUsage]) -> SvgUsage | None:
    """The tokens of all drawings together, if any were counted."""
    return sum(usages[1:], usages[0]) if usages else None
