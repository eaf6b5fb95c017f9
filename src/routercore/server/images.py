"""The endpoints that make images."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routercore.engine.setup import Caller
from routercore.engine.wishes import refuse_imageless
from routercore.router import Router
from routercore.server.answering import Answerer
from routercore.server.auth import caller_of
from routercore.server.bodies import Account, Memory
from routercore.server.edge import ID_KEY, REFERENCE_KEY
from routercore.server.events import FIRST_EVENT_SECONDS
from routercore.server.faults import Redactor, limit_headers
from routercore.server.files import Shelf
from routercore.server.job import Found, Job, Order
from routercore.server.jobs import Jobs
from routercore.server.making import Making
from routercore.server.preferences import Preferences, preferences_of
from routercore.server.reading import Asked, read_asked
from routercore.server.records import Outcome
from routercore.server.replies import EventStreamResponse, unless_gone
from routercore.server.tracking import (
    JOB_HEADER,
    REPLAYED,
    accepted,
    at_most,
    outcome_of,
    replayed,
)


class ImagesApi:
    """``/images/generations`` and ``/images/edits``."""

    def __init__(
        self, router: Router, shelf: Shelf, answerer: Answerer, redactor: Redactor, jobs: Jobs
    ) -> None:
        self.router = router
        self.setup = router.engine.setup.server
        self.memory = Memory(self.setup.max_buffered_bytes)
        self.shelf, self.answerer = shelf, answerer
        self.redactor = redactor
        self.jobs = jobs

    async def generations(self, request: Request) -> Response:
        return _Work(self, request, needs_image=False)

    async def edits(self, request: Request) -> Response:
        return _Work(self, request, needs_image=True)

    async def edits_or_text(self, request: Request) -> Response:
        return _Work(self, request, needs_image=False)


class _Work(Response):
    """One request's work, a job that its client waits for, and its answer."""

    def __init__(self, api: ImagesApi, request: Request, *, needs_image: bool) -> None:
        super().__init__()
        self._api = api
        self._jobs = api.jobs
        self._request = request
        self._needs_image = needs_image

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(self._api.router, scope["headers"])
        wanted = preferences_of(self._request)
        with ExitStack() as held:
            account = held.enter_context(self._api.memory.account())
            asked = await self._read(account)
            making = self._making(asked, caller, account)
            order = await self._order(making, wanted)
            found = await self._jobs.begin(order, making.as_job, held)
        if found.job is None:
            stream = asked.stream and not wanted.later
            await replayed(found.record, stream=stream)(scope, receive, send)
            return
        with self._jobs.waiting(found.job):
            response = await self._response(found, found.job, making, wanted)
            await response(scope, receive, send)
        await self._jobs.delivered(found.job)

    def _making(self, asked: Asked, caller: Caller, account: Account) -> Making:
        api = self._api
        return Making(
            router=api.router, answerer=api.answerer, redactor=api.redactor,
            id=self._request.scope[ID_KEY], origin=api.shelf.origin(self._request),
            asked=asked, caller=caller, account=account,
        )  # fmt: skip

    async def _order(self, making: Making, wanted: Preferences) -> Order:
        """An ephemeral result cannot be submitted: nobody could come back for it."""
        return Order(
            id=making.id,
            owner=making.caller.name,
            key=wanted.key,
            reference=self._request.scope[REFERENCE_KEY],
            request_hash=await making.digest() if wanted.key is not None else "",
            shape=making.shape(),
            is_submitted=wanted.later and not making.is_ephemeral,
            is_ephemeral=making.is_ephemeral,
        )

    async def _read(self, account: Account) -> Asked:
        setup = self._api.setup
        asked = await read_asked(
            self._request, limit=setup.max_body_bytes, account=account,
            default_model=setup.default_model,
        )  # fmt: skip
        if self._needs_image:
            refuse_imageless(asked.request.images)
        return asked

    async def _response(
        self, found: Found, job: Job, making: Making, wanted: Preferences
    ) -> Response:
        if wanted.later and not making.is_ephemeral:
            return await self._later(found, job, wanted)
        if making.asked.stream:
            return await self._followed(found, job)
        outcome = await unless_gone(self._request.receive, job.ended())
        return self._ended(outcome, found, job)

    async def _later(self, found: Found, job: Job, wanted: Preferences) -> Response:
        """A job as the answer, whatever became of it since it was let in; unless it was refused,
        or the wait for it that was asked for was enough."""
        await unless_gone(self._request.receive, job.begun())
        if wanted.wait:
            await unless_gone(self._request.receive, at_most(wanted.wait, job.ended()))
        is_waited_for = wanted.wait or job.is_dropped or not job.is_admitted
        if job.outcome is None or not is_waited_for:
            return accepted(found.record, self._request, _told(found, job))
        return self._ended(job.outcome, found, job)

    async def _followed(self, found: Found, job: Job) -> Response:
        """The events of a job; an error before all others has its own status."""
        await unless_gone(self._request.receive, at_most(FIRST_EVENT_SECONDS, job.shown()))
        if job.outcome is not None and job.outcome.error and len(job.frames) == 1:
            return self._ended(job.outcome, found, job)
        headers = {**_told(found, job), JOB_HEADER: found.record.id}
        return EventStreamResponse(job.follow(), headers)

    def _ended(self, outcome: Outcome, found: Found, job: Job) -> Response:
        record = None if job.is_dropped else found.record
        return outcome_of(outcome, record, _told(found, job))


def _told(found: Found, job: Job) -> Mapping[str, str]:
    """What is left of the limits; or that an earlier request began the call, and counts for it."""
    return limit_headers(job.admission) if found.is_new else REPLAYED
