"""One request on its way: what the parts of it have in common."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count

from routercore.engine.booking import RequestBook
from routercore.engine.clock import Clock
from routercore.engine.health import HealthBook, Vitals, contradiction
from routercore.engine.observers import Observers
from routercore.engine.progress import SoFar
from routercore.engine.upstreams import Upstream, UpstreamLimits
from routercore.routing.exposure import Exposure, exposure_of
from routercore.routing.failing import error_of
from routercore.routing.plan import Candidate, Plan
from routercore.routing.policy import RULES, Policy
from routercore.values.errors import LedgerUnavailableError, RouterError
from routercore.values.events import Accepted, AttemptRecord, Notice, Partial, Progress
from routercore.values.faults import Failure
from routercore.values.images import ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every request is run with."""

    upstreams: dict[str, Upstream]
    limits: UpstreamLimits
    health: HealthBook
    observers: Observers
    clock: Clock
    random: random.Random
    attempt_timeout: float


@dataclass(slots=True, kw_only=True)
class Run:
    """One request: its terms, and what it has come to."""

    means: Means
    plan: Plan
    policy: Policy
    book: RequestBook
    id: str
    deadline: float
    stream: bool
    on_notice: Callable[[str, Notice], None]
    so_far: SoFar = field(init=False)
    began: float = field(init=False)
    fresh: Iterator[int] = field(init=False)
    """Numbers for images beyond those asked for, in place of some that did not come."""
    stakes: dict[int, Decimal | None] = field(default_factory=dict)
    """The most that each part may spend by what it does now."""
    is_refused: bool = False
    """Whether a provider refused the prompt, and it must not travel on."""
    unwritten: LedgerUnavailableError | None = None
    staged: dict[str, Vitals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = self.means.clock.monotonic()
        self.fresh = count(self.plan.request.n)
        highs = [candidate.estimate.high for candidate in self.plan.candidates]
        unknown = self.policy.unknown_price and self.policy.unknown_price * self.plan.request.n
        exposure = exposure_of(highs, self.policy.max_exposure, unknown)
        now = self.means.clock.now()
        self.so_far = SoFar(self.plan.request, exposure, created=now)

    def exposure(self, place: int) -> Exposure:
        """What is at stake for a part: the others may lose what they spend now."""
        others = [high for part, high in self.stakes.items() if part != place]
        return self.so_far.exposure.beside(others)

    def vitals(self, candidate: Candidate) -> Vitals:
        """Everybody's of that target, or this request's own, where it says how it is to fail."""
        request, upstream = self.plan.request, self.means.upstreams[candidate.target.provider]
        if upstream.setup.is_staged_by(request.options):
            return self.staged.setdefault(candidate.name, Vitals())
        return self.means.health.of(candidate.name, request.operation)

    def feel(self, candidate: Candidate, failure: Failure | None, *, began: float) -> None:
        """Let the target's health know how an attempt went."""
        now, rng, vitals = self.means.clock.monotonic(), self.means.random, self.vitals(candidate)
        if failure is None:
            vitals.succeeded(now, began, candidate.target.card.latency, rng)
        else:
            rule = RULES[failure.fault]
            speaks_against_it = rule.breaker and not failure.is_ours
            vitals.failed(now, rng, began=began, speaks_against_it=speaks_against_it)
            vitals.off_until = max(vitals.off_until, now + rule.parks_target)

    def learnt(self, candidate: Candidate, failure: Failure) -> Failure:
        """Remember what the card was wrong about; such a failure is the target's alone.

        Neither memory nor event has a caller's own words.
        """
        found = contradiction(failure, candidate.request, candidate.target.card)
        if found is None:
            return failure
        param, value = found
        if value is not None:
            self.vitals(candidate).contradicted(param, value)
        self.emit("capability.contradicted", target=candidate.name, param=param, value=value,
                  message=failure.message)  # fmt: skip
        return replace(failure, only_here=True)

    def notice(self, target: str, notice: Notice) -> None:
        """Pass on what a flow tells of its work."""
        match notice:
            case Partial():
                self.so_far.sent_partials += 1
                self.emit("attempt.partial", target=target, index=notice.index)
            case Progress():
                self.emit("attempt.progress", target=target, fraction=notice.fraction,
                          message=notice.message)  # fmt: skip
            case Accepted():
                self.emit("attempt.accepted", target=target)
        try:
            self.on_notice(target, notice)
        except Exception as error:  # noqa: BLE001 - it must not cost its caller a paid picture
            self.emit("listener.failed", target=target, error=repr(error)[:200])

    def tell(self, record: AttemptRecord) -> None:
        """Say how an attempt ended."""
        name = "attempt.failed" if record.failure else "attempt.succeeded"
        fault = record.failure.fault.value if record.failure else None
        message = record.failure.message if record.failure else None
        self.emit(name, target=record.target, number=record.number, fault=fault, message=message,
                  seconds=round(record.duration_s, 3), images=record.images,
                  usd=record.cost.usd)  # fmt: skip

    def emit(self, name: str, **fields: object) -> None:
        self.means.observers.emit(name, self.id, **fields)

    def result(self, missing: tuple[Failure, ...]) -> ImageResult:
        """All that there is, and a failure for each image that there is not."""
        latency = self.means.clock.monotonic() - self.began
        return self.so_far.result(self.id, latency, missing)

    def error(self, lines: list[list[AttemptRecord]]) -> RouterError:
        """What is said where there is nothing: ``lines`` are the attempts of each part."""
        if self.unwritten is not None and not self.so_far.exposure.lost:
            return self.unwritten
        return error_of(self.so_far.records, self.policy, lines=lines)
