"""One image request on its way through the router, to an answer in each form."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from routercore.engine.setup import Caller
from routercore.router import Router
from routercore.server.answering import Answerer, Shape
from routercore.server.bodies import Account
from routercore.server.events import completed_frames, item_frames
from routercore.server.faults import Redactor
from routercore.server.job import Job
from routercore.server.reading import Asked
from routercore.server.records import Outcome
from routercore.state.fingerprint import fingerprint, hashed
from routercore.values.events import Completed, StreamItem
from routercore.values.images import ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What is asked, and by whom."""

    router: Router
    answerer: Answerer
    redactor: Redactor
    id: str
    """The request's."""
    origin: str
    """Where its client found this server."""
    asked: Asked
    caller: Caller
    account: Account
    """Of the memory that all requests share."""

    @property
    def is_ephemeral(self) -> bool:
        return self._shape.is_ephemeral

    async def _result(self, job: Job) -> ImageResult:
        """Make the images."""
        return await self.router.engine.generate(
            self.asked.request, self.caller, request_id=self.id, on_admission=job.admit,
            watch=job.watch,
        )  # fmt: skip

    def _items(self, job: Job) -> AsyncIterator[StreamItem]:
        """Make the images, and tell of what comes before them."""
        return self.router.engine.stream(
            self.asked.request, self.caller, request_id=self.id, on_admission=job.admit,
            watch=job.watch,
        )  # fmt: skip

    @property
    def _shape(self) -> Shape:
        return Shape(request=self.asked.request, origin=self.origin)

    def shape(self) -> Mapping[str, Any]:
        """What another process needs to answer this."""
        return self._shape.written()

    async def as_job(self, job: Job) -> Outcome:
        """Do it all, and tell the job of it as it happens."""
        job.watch.take = self.account.take
        result = await (self._streamed(job) if self.asked.stream else self._made(job))
        outcome = await self.answerer.outcome(result, self._shape, self.caller.name)
        return replace(outcome, frames=tuple(job.frames))

    async def _made(self, job: Job) -> ImageResult:
        result = await self._result(job)
        for frame in completed_frames(result, self.asked.request, self.redactor):
            job.tell(frame)
        return result

    async def _streamed(self, job: Job) -> ImageResult:
        result: ImageResult | None = None
        async for item in self._items(job):
            for frame in item_frames(item, self.asked.request, self.redactor):
                job.tell(frame)
            if isinstance(item, Completed):
                result = item.result
        assert result is not None
        return result

    async def digest(self) -> str:
        """What tells this request from every other."""
        return await hashed(self.asked.request, self._digest)

    def _digest(self) -> str:
        request = self.asked.request
        of_the_answer = (
            self.asked.stream, request.response_format, request.partial_images,
            request.user, request.safety_identifier, request.max_price,
        )  # fmt: skip
        text = fingerprint(self.caller.name, request) + repr(of_the_answer)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
