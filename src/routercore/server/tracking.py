"""Jobs as clients see them: looked up, followed, cancelled, and answered for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routercore.engine.jsons import dumps
from routercore.router import Router
from routercore.server.auth import caller_of
from routercore.server.events import Frame
from routercore.server.faults import GoneError
from routercore.server.job import Found, Job
from routercore.server.jobs import Jobs
from routercore.server.preferences import preferences_of
from routercore.server.records import JobState, Outcome, Record
from routercore.server.replies import (
    EventStreamResponse,
    PartsResponse,
    json_reply,
    unless_gone,
)

POLL_SECONDS = 2
"""How long a client should wait before it asks again."""
JOB_HEADER = "x-routercore-job"
REPLAYED = {"idempotent-replayed": "true"}


class JobsApi:
    """``/images/jobs/{id}``. What another key began does not exist."""

    def __init__(self, router: Router, jobs: Jobs) -> None:
        self._router = router
        self._jobs = jobs

    async def _find(self, request: Request) -> Found:
        caller = caller_of(self._router, request.scope["headers"])
        return await self._jobs.find(caller.name, request.path_params["id"])

    async def retrieve(self, request: Request) -> Response:
        """The answer of the call, or 202 while there is none."""
        found = await self._jobs.current(await self._find(request))
        record, outcome = found.record, found.record.outcome
        if found.job is not None:
            outcome = await self._waited(found.job, request)
            if outcome is None:
                return accepted(record, request, {})
            record = found.job.record
        if outcome is None:
            raise _not_kept()
        if outcome.error is None:
            return outcome_of(outcome, record, {})
        body = dumps({"error": outcome.error, **job_body(record, request)})
        return Response(body, outcome.status, dict(outcome.headers), media_type="application/json")

    async def _waited(self, job: Job, request: Request) -> Outcome | None:
        """What it comes to, if that is soon enough."""
        with self._jobs.waiting(job):
            wait = preferences_of(request).wait
            await unless_gone(request.receive, at_most(wait, job.ended()))
            return job.outcome

    async def events(self, request: Request) -> Response:
        """The events of the call, from its first one on."""
        found = await self._jobs.current(await self._find(request))
        if found.job is not None:
            return _Following(self._jobs, found.job)
        if found.record.outcome is None:
            raise _not_kept()
        return EventStreamResponse(_each(found.record.outcome.frames), {})

    async def cancel(self, request: Request) -> Response:
        """End the call; one that has ended is forgotten."""
        found = await self._find(request)
        record, is_over = found.record, found.record.state is not JobState.IN_PROGRESS
        if is_over and found.job is None:
            await self._jobs.forget(record)
        else:
            record = await self._jobs.cancel(found)
        return json_reply({**job_body(record, request), "deleted": is_over})


class _Following(Response):
    """The events of a job that is under way."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        super().__init__()
        self._jobs, self._job = jobs, job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._jobs.waiting(self._job):
            await EventStreamResponse(self._job.follow(), {})(scope, receive, send)


async def at_most(seconds: float, work: Awaitable[object]) -> None:
    """Wait for ``work`` no longer than that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


def job_body(record: Record, request: Request) -> dict[str, Any]:
    """A job as JSON; its links are on the origin and below the prefix that were called."""
    place = _place(record, request)
    return {
        "id": record.id,
        "object": "image.job",
        "status": record.state.value,
        "created": int(record.created),
        "links": {"self": place, "events": f"{place}/events"},
    }


def _place(record: Record, request: Request) -> str:
    path: str = request.scope["path"]
    return f"{path.rpartition('/images/')[0]}/images/jobs/{record.id}"


def accepted(record: Record, request: Request, headers: Mapping[str, str]) -> Response:
    """202: the call is under way."""
    more = {
        "location": _place(record, request),
        "preference-applied": "respond-async",
        "retry-after": str(POLL_SECONDS),
        JOB_HEADER: record.id,
        **headers,
    }
    body = dumps(job_body(record, request))
    return Response(body, 202, more, media_type="application/json")


def outcome_of(outcome: Outcome, record: Record | None, headers: Mapping[str, str]) -> Response:
    """The answer, byte for byte what every client of this call gets; it may be of no job."""
    name = {JOB_HEADER: record.id} if record else {}
    return PartsResponse(outcome.parts, {**outcome.headers, **headers, **name}, outcome.status)


def replayed(record: Record, *, stream: bool) -> Response:
    """The answer of a call that has ended.

    Raises:
        GoneError: it was not kept.
    """
    if record.outcome is None:
        raise _not_kept()
    if stream and record.outcome.error is None:
        return EventStreamResponse(_each(record.outcome.frames), REPLAYED)
    return outcome_of(record.outcome, record, REPLAYED)


def _not_kept() -> GoneError:
    return GoneError("The call was made, and its result is not kept any more. Use a new key.")


async def _each(frames: Iterable[Frame]) -> AsyncIterator[Frame]:
    for frame in frames:
        yield frame
