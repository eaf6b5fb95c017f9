"""One request over its plan: attempt, record, decide, until it is done or nothing is left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from routercore.engine.attempt import CallOutcome, together
from routercore.engine.booking import RequestBook
from routercore.engine.clock import Clock
from routercore.engine.course import Course
from routercore.engine.driver import Contact
from routercore.engine.health import HealthBook, Vitals, contradiction
from routercore.engine.hedging import Prize, cut_short, race
from routercore.engine.keys import Key
from routercore.engine.observers import Observers
from routercore.engine.progress import SoFar, price_of
from routercore.engine.resting import count_strikes, leave_alone, refuse_shut, shut
from routercore.engine.splitting import seeded, split
from routercore.engine.upstreams import Upstream, UpstreamLimits
from routercore.routing.exposure import exposure_of
from routercore.routing.failing import error_of
from routercore.routing.plan import Candidate, Plan
from routercore.routing.policy import (
    RULES,
    Decision,
    Move,
    Policy,
    Situation,
    decide,
    gravest,
)
from routercore.values.errors import LedgerUnavailableError
from routercore.values.events import Accepted, AttemptRecord, Notice, Partial, Progress
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import ImageResult, Operation


@dataclass(slots=True)
class _At:
    """Where in the plan a request stands."""

    index: int = 0
    tries: int = 0
    used_keys: frozenset[int] = frozenset()
    is_hedge: bool = False
    prize: Prize = field(default_factory=Prize)
    """Shared with its hedge."""
    contacts: list[Contact] = field(default_factory=list)
    """How far the calls of its latest try came."""
    outcomes: list[CallOutcome] = field(default_factory=list)
    """What came of those that are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs requests over their plans."""

    upstreams: dict[str, Upstream]
    limits: UpstreamLimits
    health: HealthBook
    observers: Observers
    clock: Clock
    random: random.Random
    attempt_timeout: float

    async def run(
        self,
        plan: Plan,
        *,
        policy: Policy,
        book: RequestBook,
        request_id: str,
        deadline: float,
        stream: bool = False,
        on_notice: Callable[[str, Notice], None] = lambda target, notice: None,
    ) -> ImageResult:
        """Try the plan's candidates until all images are there or policy says stop.

        Raises:
            RouterError: nothing could be had; it carries every attempt.
        """
        run = _Run(self, plan, policy, book, request_id, deadline, stream, on_notice)
        return await run.finish()


class _Run:
    """One request on its way."""

    def __init__(
        self,
        runner: Runner,
        plan: Plan,
        policy: Policy,
        book: RequestBook,
        request_id: str,
        deadline: float,
        stream: bool,
        on_notice: Callable[[str, Notice], None],
    ) -> None:
        self.runner, self.plan, self.policy, self.book = runner, plan, policy, book
        self.id, self.deadline, self.stream, self.on_notice = (
            request_id, deadline, stream, on_notice,
        )  # fmt: skip
        self.clock = runner.clock
        self.began, self.created = self.clock.monotonic(), self.clock.now()
        highs = [candidate.estimate.high for candidate in plan.candidates]
        unknown = policy.unknown_price and policy.unknown_price * plan.request.n
        self.course = Course(plan=plan, upstreams=runner.upstreams, clock=self.clock,
                             began=self.began, deadline=deadline)  # fmt: skip
        self.so_far = SoFar(plan.request, exposure_of(highs, policy.max_exposure, unknown))
        self.unwritten: LedgerUnavailableError | None = None
        self.staged: dict[str, Vitals] = {}

    async def finish(self) -> ImageResult:
        at = _At()
        while True:
            failure, at = await self._tried(at)
            candidate = self.plan.candidates[at.index]
            if failure is None or self.so_far.missing <= 0:
                return self._result(())
            ahead = self.course.ahead(at.index)
            following = ahead[0] if ahead else None
            decision = self._decide(failure, candidate, at, ahead)
            self.so_far.conclude(decision.reason)
            if decision.move is Move.STOP:
                return self._stopped(failure)
            if decision.move is Move.NEXT and following is not None:
                at = _At(index=following)
            self.course.pay(at.index)
            if decision.delay:
                await self.clock.sleep(decision.delay)

    async def _tried(self, at: _At) -> tuple[Failure | None, _At]:
        """What came of a target, or of it and its hedge; and the last of the two."""
        hedge, places = self.policy.hedge, [at]
        if hedge is None or not self._may_hedge(at):
            return await self._attempt(at), at

        def second() -> Coroutine[Any, Any, Failure | None] | None:
            index = self.course.hedge(at.index, hedge.max_extra)
            if index is None or self.so_far.begun >= self.policy.max_attempts:
                return None
            places.append(_At(index=index, is_hedge=True, prize=at.prize))
            return self._attempt(places[1])

        ended = await race(
            self.clock, hedge.after, self._attempt(at), second, is_won=lambda one: one is None
        )
        failures = [one for one in ended if one is not None]
        is_won = self.so_far.missing <= 0
        return (None if is_won or not failures else gravest(failures)), places[-1]

    def _may_hedge(self, at: _At) -> bool:
        """Single new pictures, at a first try: a stream has begun to show one, an edit's inputs
        weigh megabytes, and several pictures may come in part."""
        request = self.plan.request
        is_plain = request.operation is Operation.GENERATE and request.n == 1
        return is_plain and not self.stream and at.tries == 0

    async def _attempt(self, at: _At) -> Failure | None:
        """One try at one target; its failure, or ``None`` when nothing is missing any more."""
        candidate = self.plan.candidates[at.index]
        upstream = self.runner.upstreams[candidate.target.provider]
        self.so_far.begun += 1
        now, number = self.clock.monotonic(), self.so_far.begun
        vitals = self._vitals(candidate)
        unfit = at.used_keys | vitals.barred_keys(now)
        keys = upstream.keys_for(vitals)
        key = keys.choose(now, besides=unfit) or keys.soonest(vitals.barred)
        at.tries += 1
        at.used_keys |= {key.index}
        at.contacts, at.outcomes = [], []
        self._emit("attempt.started", target=candidate.name, number=number)
        vitals.started(now)
        key.in_flight += 1
        resting = shut(vitals, key, now) if at.tries == 1 else None
        try:
            if resting is not None:
                outcomes = [CallOutcome(failure=resting)]
            else:
                self.course.ask(candidate.target.provider)
                outcomes = await self._calls(candidate, upstream, key, number, at)
        except BaseException as error:  # Undo what was begun, a probe above all, and pass it on.
            vitals.failed(now, self.runner.random, began=now, speaks_against_it=False)
            if isinstance(error, asyncio.CancelledError):
                self._cancelled(candidate, at, now, number)
            raise
        finally:
            vitals.left()
            key.in_flight -= 1
        failure = self._absorb(candidate, at, outcomes, now, number)
        count_strikes(key, [outcome.failure for outcome in outcomes if outcome.failure])
        self._feel(vitals, candidate, failure, began=now)
        return failure

    def _cancelled(self, candidate: Candidate, at: _At, began: float, number: int) -> None:
        """Record an attempt that was cut short: its hedge, or what it hedged, was faster.

        A call that had its answer already is recorded as what it was.
        """
        done = {id(outcome.contact) for outcome in at.outcomes}
        cut = [cut_short(one) for one in at.contacts if id(one) not in done]
        outcomes = [*at.outcomes, *cut] or [cut_short(Contact())]
        self._absorb(candidate, at, outcomes, began, number)

    def _feel(
        self, vitals: Vitals, candidate: Candidate, failure: Failure | None, *, began: float
    ) -> None:
        """Let the target's health know how an attempt went."""
        now, rng = self.clock.monotonic(), self.runner.random
        if failure is None:
            vitals.succeeded(now, began, candidate.target.card.latency, rng)
        else:
            rule = RULES[failure.fault]
            speaks_against_it = rule.breaker and not failure.is_ours
            vitals.failed(now, rng, began=began, speaks_against_it=speaks_against_it)
            vitals.off_until = max(vitals.off_until, now + rule.parks_target)

    async def _calls(
        self,
        candidate: Candidate,
        upstream: Upstream,
        key: Key,
        number: int,
        at: _At,
    ) -> list[CallOutcome]:
        """The calls of one attempt, side by side: several where ``n`` is more than one call's."""
        made = len(self.so_far.images)
        most = candidate.target.card.max_n_of(candidate.request.output_format)
        sizes = split(self.so_far.missing, most)
        calls = []
        for index, n in enumerate(sizes):
            own = seeded(candidate, made)
            name = f"{self.id}-{number}-{index}"
            calls.append(partial(self._call, own, upstream, key, n, name, at))
            made += n
        return await together(calls)

    async def _call(
        self,
        candidate: Candidate,
        upstream: Upstream,
        key: Key,
        n: int,
        idempotency_key: str,
        at: _At,
    ) -> CallOutcome:
        at.contacts.append(contact := Contact())
        deadline = min(self.deadline, self.clock.monotonic() + self.runner.attempt_timeout)
        try:
            async with self.book.booking(candidate, n, idempotency_key, contact) as booking:
                async with self.runner.limits.slot(upstream.setup, key.index, n, deadline):
                    refuse_shut(self._vitals(candidate), key, self.clock.monotonic())
                    await booking.dispatched()
                    outcome = await upstream.attempter.call(
                        candidate,
                        self.plan.request,
                        n=n,
                        secret=key.secret,
                        deadline=deadline,
                        stream=self.stream,
                        idempotency_key=idempotency_key,
                        on_notice=partial(self._notice, candidate.name),
                        on_accepted=booking.accepted,
                        contact=contact,
                    )
                    # Before the slot is free: whoever waits for it must know already.
                    if outcome.failure is not None:
                        vitals, now = self._vitals(candidate), self.clock.monotonic()
                        keys = upstream.keys_for(vitals)
                        leave_alone(vitals, keys, key, outcome.failure, now)
                outcome = replace(at.prize.claimed(at.index, outcome), n=n)
                at.outcomes.append(outcome)
                await booking.settle(outcome)
                return outcome
        except ProviderFailed as error:
            return CallOutcome(failure=error.failure)
        except LedgerUnavailableError as error:  # Before it left; other calls may be paid for.
            self.unwritten = error
            failure = Failure(fault=Fault.NOT_SENT, message=str(error), is_ours=True)
            return CallOutcome(failure=failure)

    def _notice(self, target: str, notice: Notice) -> None:
        match notice:
            case Partial():
                self.so_far.sent_partials += 1
                self._emit("attempt.partial", target=target, index=notice.index)
            case Progress():
                self._emit("attempt.progress", target=target, fraction=notice.fraction,
                           message=notice.message)  # fmt: skip
            case Accepted():
                self._emit("attempt.accepted", target=target)
        try:
            self.on_notice(target, notice)
        except Exception as error:  # noqa: BLE001 - it must not cost its caller a paid picture
            self._emit("listener.failed", target=target, error=repr(error)[:200])

    def _absorb(
        self,
        candidate: Candidate,
        at: _At,
        outcomes: list[CallOutcome],
        began: float,
        number: int,
    ) -> Failure | None:
        """Take in what the calls of an attempt brought, and record it."""
        now = self.clock.monotonic()
        failures = [self._learnt(candidate, o.failure) for o in outcomes if o.failure]
        record = self.so_far.absorb(
            candidate, outcomes, failures, is_hedge=at.is_hedge,
            number=number, started_s=began - self.began, duration_s=now - began,
        )  # fmt: skip
        self._tell(record)
        return record.failure

    def _learnt(self, candidate: Candidate, failure: Failure) -> Failure:
        """Remember what the card was wrong about; such a failure is the target's alone.

        Neither memory nor event has a caller's own words.
        """
        found = contradiction(failure, candidate.request, candidate.target.card)
        if found is None:
            return failure
        param, value = found
        if value is not None:
            self._vitals(candidate).contradicted(param, value)
        self._emit("capability.contradicted", target=candidate.name, param=param, value=value,
                   message=failure.message)  # fmt: skip
        return replace(failure, only_here=True)

    def _vitals(self, candidate: Candidate) -> Vitals:
        """Everybody's of that target, or this request's own, where it says how it is to fail."""
        request, upstream = self.plan.request, self.runner.upstreams[candidate.target.provider]
        if upstream.setup.is_staged_by(request.options):
            return self.staged.setdefault(candidate.name, Vitals())
        return self.runner.health.of(candidate.name, request.operation)

    def _decide(
        self, failure: Failure, candidate: Candidate, at: _At, ahead: list[int]
    ) -> Decision:
        if self.unwritten is not None:
            return Decision(Move.STOP, "nothing is sent that cannot be written down")
        if self.so_far.sent_partials:
            return Decision(Move.STOP, "partial images were sent already")
        if failure.fault is Fault.NO_IMAGE and self.so_far.images:
            return Decision(Move.STOP, "what the upstream left out is not paid for twice")
        now = self.clock.monotonic()
        vitals = self._vitals(candidate)
        keys = self.runner.upstreams[candidate.target.provider].keys_for(vitals)
        unfit = at.used_keys | vitals.barred_keys(now)
        candidates, missing = self.plan.candidates, self.so_far.missing
        situation = Situation(
            attempts=self.so_far.begun,
            same_target=at.tries,
            remaining=self.deadline - now,
            expected=candidate.expected_latency,
            may_retry=self.runner.upstreams[candidate.target.provider].retries.allows(now),
            has_other_key=keys.choose(now, besides=unfit) is not None,
            targets_left=len(ahead),
            exposure=self.so_far.exposure,
            price=price_of(candidate, missing),
            next_price=price_of(candidates[ahead[0]], missing) if ahead else None,
        )
        return decide(failure, situation, self.policy, self.runner.random)

    def _stopped(self, failure: Failure) -> ImageResult:
        """Keep what there is; raise where there is nothing."""
        if self.so_far.images:
            return self._result((failure,) * self.so_far.missing)
        if self.unwritten is not None and not self.so_far.exposure.lost:
            raise self.unwritten
        raise error_of(self.so_far.records, self.policy)

    def _result(self, missing: tuple[Failure, ...]) -> ImageResult:
        latency = self.clock.monotonic() - self.began
        return self.so_far.result(self.id, self.created, latency, missing)

    def _tell(self, record: AttemptRecord) -> None:
        name = "attempt.failed" if record.failure else "attempt.succeeded"
        fault = record.failure.fault.value if record.failure else None
        message = record.failure.message if record.failure else None
        self._emit(name, target=record.target, number=record.number, fault=fault, message=message,
                   seconds=round(record.duration_s, 3), images=record.images,
                   usd=record.cost.usd)  # fmt: skip

    def _emit(self, name: str, **fields: object) -> None:
        self.runner.observers.emit(name, self.id, **fields)
