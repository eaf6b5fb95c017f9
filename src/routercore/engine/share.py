"""One part of a request over its plan: attempt, record, decide, until it is done or over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from routercore.engine.attempt import CallOutcome, together
from routercore.engine.course import Course
from routercore.engine.driver import Contact
from routercore.engine.hedging import Prize, cut_short, race
from routercore.engine.keys import Key
from routercore.engine.progress import price_of
from routercore.engine.resting import count_strikes, leave_alone, refuse_shut, shut
from routercore.engine.run import Run
from routercore.engine.splitting import Part, Piece, Wanted, seeded, split
from routercore.engine.upstreams import Upstream
from routercore.routing.failing import REFUSALS
from routercore.routing.plan import Candidate
from routercore.routing.policy import Decision, Move, OnRefusal, Situation, decide, gravest
from routercore.values.errors import LedgerUnavailableError
from routercore.values.events import AttemptRecord
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import Operation

UNWRITTEN = Decision(Move.STOP, "nothing is sent that cannot be written down")
REFUSED_ELSEWHERE = Decision(
    Move.STOP, "another part of the request was refused, and it stays here"
)


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


class Share:
    """One part of a request on its way."""

    def __init__(self, run: Run, place: int, part: Part) -> None:
        self.run, self.place, self.plan, self.n = run, place, part.plan, part.n
        self.means, self.clock, self.so_far = run.means, run.means.clock, run.so_far
        self.wanted = Wanted([*range(part.first, part.first + part.n)], run.fresh)
        self.course = Course(plan=part.plan, upstreams=run.means.upstreams, clock=self.clock,
                             began=run.began, deadline=run.deadline)  # fmt: skip
        self.begun = 0
        """Attempts so far, those under way among them."""
        self._numbers: set[int] = set()
        """Of the attempts that are recorded."""

    @property
    def records(self) -> list[AttemptRecord]:
        """Its own attempts, in the order in which they began."""
        return [record for record in self.so_far.records if record.number in self._numbers]

    async def finish(self) -> tuple[Failure, ...]:
        """Try until all images are there or policy says stop; a failure for each that is not."""
        at = _At()
        while True:
            self.run.stakes[self.place] = self._price(at.index)
            failure, at = await self._tried(at)
            del self.run.stakes[self.place]
            if failure is None or not self.wanted:
                return ()
            ahead = self.course.ahead(at.index)
            decision = self._decide(failure, at, ahead)
            self._conclude(decision)
            if decision.move in (Move.STOP, Move.PARTIALS_SENT):
                stays = self.run.policy.on_refusal is OnRefusal.STOP
                self.run.is_refused |= stays and failure.fault in REFUSALS
                return self._lacking(failure, at)
            if decision.move is Move.NEXT and ahead:
                at = _At(index=ahead[0])
            self.course.pay(at.index)
            if decision.delay and not await self._back_off(at.index, decision.delay):
                return self._lacking(failure, at)

    async def _back_off(self, index: int, seconds: float) -> bool:
        """Wait before the next try; false if it must not be made, for what others met meanwhile."""
        self.run.stakes[self.place] = self._price(index)
        await self.clock.sleep(seconds)
        stop = self._stopped()
        if stop is not None:
            del self.run.stakes[self.place]
            self._conclude(stop)
        return stop is None

    def _price(self, index: int) -> Decimal | None:
        """The most that asking a candidate for what is missing may cost."""
        return price_of(self.plan.candidates[index], len(self.wanted))

    def _conclude(self, decision: Decision) -> None:
        self.so_far.conclude(self.records[-1], decision)

    def _lacking(self, failure: Failure, at: _At) -> tuple[Failure, ...]:
        """Why each image is missing: as its own call ended, where that is known."""
        outcomes = sorted(at.outcomes, key=lambda one: one.first)
        reasons = [reason for outcome in outcomes for reason in outcome.lacking]
        return tuple([*reasons, *[failure] * len(self.wanted)][: len(self.wanted)])

    async def _tried(self, at: _At) -> tuple[Failure | None, _At]:
        """What came of a target, or of it and its hedge; and the last of the two."""
        hedge, places = self.run.policy.hedge, [at]
        if hedge is None or not self._may_hedge(at):
            return await self._attempt(at), at

        def second() -> Coroutine[Any, Any, Failure | None] | None:
            index = self.course.hedge(at.index, hedge.max_extra)
            if index is None or self.begun >= self.run.policy.max_attempts:
                return None
            places.append(_At(index=index, is_hedge=True, prize=at.prize))
            return self._attempt(places[1])

        ended = await race(
            self.clock, hedge.after, self._attempt(at), second, is_won=lambda one: one is None
        )
        failures = [one for one in ended if one is not None]
        is_won = not self.wanted
        return (None if is_won or not failures else gravest(failures)), places[-1]

    def _may_hedge(self, at: _At) -> bool:
        """Single new pictures, at a first try: a stream has begun to show one, an edit's inputs
        weigh megabytes, and several pictures may come in part."""
        request = self.plan.request
        is_plain = request.operation is Operation.GENERATE and request.n == 1
        return is_plain and not self.run.stream and at.tries == 0

    async def _attempt(self, at: _At) -> Failure | None:
        """One try at one target; its failure, or ``None`` when nothing is missing any more."""
        candidate = self.plan.candidates[at.index]
        upstream = self.means.upstreams[candidate.target.provider]
        self.begun, self.so_far.begun = self.begun + 1, self.so_far.begun + 1
        now, number = self.clock.monotonic(), self.so_far.begun
        vitals = self.run.vitals(candidate)
        unfit = at.used_keys | vitals.barred_keys(now)
        keys = upstream.keys_for(vitals)
        key = keys.choose(now, besides=unfit) or keys.soonest(vitals.barred)
        at.tries += 1
        at.used_keys |= {key.index}
        at.contacts, at.outcomes = [], []
        self.run.emit("attempt.started", target=candidate.name, number=number)
        vitals.started(now)
        key.in_flight += 1
        resting = shut(vitals, key, now) if at.tries == 1 else None
        try:
            if resting is not None:
                outcomes = at.outcomes = [CallOutcome(failure=resting, n=len(self.wanted))]
            else:
                self.course.ask(candidate.target.provider)
                outcomes = await self._calls(candidate, upstream, key, number, at)
        except BaseException as error:  # Undo what was begun, a probe above all, and pass it on.
            vitals.failed(now, self.means.random, began=now, speaks_against_it=False)
            if isinstance(error, asyncio.CancelledError):
                self._cancelled(candidate, at, now, number)
            raise
        finally:
            vitals.left()
            key.in_flight -= 1
        failure = self._absorb(candidate, at, outcomes, now, number)
        count_strikes(key, [outcome.failure for outcome in outcomes if outcome.failure])
        self.run.feel(candidate, failure, began=now)
        return failure

    def _cancelled(self, candidate: Candidate, at: _At, began: float, number: int) -> None:
        """Record an attempt that was cut short: its hedge, or what it hedged, was faster.

        A call that had its answer already is recorded as what it was.
        """
        done = {id(outcome.contact) for outcome in at.outcomes}
        cut = [cut_short(one) for one in at.contacts if id(one) not in done]
        outcomes = [*at.outcomes, *cut] or [cut_short(Contact())]
        self._absorb(candidate, at, outcomes, began, number)

    async def _calls(
        self,
        candidate: Candidate,
        upstream: Upstream,
        key: Key,
        number: int,
        at: _At,
    ) -> list[CallOutcome]:
        """The calls of one attempt, side by side: several where ``n`` is more than one call's."""
        most = candidate.target.card.max_n_of(candidate.request.output_format)
        is_seeded = candidate.request.seed is not None
        calls = []
        for index, piece in enumerate(split(self.wanted.numbers, most, is_seeded=is_seeded)):
            own = seeded(candidate, piece[0])
            name = f"{self.run.id}-{number}-{index}"
            calls.append(partial(self._call, own, upstream, key, piece, name, at))
        return await together(calls)

    async def _call(
        self,
        candidate: Candidate,
        upstream: Upstream,
        key: Key,
        piece: Piece,
        idempotency_key: str,
        at: _At,
    ) -> CallOutcome:
        at.contacts.append(contact := Contact())
        n = len(piece)
        deadline = min(self.run.deadline, self.clock.monotonic() + self.means.attempt_timeout)
        try:
            async with self.run.book.booking(candidate, n, idempotency_key, contact) as booking:
                async with self.means.limits.slot(upstream.setup, key.index, n, deadline):
                    refuse_shut(self.run.vitals(candidate), key, self.clock.monotonic())
                    await booking.dispatched()
                    outcome = await upstream.attempter.call(
                        candidate,
                        self.plan.request,
                        n=n,
                        secret=key.secret,
                        deadline=deadline,
                        stream=self.run.stream,
                        idempotency_key=idempotency_key,
                        on_notice=partial(self.run.notice, candidate.name),
                        on_accepted=booking.accepted,
                        contact=contact,
                    )
                    # Before the slot is free: whoever waits for it must know already.
                    if outcome.failure is not None:
                        vitals, now = self.run.vitals(candidate), self.clock.monotonic()
                        keys = upstream.keys_for(vitals)
                        leave_alone(vitals, keys, key, outcome.failure, now)
                outcome = replace(at.prize.claimed(at.index, outcome), n=n, first=piece[0])
                at.outcomes.append(outcome)
                self.wanted.met(piece, len(outcome.images))
                await booking.settle(outcome)
                return outcome
        except ProviderFailed as error:
            failure = error.failure
        except LedgerUnavailableError as error:  # Before it left; other calls may be paid for.
            self.run.unwritten = error
            failure = Failure(fault=Fault.NOT_SENT, message=str(error), is_ours=True)
        outcome = CallOutcome(failure=failure, contact=contact, n=n, first=piece[0])
        at.outcomes.append(outcome)
        return outcome

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
        failures = [self.run.learnt(candidate, o.failure) for o in outcomes if o.failure]
        record = self.so_far.absorb(
            candidate, outcomes, failures, missing=len(self.wanted), is_hedge=at.is_hedge,
            number=number, started_s=began - self.run.began, duration_s=now - began,
        )  # fmt: skip
        self._numbers.add(number)
        self.run.tell(record)
        return record.failure

    def _decide(self, failure: Failure, at: _At, ahead: list[int]) -> Decision:
        if self.run.unwritten is not None:
            return UNWRITTEN
        if failure.fault is Fault.NO_IMAGE and len(self.wanted) < self.n:
            return Decision(Move.STOP, "what the upstream left out is not paid for twice")
        situation = self._situation(at, ahead)
        decision = decide(failure, situation, self.run.policy, self.means.random)
        if decision.move is Move.STOP:
            return decision
        if self.so_far.sent_partials:
            why = "partial images had been sent, so nothing else was asked"
            return Decision(Move.PARTIALS_SENT, why)
        return self._stopped() or decision

    def _stopped(self) -> Decision | None:
        """What holds for every part of the request, whatever this one met."""
        if self.run.unwritten is not None:
            return UNWRITTEN
        return REFUSED_ELSEWHERE if self.run.is_refused else None

    def _situation(self, at: _At, ahead: list[int]) -> Situation:
        candidate, now = self.plan.candidates[at.index], self.clock.monotonic()
        upstream = self.means.upstreams[candidate.target.provider]
        vitals = self.run.vitals(candidate)
        unfit = at.used_keys | vitals.barred_keys(now)
        return Situation(
            attempts=self.begun,
            same_target=at.tries,
            remaining=self.run.deadline - now,
            expected=candidate.expected_latency,
            may_retry=upstream.retries.allows(now),
            has_other_key=upstream.keys_for(vitals).choose(now, besides=unfit) is not None,
            targets_left=len(ahead),
            exposure=self.run.exposure(self.place),
            price=self._price(at.index),
            next_price=self._price(ahead[0]) if ahead else None,
        )
