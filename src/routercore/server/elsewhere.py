"""Calls that other processes of the server are at, or were at when they ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from routercore.server import log
from routercore.server.faults import (
    ElsewhereError,
    GoneError,
    InternalError,
    LostError,
    Redactor,
)
from routercore.server.job import Job
from routercore.server.records import Fate, JobState, Record, RecordStore
from routercore.values.errors import RouterError

PAUSE = 0.25
"""Seconds between two looks, to begin with."""
LONGEST_PAUSE = 2.0
PATIENCE = 60.0
"""Seconds for which a call is waited for that is still to be collected."""


class Elsewhere:
    """Follows such calls for those who wait here; many of them share one follower."""

    def __init__(
        self, store: RecordStore, redactor: Redactor, *, pause: float = PAUSE,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._store, self._redactor = store, redactor
        self._pause, self._patience = pause, patience
        self._jobs: dict[str, Job] = {}

    async def follow(self, record: Record) -> Job:
        """A job that ends when the call does, or when it is clear that nobody will end it."""
        job = self._jobs.get(record.id)
        if job is None:
            job = Job(record)
            if not await self._look(job, record):
                job = self._jobs.setdefault(record.id, job)
                if job.task is None:
                    job.task = asyncio.create_task(self._poll(job))
        return job

    def leave(self, job: Job) -> None:
        """Nobody waits for it any more."""
        self._drop(job)
        if job.task is not None:
            job.task.cancel()

    def _drop(self, job: Job) -> None:
        if self._jobs.get(job.record.id) is job:
            del self._jobs[job.record.id]

    async def close(self) -> None:
        """Follow nothing any more; whoever waits is told to ask again."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for job in [*self._jobs.values()]:
            self._fail(job, ElsewhereError("The server stops; ask again."))
            self.leave(job)
        if tasks:
            await asyncio.wait(tasks)

    async def _poll(self, job: Job) -> None:
        pause, until = self._pause, time.monotonic() + self._patience
        try:
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
                record = await self._store.get(job.record.id)
                if await self._look(job, record, is_late=time.monotonic() > until):
                    return
        except RouterError as error:  # Nobody can say: the database does not answer.
            self._fail(job, error)
        except Exception as error:  # noqa: BLE001 - a face: who waits is told, whatever it is
            log.crashed(job.record.id, error)
            self._fail(job, InternalError())
        finally:
            self._drop(job)

    async def _look(self, job: Job, record: Record | None, *, is_late: bool = False) -> bool:
        """Whether the job has ended: as its record says, or because it never will."""
        if record is None:
            error: RouterError | None = ElsewhereError("This call was given up; make it again.")
        elif record.state is not JobState.IN_PROGRESS:
            error = self._taken_over(job, record)
            if error is None:
                return True
        elif record.is_left:
            error = await self._left_behind(record, is_late=is_late)
        else:
            return False
        if error is not None:
            self._fail(job, error)
        return error is not None

    def _taken_over(self, job: Job, record: Record) -> RouterError | None:
        if record.outcome is None:
            return GoneError("The call was made, and its result is not kept any more.")
        for frame in record.outcome.frames:
            job.tell(frame)
        job.end(record, record.outcome)
        return None

    async def _left_behind(self, record: Record, *, is_late: bool) -> RouterError | None:
        match await self._store.fate(record.id):
            case Fate.LOST:
                return LostError(
                    "The process that made this call ended before it had the answer. It may be"
                    " paid for and is not made again; use a new key to make another."
                )
            case Fate.UNSENT:
                return ElsewhereError(
                    "The process that was to make this call has ended. Nothing was sent; the key"
                    " will be free in a few minutes."
                )
            case Fate.PENDING:
                late = ElsewhereError("An upstream is at work on this call; its result will come.")
                return late if is_late else None

    def _fail(self, job: Job, error: RouterError) -> None:
        if job.outcome is None:
            outcome = job.failed(error, self._redactor)
            state = job.record.state
            if error.may_retry is False:
                state = JobState.FAILED
            job.end(replace(job.record, state=state), outcome)
