"""Calls that belong to no connection: begun once, waited for by anybody, remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from routercore.engine.watching import Watch
from routercore.server import log
from routercore.server.bodies import ClientGoneError
from routercore.server.elsewhere import Elsewhere
from routercore.server.faults import (
    BusyError,
    GoneError,
    HandedOverError,
    InternalError,
    KeyReusedError,
    LostError,
    NotFoundError,
    Redactor,
    StoppingError,
)
from routercore.server.job import Found, Job, Order, Work
from routercore.server.records import JobState, Outcome, Record, RecordStore
from routercore.values.errors import RouterError

MAX_RUNNING = 1000
"""Jobs under way at one time; the limits of callers are what usually binds."""
SWEEP_SECONDS = 60.0
SETTLE_SECONDS = 120.0
"""How long one attempt to write down late what a call came to may take."""
_CANCELLED = GoneError("The job was cancelled.", code="job_cancelled")


class Jobs:
    """All of them."""

    def __init__(
        self,
        store: RecordStore,
        redactor: Redactor,
        *,
        finish_abandoned: bool = True,
        max_abandoned: int = 100,
        tend_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing runs before the first job.

        Args:
            store: remembers them.
            redactor: takes out of errors what clients have no business knowing.
            finish_abandoned: go on with what may be paid for when its client hangs up.
            max_abandoned: how many such may run at one time.
            tend_seconds: between two times that the store hears of what runs.
            clock: seconds, of which only differences count.
            now: seconds since 1970, for the records.
        """
        self._store, self._redactor = store, redactor
        self._finish_abandoned, self._max_abandoned = finish_abandoned, max_abandoned
        self._tend_seconds, self._clock, self._swept = tend_seconds, clock, clock()
        self._now = now
        self._running: dict[str, Job] = {}
        self._keeping: dict[str, Job] = {}
        """Ended ones on their way into the store."""
        self._elsewhere = Elsewhere(store, redactor)
        self._unsettled: dict[str, tuple[Record, Watch]] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._tending: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._running)

    async def begin(self, order: Order, work: Work, held: ExitStack) -> Found:
        """Begin ``work``, unless its owner's key stands for a call already: then that is meant.

        Args:
            order: what tells it from others.
            work: what to do.
            held: what the work needs; taken over, and given back when the work is over.

        Raises:
            KeyReusedError: the key stands for another request.
            BusyError: too many jobs are under way.
            LedgerUnavailableError: it cannot be remembered, so it is not begun.
        """
        self._check_room()
        draft = Record(
            id=order.id, owner=order.owner, key=order.key, reference=order.reference,
            request_hash=order.request_hash, shape=order.shape, created=self._now(),
        )  # fmt: skip
        job = Job(draft, order)
        if not job.is_passing:
            record = await self._store.claim(draft)
            if record is not draft:
                return await self._known(record, order)
            job.is_recorded = True
            await self._check_room_again(draft)
        self._running[draft.id] = job
        job.watch.on_accepted, job.watch.keeps_result = partial(self.record, job), True
        job.task = asyncio.create_task(self._run(job, work, held.pop_all()))
        self._tend()
        return Found(draft, job, is_new=True)

    def _check_room(self) -> None:
        if self._is_closing:
            raise StoppingError
        if self.count >= MAX_RUNNING:
            raise BusyError("The server has as many jobs under way as it can; try again.")

    async def _check_room_again(self, draft: Record) -> None:
        """To claim takes a while, in which others begin and the server may be told to stop."""
        try:
            self._check_room()
        except RouterError:
            await self._store.forget(draft.id)
            raise

    async def _known(self, record: Record, order: Order) -> Found:
        if record.request_hash != order.request_hash:
            raise KeyReusedError("This Idempotency-Key was used for another request.")
        return await self.current(Found(record, self._running.get(record.id)))

    async def find(self, owner: str, name: str) -> Found:
        """A caller's job, by its id or by what its client called the request.

        Raises:
            NotFoundError: the caller has none of that name.
        """
        local = self._called(owner, name)
        if local is not None:
            return Found(local.record, local)
        record = await self._store.find(owner, name)
        if record is None:
            raise NotFoundError("There is no such job of this key, or it is forgotten by now.")
        return Found(record, self._running.get(record.id))

    def _called(self, owner: str, name: str) -> Job | None:
        """The one of that id here, or the last that its client called so."""
        here = {**self._keeping, **self._running}.values()
        mine = [job for job in here if job.record.owner == owner]
        named = [job for job in mine if name in (job.record.id, job.record.reference)]
        return max(named, key=lambda j: (j.record.id == name, j.record.created), default=None)

    async def current(self, found: Found) -> Found:
        """The same; where another process is at it, with a job that can be waited for."""
        if found.job is None and found.record.state is JobState.IN_PROGRESS:
            return replace(found, job=await self._elsewhere.follow(found.record))
        return found

    @contextmanager
    def waiting(self, job: Job) -> Iterator[None]:
        """Inside, a client waits for the job; who hangs up may have been the last one."""
        job.waiting += 1
        try:
            yield
        except ClientGoneError:
            job.was_left = True
            raise
        finally:
            job.waiting -= 1
            if not job.waiting and (job.was_left or job.order is None):
                self._abandoned(job)

    def _abandoned(self, job: Job) -> None:
        """Nobody waits any more. What cannot cost anything is given up, all else goes on."""
        if job.order is None:
            self._elsewhere.leave(job)
        elif job.order.is_submitted:
            return
        elif job.outcome is not None:
            if not job.is_dropped and self._outlives(job):
                self._keeping[job.record.id] = job
                self._do(self.record(job))
        elif not job.watch.is_at_stake:
            job.is_dropped = True
            self._cancel(job)
        elif self._outlives(job):
            self._do(self.record(job))
        else:
            self._cancel(job)

    def _outlives(self, job: Job) -> bool:
        """Whether a job whose result may be paid for goes on without anybody who waits."""
        assert job.order is not None
        if job.is_passing and (job.order.is_ephemeral or not self._finish_abandoned):
            return False
        orphans = [one for one in self._running.values() if one.is_abandoned]
        return len(orphans) <= self._max_abandoned

    async def record(self, job: Job) -> None:
        """See to it that the store has a job, as far as it has come.

        Never raises: it goes on all the same, and is found in this process while it runs.
        """
        async with job.recording:
            try:
                if not job.is_recorded:
                    running = replace(job.record, state=JobState.IN_PROGRESS, outcome=None)
                    await self._store.claim(running)
                    job.is_recorded = True
                    if job.outcome is not None:
                        await self._store.settle(job.record)
            except RouterError as error:
                log.record_failed(job.record.id, error)
            finally:
                self._keeping.pop(job.record.id, None)

    async def delivered(self, job: Job) -> None:
        """Its client has the answer: what was remembered for it alone is forgotten.

        Not so after a failure that an accepted job may still turn into a picture.
        """
        failed = job.outcome is not None and job.outcome.error is not None
        if job.is_passing and not job.waiting and not (failed and job.watch.is_accepted):
            async with job.recording:
                if job.is_recorded:
                    await self._store.forget(job.record.id)

    async def forget(self, record: Record) -> None:
        """Remember an ended job no longer."""
        await self._store.forget(record.id)

    async def cancel(self, found: Found) -> Record:
        """End a job that is under way, here or elsewhere; returns what is known of it then."""
        job = found.job
        if job is None or job.order is None:
            await self._store.call_off(found.record.id)
            return found.record
        self._cancel(job)
        await job.ended()
        return job.record

    def _cancel(self, job: Job) -> None:
        """End it, unless its pictures are there: these are paid for, and about to be kept."""
        assert job.task is not None
        if not job.watch.is_made:
            # In its turn: a task cancelled before it began could not say that it has ended.
            asyncio.get_running_loop().call_soon(job.task.cancel)

    async def idle(self) -> None:
        """Return once nothing is under way."""
        while tasks := [job.task for job in self._running.values() if job.task is not None]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Give up what was not sent, leave to others what an upstream has accepted, and end.

        Whoever waits is told what becomes of it. Where nothing outlives this process, there is
        nobody to leave anything to, and accepted jobs are called off.
        """
        self._is_closing = True
        tasks = [job.task for job in self._running.values() if job.task is not None]
        for job in [*self._running.values()]:
            if self._store.is_durable:
                job.watch.hand_over()
            self._cancel(job)
        if tasks:
            await asyncio.wait(tasks)
        await self._elsewhere.close()
        if self._chores:
            await asyncio.wait(self._chores)
        for task in (self._tending, self._tidying):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    async def _run(self, job: Job, work: Work, held: ExitStack) -> None:
        with held:
            state, outcome = await self._worked(job, work)
        if state is JobState.FAILED and not (job.is_admitted or job.watch.is_at_stake):
            job.is_dropped = True  # It was refused.
        record = replace(job.record, state=state, outcome=outcome)
        if outcome.may_repeat:
            record = replace(record, key=None)
        if outcome.is_ephemeral:
            record = replace(record, outcome=None)
        try:
            async with job.recording:
                if job.is_recorded:
                    await self._settle(job, record)
            job.watch.kept(outcome.error is None)
        except RouterError as error:
            log.record_failed(record.id, error)
            self._unsettled[record.id] = record, job.watch
        finally:
            job.end(record, outcome)
            del self._running[record.id]

    async def _settle(self, job: Job, record: Record) -> None:
        if job.is_dropped:
            await self._store.forget(record.id)
        elif record.state is JobState.IN_PROGRESS:
            await self._store.release(record.id)
        else:
            await self._store.settle(record)

    async def _worked(self, job: Job, work: Work) -> tuple[JobState, Outcome]:
        try:
            return JobState.COMPLETED, await work(job)
        except asyncio.CancelledError:
            if self._is_closing:
                return await self._handed_over(job)
            return JobState.CANCELLED, job.failed(_CANCELLED, self._redactor)
        except RouterError as error:
            return JobState.FAILED, job.failed(error, self._redactor)
        except Exception as error:  # noqa: BLE001 - a face: the client is told, whatever it is
            log.crashed(job.record.id, error)
            return JobState.FAILED, job.failed(InternalError(), self._redactor)

    async def _handed_over(self, job: Job) -> tuple[JobState, Outcome]:
        """How a job ends with its process: pending, as if it had never been, or in doubt."""
        if not job.watch.is_at_stake:
            job.is_dropped = True
            return JobState.CANCELLED, job.failed(StoppingError(), self._redactor)
        if job.watch.is_accepted and self._store.is_durable:
            await self.record(job)
            told = HandedOverError(has_key=job.record.key is not None)
            return JobState.IN_PROGRESS, job.failed(told, self._redactor)
        lost = LostError(
            "The server stopped before the upstream had answered. The call may be paid for and is"
            " not made again."
        )
        return JobState.FAILED, job.failed(lost, self._redactor)

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _tend(self) -> None:
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tended())

    async def _tended(self) -> None:
        """Keep the store's view of what runs here up to date, while anything does."""
        while self._running or self._unsettled:
            await asyncio.sleep(self._tend_seconds)
            try:
                await self._renew()
            except RouterError as error:
                log.record_failed("", error)
            if self._tidying is None or self._tidying.done():
                self._tidying = asyncio.create_task(self._tidy())

    async def _renew(self) -> None:
        ids = [id for id, job in self._running.items() if job.is_recorded]
        for id in await self._store.renew(ids):
            if id in self._running:
                self._cancel(self._running[id])

    async def _tidy(self) -> None:
        """What may take long, so that no lease waits for it."""
        await asyncio.gather(*(self._settle_late(*late) for late in [*self._unsettled.values()]))
        if self._clock() - self._swept > SWEEP_SECONDS:
            self._swept = self._clock()
            try:
                await self._store.sweep()
            except RouterError as error:
                log.record_failed("", error)

    async def _settle_late(self, record: Record, watch: Watch) -> None:
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._store.settle(record)
        except (RouterError, TimeoutError) as error:
            log.record_failed(record.id, error)
            return
        del self._unsettled[record.id]
        watch.kept(record.state is JobState.COMPLETED)
