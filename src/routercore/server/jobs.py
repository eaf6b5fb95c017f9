"""Calls that belong to no connection: begun once, waited for by anybody, remembered for a while."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from routercore.server import log
from routercore.server.answers import header_text
from routercore.server.events import KEEPALIVE, KEEPALIVE_SECONDS, Frame, error_frame
from routercore.server.faults import (
    BusyError,
    GoneError,
    InternalError,
    KeyReusedError,
    NotFoundError,
    Redactor,
    error_body,
    error_headers,
)
from routercore.server.records import JobState, Outcome, Record, RecordStore
from routercore.server.replies import to_json
from routercore.values.errors import RouterError
from routercore.values.limits import UNLIMITED, Admission

MAX_RUNNING = 1000
"""Jobs under way at one time; the limits of callers are what usually binds."""
_CANCELLED = GoneError("The job was cancelled.", code="job_cancelled")


class Job:
    """One call under way, or just ended."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.frames: list[Frame] = []
        self.admission = UNLIMITED
        self.outcome: Outcome | None = None
        self.task: asyncio.Task[None] | None = None
        self._is_admitted = False
        self._news = asyncio.Event()

    def admit(self, admission: Admission) -> None:
        """The caller's limits have room for it."""
        self.admission, self._is_admitted = admission, True
        self._ring()

    def tell(self, frame: Frame) -> None:
        """Add an event."""
        self.frames.append(frame)
        self._ring()

    def end(self, record: Record, outcome: Outcome) -> None:
        """It has come to something."""
        self.record, self.outcome = record, outcome
        self._ring()

    def _ring(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def begun(self) -> None:
        """Return once the call is let in, or has ended."""
        while not self._is_admitted and self.outcome is None:
            await self._news.wait()

    async def shown(self) -> None:
        """Return once there is an event, or the call has ended."""
        while not self.frames and self.outcome is None:
            await self._news.wait()

    async def ended(self) -> Outcome:
        """Return what it comes to."""
        while self.outcome is None:
            await self._news.wait()
        return self.outcome

    async def follow(self, keepalive: float = KEEPALIVE_SECONDS) -> AsyncIterator[Frame]:
        """All events from the first, as they happen, with signs of life in between."""
        seen = 0
        while True:
            for frame in self.frames[seen:]:
                seen += 1
                yield frame
            if self.outcome is not None and seen == len(self.frames):
                return
            if seen == len(self.frames):
                try:
                    async with asyncio.timeout(keepalive):
                        await self._news.wait()
                except TimeoutError:
                    yield KEEPALIVE


@dataclass(frozen=True, slots=True)
class Found:
    """A call that was asked for again: under way here, or remembered."""

    record: Record
    job: Job | None
    is_new: bool = False


Work = Callable[[Job], Awaitable[Outcome]]


class Jobs:
    """All of them."""

    def __init__(self, store: RecordStore, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor
        self._running: dict[str, Job] = {}

    async def begin(
        self, owner: str, key: str | None, request_hash: str, work: Work, held: ExitStack
    ) -> Found:
        """Begin ``work``, unless its owner's key stands for a call already: then that is meant.

        Args:
            owner: whose call it is.
            key: the idempotency key, if there is one.
            request_hash: what tells other requests under the same key.
            work: what to do.
            held: what the work needs; taken over, and given back when the work is over.

        Raises:
            KeyReusedError: the key stands for another request.
            BusyError: too many jobs are under way.
        """
        if len(self._running) >= MAX_RUNNING:
            raise BusyError("The server has as many jobs under way as it can; try again.")
        draft = Record(
            id=f"job_{secrets.token_hex(16)}", owner=owner, key=key,
            request_hash=request_hash, created=time.time(),
        )  # fmt: skip
        record = await self._store.claim(draft)
        if record is not draft:
            if record.request_hash != request_hash:
                raise KeyReusedError("This Idempotency-Key was used for another request.")
            return Found(record, self._running.get(record.id))
        job = self._running[record.id] = Job(record)
        job.task = asyncio.create_task(self._run(job, work, held.pop_all()))
        return Found(record, job, is_new=True)

    async def find(self, id: str, owner: str) -> Found:
        """A caller's job.

        Raises:
            NotFoundError: the caller has none of that id.
        """
        record = await self._store.get(id)
        if record is None or record.owner != owner:
            raise NotFoundError("There is no such job of this key, or it is forgotten by now.")
        return Found(record, self._running.get(id))

    async def forget(self, record: Record) -> None:
        """Remember an ended job no longer."""
        await self._store.forget(record.id)

    async def close(self) -> None:
        """Cancel what is under way: nobody could fetch it from a process that is no more."""
        tasks = [job.task for job in self._running.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, job: Job, work: Work, held: ExitStack) -> None:
        with held:
            state, outcome = await self._worked(job, work)
        record = replace(job.record, state=state, outcome=outcome)
        if outcome.may_repeat:
            record = replace(record, key=None)
        if outcome.is_ephemeral:
            record = replace(record, outcome=None)
        try:
            await self._store.settle(record)
        finally:
            job.end(record, outcome)
            del self._running[record.id]

    async def _worked(self, job: Job, work: Work) -> tuple[JobState, Outcome]:
        try:
            return JobState.COMPLETED, await work(job)
        except asyncio.CancelledError:
            return JobState.CANCELLED, self._failed(job, _CANCELLED)
        except RouterError as error:
            return JobState.FAILED, self._failed(job, error)
        except Exception as error:  # noqa: BLE001 - a face: the client is told, whatever it is
            log.crashed(job.record.id, error)
            return JobState.FAILED, self._failed(job, InternalError())

    def _failed(self, job: Job, error: RouterError) -> Outcome:
        body = error_body(error, self._redactor)
        job.tell(error_frame(error, self._redactor))
        return Outcome(
            status=error.status,
            headers={name: header_text(value) for name, value in error_headers(error).items()},
            parts=(to_json({"error": body}),),
            frames=tuple(job.frames),
            error=body,
            may_repeat=error.may_retry is not False and not isinstance(error, InternalError),
        )
