"""Collecting: accepted jobs that their request no longer waits for, delivered all the same."""

from __future__ import annotations

import asyncio
import traceback
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from routercore.engine.attempt import CallOutcome, together
from routercore.engine.clock import GRACE, Clock
from routercore.engine.keys import Key
from routercore.engine.ledger import Ledger
from routercore.engine.models import Catalogue
from routercore.engine.observers import Observers
from routercore.engine.settling import settlement
from routercore.engine.setup import RouterSetup, TargetSetup
from routercore.engine.tickets import Ticket, TicketError, read
from routercore.engine.upstreams import Upstream
from routercore.provider.rungs import PATIENT_FAULTS
from routercore.routing.plan import Target
from routercore.values.errors import LedgerUnavailableError
from routercore.values.events import AttemptRecord
from routercore.values.faults import Failure, Fault
from routercore.values.images import ImageResult
from routercore.values.leases import Claim, Mark
from routercore.values.ledger import Attempt, Kind, LedgerStepError, Step

SECONDS = 120.0
"""How long one job is waited for, unless told otherwise."""
SIDE_BY_SIDE = 32
"""Jobs that are waited for at one time: most of it is waiting, and after a restart there may be
hundreds."""
MOST_LATE = 100
"""Late jobs that are waited for at one time; what is beyond them is left to ``collect``."""
PATIENCE = timedelta(days=1)
"""After this a job that could not be asked after, or whose picture could not be fetched, is given
up: no vendor keeps one longer."""
SOONEST, LATEST = timedelta(seconds=30), timedelta(minutes=15)
"""Bounds of the time until a job that could not be collected is tried again."""
PASSING = PATIENT_FAULTS | {
    Fault.DEADLINE, Fault.UNAUTHENTICATED, Fault.FORBIDDEN, Fault.QUOTA, Fault.CONFLICT,
    Fault.PLUGIN, Fault.RESULT_UNAVAILABLE,
}  # fmt: skip
"""Faults that say nothing final of a job: it is asked after again later."""
GONE = frozenset({Fault.JOB_LOST, Fault.MODEL_NOT_FOUND})
"""Faults of a job that the vendor does not know, or no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The pictures of one accepted job. A request that was split has one for each of its calls."""

    request_id: str
    caller: str
    """The name of the caller whose request it was."""
    attempt: str
    """The attempt's id on the ledger; the same if the same job is ever handed over twice."""
    result: ImageResult


OnCollected = Callable[[Collected], Awaitable[object]]


class Fate(StrEnum):
    """What became of a job."""

    COLLECTED = "collected"
    """Its pictures were handed over, and its price is posted."""
    FAILED = "failed"
    """It ended without pictures, and is settled as its failure charges."""
    GIVEN_UP = "given_up"
    """Nobody can tell what it cost: it stays suspect until it is reconciled."""
    POSTPONED = "postponed"
    """It is tried again later."""


class _NotNowError(Exception):
    """A job cannot be asked after as things are."""


