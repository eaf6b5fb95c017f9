"""The endpoints that make images."""

from __future__ import annotations

from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routercore.engine.setup import Caller
from routercore.router import Router
from routercore.server.auth import caller_of
from routercore.server.bodies import Account, Memory
from routercore.server.events import FIRST_EVENT_SECONDS, Feed, frames
from routercore.server.faults import Redactor, limit_headers
from routercore.server.files import Shelf
from routercore.server.jobs import Found, Job, Jobs
from routercore.server.making import Making
from routercore.server.preferences import Preferences, preferences_of
from routercore.server.reading import Asked, read_asked
from routercore.server.records import Outcome, Record
from routercore.server.replies import EventStreamResponse, PartsResponse, unless_gone
from routercore.server.tracking import (
    JOB_HEADER,
    REPLAYED,
    accepted,
    at_most,
    outcome_of,
    replayed,
)
from routercore.values.errors import RequestError
from routercore.values.limits import UNLIMITED, Admission


class ImagesApi:
    """``/images/generations`` and ``/images/edits``."""

    def __init__(self, router: Router, shelf: Shelf, redactor: Redactor, jobs: Jobs) -> None:
        self.router = router
        self.setup = router.engine.setup.server
        self.memory = Memory(self.setup.max_buffered_bytes)
        self.shelf = shelf
        self.redactor = redactor
        self.jobs = jobs

    async def generations(self, request: Request) -> Response:
        return _Work(self, request, needs_image=False)

    async def edits(self, request: Request) -> Response:
        return _Work(self, request, needs_image=True)

    async def edits_or_text(self, request: Request) -> Response:
        return _Work(self, request, needs_image=False)


class _Work(Response):
    """One request's work and answer. The body is accounted for until the answer is sent."""

    def __init__(self, api: ImagesApi, request: Request, *, needs_image: bool) -> None:
        super().__init__()
        self._api = api
        self._request = request
        self._needs_image = needs_image
        self._admission = UNLIMITED
        self._passing: Record | None = None
        """A job that nobody asked to be one: kept only for a client that hangs up."""

    def _admitted(self, admission: Admission) -> None:
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(self._api.router, scope["headers"])
        wanted = preferences_of(self._request)
        with ExitStack() as held:
            asked = await self._read(held.enter_context(self._api.memory.account()))
            making = self._making(asked, caller)
            if self._is_detached(making, wanted):
                response = await self._detached(making, wanted, held)
            else:
                response = await (self._stream if asked.stream else self._answer)(making)
            await response(scope, receive, send)
            if self._passing is not None:
                await self._api.jobs.forget(self._passing)

    def _is_detached(self, making: Making, wanted: Preferences) -> bool:
        """Whether the work goes on without its client. Nobody could ask for an ephemeral result
        again but with its key, while it is being made."""
        if wanted.key is not None:
            return True
        return (wanted.later or self._api.setup.finish_abandoned) and not making.is_ephemeral

    def _making(self, asked: Asked, caller: Caller) -> Making:
        api = self._api
        return Making(
            router=api.router, shelf=api.shelf, redactor=api.redactor,
            http=self._request, asked=asked, caller=caller,
        )  # fmt: skip

    async def _read(self, account: Account) -> Asked:
        setup = self._api.setup
        asked = await read_asked(
            self._request, limit=setup.max_body_bytes, account=account,
            default_model=setup.default_model,
        )  # fmt: skip
        if self._needs_image and not asked.request.images:
            message = "An edit needs an image: 'image', 'image[]', or 'images' in JSON."
            raise RequestError(message, param="image[]", code="invalid_value")
        return asked

    async def _answer(self, making: Making) -> Response:
        result = await unless_gone(self._request.receive, making.result(self._admitted))
        headers, parts = await making.answer(result)
        return PartsResponse(parts, {**headers, **limit_headers(self._admission)})

    async def _stream(self, making: Making) -> Response:
        feed = Feed(making.items(self._admitted))
        try:
            await unless_gone(self._request.receive, feed.begin())
        except BaseException:
            await feed.close()
            raise
        told = frames(feed, making.asked.request, self._api.redactor, making.id)
        return EventStreamResponse(told, feed.close, limit_headers(self._admission))

    async def _detached(self, making: Making, wanted: Preferences, held: ExitStack) -> Response:
        """Let the work be a job, which goes on whoever hangs up."""
        found = await self._api.jobs.begin(
            making.caller.name, wanted.key, await making.digest(), making.as_job, held
        )
        if wanted.key is None and not wanted.later:
            self._passing = found.record
        stream = making.asked.stream and not wanted.later
        if found.job is None:
            return replayed(found.record, stream=stream)
        if wanted.later and not making.is_ephemeral:
            return await self._later(found, found.job, wanted)
        if stream:
            return await self._followed(found, found.job)
        outcome = await unless_gone(self._request.receive, found.job.ended())
        return self._ended(outcome, found, found.job)

    async def _later(self, found: Found, job: Job, wanted: Preferences) -> Response:
        """A job as the answer; unless the wait for it that was asked for was enough."""
        await unless_gone(self._request.receive, job.begun())
        if wanted.wait:
            await unless_gone(self._request.receive, at_most(wanted.wait, job.ended()))
        if job.outcome is None:
            return accepted(found.record, self._request, limit_headers(job.admission))
        return self._ended(job.outcome, found, job)

    async def _followed(self, found: Found, job: Job) -> Response:
        """The events of a job; an error before all others has its own status, as elsewhere."""
        await unless_gone(self._request.receive, at_most(FIRST_EVENT_SECONDS, job.shown()))
        if job.outcome is not None and job.outcome.error and len(job.frames) == 1:
            return self._ended(job.outcome, found, job)
        headers = {**limit_headers(job.admission), JOB_HEADER: found.record.id}
        return EventStreamResponse(job.follow(), None, headers)

    def _ended(self, outcome: Outcome, found: Found, job: Job) -> Response:
        more = limit_headers(job.admission) if found.is_new else REPLAYED
        return outcome_of(outcome, found.record, more)
