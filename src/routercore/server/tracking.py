"""Jobs as clients see them: looked up, followed, cancelled, and answered for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from routercore.router import Router
from routercore.server.auth import caller_of
from routercore.server.events import Frame
from routercore.server.faults import ElsewhereError, GoneError
from routercore.server.jobs import Found, Jobs
from routercore.server.preferences import preferences_of
from routercore.server.records import JobState, Outcome, Record
from routercore.server.replies import EventStreamResponse, PartsResponse, to_json, unless_gone

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
        return await self._jobs.find(request.path_params["id"], caller.name)

    async def retrieve(self, request: Request) -> Response:
        """The answer of the call, or 202 while there is none."""
        found = await self._find(request)
        if found.job is not None and found.job.outcome is None:
            wait = preferences_of(request).wait
            await unless_gone(request.receive, at_most(wait, found.job.ended()))
            if found.job.outcome is None:
                return accepted(found.record, request, {})
        record = found.job.record if found.job else found.record
        outcome = found.job.outcome if found.job else record.outcome
        if outcome is None:
            raise _not_kept(record)
        if outcome.error is None:
            return outcome_of(outcome, record, {})
        body = to_json({"error": outcome.error, **job_body(record, request)})
        return Response(body, outcome.status, dict(outcome.headers), media_type="application/json")

    async def events(self, request: Request) -> Response:
        """The events of the call, from its first one on."""
        found = await self._find(request)
        if found.job is not None:
            return EventStreamResponse(found.job.follow(), None, {})
        if found.record.outcome is None:
            raise _not_kept(found.record)
        return EventStreamResponse(_each(found.record.outcome.frames), None, {})

    async def cancel(self, request: Request) -> Response:
        """End the call; one that has ended is forgotten."""
        found = await self._find(request)
        record, job = found.record, found.job
        if job is not None and job.task is not None:
            job.task.cancel()
            await job.ended()
            record = job.record
        else:
            await self._jobs.forget(record)
        body = {**job_body(record, request), "deleted": job is None}
        return Response(to_json(body), media_type="application/json")


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
    body = to_json(job_body(record, request))
    return Response(body, 202, more, media_type="application/json")


def outcome_of(outcome: Outcome, record: Record, headers: Mapping[str, str]) -> Response:
    """The answer, byte for byte what every client of this call gets."""
    headers = {**outcome.headers, **headers, JOB_HEADER: record.id}
    return PartsResponse(outcome.parts, headers, outcome.status)


def replayed(record: Record, *, stream: bool) -> Response:
    """The answer of a call that has ended.

    Raises:
        GoneError: it was not kept.
        ElsewhereError: another process is at it.
    """
    if record.outcome is None:
        raise _not_kept(record)
    if stream and record.outcome.error is None:
        return EventStreamResponse(_each(record.outcome.frames), None, REPLAYED)
    return outcome_of(record.outcome, record, REPLAYED)


def _not_kept(record: Record) -> GoneError | ElsewhereError:
    if record.state is JobState.IN_PROGRESS:
        return ElsewhereError("This call is under way in another process of the server; try again.")
    return GoneError("The call was made, and its result is not kept any more. Use a new key.")


async def _each(frames: Iterable[Frame]) -> AsyncIterator[Frame]:
    for frame in frames:
        yield frame