class Collector:
    """Resumes accepted jobs by what the ledger knows of them."""

    def __init__(
        self, *, setup: RouterSetup, upstreams: dict[str, Upstream], catalogue: Catalogue,
        ledger: Ledger, observers: Observers, clock: Clock,
    ) -> None:  # fmt: skip
        self._setup, self._upstreams, self._catalogue = setup, upstreams, catalogue
        self._ledger, self._observers, self._clock = ledger, observers, clock
        self._name, self._numbers = uuid.uuid4().hex[:12], count(1)
        self._late: set[asyncio.Task[object]] = set()
        self.on_late: OnCollected | None = None
        """Who takes the pictures of jobs over whose request ended before they did: past its
        deadline, or because its caller left, where the vendor did not call the job off. They are
        waited for ``[router] late_results`` seconds. Without, they are left to :meth:`collect`."""

    async def collect(
        self, on_collected: OnCollected, *, seconds: float = SECONDS, even_if_leased: bool = False
    ) -> dict[Fate, int]:
        """Deliver the pictures of accepted jobs that nobody waits for any more.

        Such are left by processes that died, and by requests that ended before their job did. Each
        falls to one of all processes that collect. It is asked after and never submitted again.

        Args:
            on_collected: awaited with each job's pictures; the price is posted only once it has
                returned. If it raises, the job is tried again later. It must bear to be called a
                second time for one attempt: this process may die between the two. Several jobs
                are delivered side by side, in no order.
            seconds: how long each job is waited for; one that is not done by then stays on the
                ledger, to be collected another time.
            even_if_leased: also jobs whose process may still be at work on them, which until a
                minute after their request's deadline nobody can tell: only where it is known that
                all other routers on this ledger have ended.

        Returns:
            How many jobs came to what.

        Raises:
            LedgerUnavailableError: the ledger cannot be used.
        """
        fates: Counter[Fate] = Counter()

        async def worker() -> None:
            while attempt := await self._claim(seconds, even_if_leased=even_if_leased):
                fates[await self._handled(attempt, on_collected, seconds)] += 1

        await together([worker] * SIDE_BY_SIDE)
        return {fate: fates[fate] for fate in Fate}

    def late(self, attempt: str) -> None:
        """Go on with a job that its request has given up, beside everything else."""
        on_late, seconds = self.on_late, self._setup.late_results
        if on_late is None or seconds <= 0 or len(self._late) >= MOST_LATE:
            return

        async def work() -> None:
            try:
                claimed = await self._claim(seconds, attempt=attempt)
                if claimed is not None:
                    await self._handled(claimed, on_late, seconds)
            except LedgerUnavailableError as error:
                self._observers.emit("ledger.failed", attempt, error=str(error)[:200])

        task = asyncio.get_running_loop().create_task(work())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    @property
    def is_collecting_late(self) -> bool:
        """Whether anybody waits for late jobs."""
        return self.on_late is not None and self._setup.late_results > 0

    async def settled(self) -> None:
        """Return once no late job is waited for."""
        while self._late:
            await asyncio.wait(self._late)

    async def close(self) -> None:
        """Wait for late jobs no longer; another process may collect them at once."""
        self.on_late = None
        for task in self._late:
            task.cancel()
        await self.settled()

    async def _claim(
        self, seconds: float, *, attempt: str | None = None, even_if_leased: bool = False
    ) -> Attempt | None:
        now = self._clock.now()
        claim = Claim(
            owner=f"{self._name}.{next(self._numbers)}", now=now, limit=1, attempt=attempt,
            until=now + timedelta(seconds=seconds + GRACE), even_if_leased=even_if_leased,
        )  # fmt: skip
        taken = await self._ledger.claim(claim)
        return taken[0] if taken else None

    async def _handled(self, attempt: Attempt, deliver: OnCollected, seconds: float) -> Fate:
        """Collect one claimed job, and tell what became of it."""
        try:
            fate, why = await self._tried(attempt, deliver, seconds)
        except BaseException:  # Also a cancellation: let others claim it, and pass it on.
            self._ledger.note(_mark(attempt, leased_until=self._clock.now()))
            raise
        hold = attempt.hold
        self._observers.emit("job.collected", hold.request, target=hold.target, fate=fate.value,
                             attempt=hold.attempt, reason=why)  # fmt: skip
        return fate

    async def _tried(
        self, attempt: Attempt, deliver: OnCollected, seconds: float
    ) -> tuple[Fate, str]:
        """Collect a job; an error that nobody foresaw postpones it, and leaves the others alone."""
        try:
            return await self._collect(attempt, deliver, seconds)
        except LedgerUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one row is, others come after it
            return await self._later(attempt, _unforeseen(error))

    async def _collect(
        self, attempt: Attempt, deliver: OnCollected, seconds: float
    ) -> tuple[Fate, str]:
        try:
            ticket, target, key = self._found(attempt)
        except _NotNowError as error:
            return await self._later(attempt, str(error))
        upstream = self._upstreams[target.provider]
        outcome = await upstream.attempter.collect(
            ticket, target.card, key.secret, self._clock.monotonic() + seconds
        )
        if outcome.images:
            made = self._made(attempt, ticket, outcome)
            try:
                await deliver(made)
            except Exception as error:  # noqa: BLE001 - whatever it is, the picture is not stored
                return await self._later(attempt, f"it was not taken over: {error!r}"[:200])
            await self._delivered(attempt, self._step(attempt, outcome))
            return Fate.COLLECTED, ""
        assert outcome.failure is not None  # Without images there is always a reason.
        return await self._failed(attempt, outcome, outcome.failure)

    def _found(self, attempt: Attempt) -> tuple[Ticket, Target, Key]:
        """What a job is asked after with.

        Raises:
            _NotNowError: the configuration has its provider or model no longer, or cannot read it.
        """
        hold = attempt.hold
        try:
            ticket = read(attempt.ticket or "")
        except TicketError as error:
            raise _NotNowError(str(error)) from error
        targets = self._catalogue.target(TargetSetup(name=hold.target))
        if hold.provider not in self._upstreams or not targets:
            raise _NotNowError(f"{hold.target!r} is not configured any more")
        return ticket, targets[0], self._upstreams[hold.provider].keys.marked(ticket.key)

    async def _failed(
        self, attempt: Attempt, outcome: CallOutcome, failure: Failure
    ) -> tuple[Fate, str]:
        why = f"{failure.fault}: {failure.message}"[:300]
        is_old = self._clock.now() - attempt.hold.at >= PATIENCE
        if failure.fault in PASSING and not is_old:
            return await self._later(attempt, why)
        if attempt.last.kind is Kind.POSTED:  # It is paid for, whatever became of the pictures.
            await self._mark(_mark(attempt, given_up=why))
            return Fate.GIVEN_UP, why
        step = self._step(attempt, outcome)
        if failure.fault in GONE:
            step = replace(step, kind=Kind.SUSPECT, reason=why)
        if step.kind is Kind.SUSPECT:
            await self._mark(_mark(attempt, given_up=why))
        await self._settle(step)
        return (Fate.GIVEN_UP if step.kind is Kind.SUSPECT else Fate.FAILED), why

    async def _later(self, attempt: Attempt, why: str) -> tuple[Fate, str]:
        """Leave a job for now; the older it is, the longer."""
        now = self._clock.now()
        age = now - attempt.hold.at
        if age >= PATIENCE:
            await self._mark(_mark(attempt, given_up=why))
            return Fate.GIVEN_UP, why
        pause = min(max(age / 4, SOONEST), LATEST)
        await self._mark(_mark(attempt, leased_until=now + pause))
        return Fate.POSTPONED, why

    async def _mark(self, mark: Mark) -> None:
        try:
            await self._ledger.mark(mark)
        except LedgerStepError as error:
            self._observers.emit("ledger.failed", mark.attempt, error=str(error)[:200])

    async def _delivered(self, attempt: Attempt, step: Step) -> None:
        """Settle what was handed over, and leave nothing to collect."""
        if attempt.last.kind is not Kind.POSTED:
            await self._settle(step)
        if attempt.last.kind is Kind.POSTED or step.kind is Kind.SUSPECT:
            await self._mark(replace(_mark(attempt), is_done=True))

    async def _settle(self, step: Step) -> None:
        try:
            await self._ledger.write(step)
        except LedgerStepError as error:  # Somebody has reconciled it meanwhile.
            self._observers.emit("ledger.failed", step.attempt, error=str(error)[:200])

    def _step(self, attempt: Attempt, outcome: CallOutcome) -> Step:
        now = self._clock.now()
        seconds = _seconds(attempt.hold.at, now)
        return settlement(attempt.hold.attempt, outcome, at=now, seconds=seconds)

    def _made(self, attempt: Attempt, ticket: Ticket, outcome: CallOutcome) -> Collected:
        hold, now = attempt.hold, self._clock.now()
        seconds = max(0.0, _seconds(hold.at, now))
        record = AttemptRecord(
            target=hold.target, number=1, started_s=0.0, duration_s=seconds,
            images=len(outcome.images), failure=outcome.failure, cost=outcome.cost,
            phase=outcome.contact.phase.name.lower(), decision="collected after its request",
            handle=ticket.handle,
        )  # fmt: skip
        generated = outcome.generated
        result = ImageResult(
            id=hold.request, created=now, model=ticket.model,
            images=tuple(replace(image, target=hold.target) for image in outcome.images),
            target=hold.target, cost=outcome.cost, usage=generated.usage if generated else None,
            svg_usage=generated.svg_usage if generated else None,
            quality=(generated and generated.quality) or ticket.settings.get("quality"),
            background=(generated and generated.background) or ticket.settings.get("background"),
            attempts=(record,), missing=(outcome.failure,) if outcome.failure else (),
            latency_s=seconds,
        )  # fmt: skip
        return Collected(
            request_id=hold.request, caller=hold.caller, attempt=hold.attempt, result=result
        )


def _mark(
    attempt: Attempt, *, leased_until: datetime | None = None, given_up: str | None = None
) -> Mark:
    return Mark(
        attempt=attempt.hold.attempt, owner=attempt.owner, leased_until=leased_until,
        given_up=given_up,
    )  # fmt: skip


def _unforeseen(error: Exception) -> str:
    """What an error was and where; not in its own words, which may hold what a ticket holds."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"an unforeseen {type(error).__name__} in {where.name}, line {where.lineno}"


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
