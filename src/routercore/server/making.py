"""One image request on its way through the router, to an answer in each form."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request

from routercore.engine.engine import AdmissionListener
from routercore.engine.setup import Caller
from routercore.router import Router
from routercore.server.answers import answer_parts, result_headers
from routercore.server.edge import ID_KEY
from routercore.server.events import completed_frames, item_frames
from routercore.server.faults import Redactor
from routercore.server.files import Shelf
from routercore.server.jobs import Job
from routercore.server.reading import Asked
from routercore.server.records import Outcome
from routercore.server.replies import Part
from routercore.state.fingerprint import fingerprint, input_bytes
from routercore.values.events import Completed, StreamItem
from routercore.values.images import ImageResult, ResponseFormat, Warning

FORMS: Mapping[ResponseFormat, tuple[str, ...]] = {
    ResponseFormat.URL: ("url",),
    ResponseFormat.B64_JSON: ("b64_json",),
    ResponseFormat.B64_EPHEMERAL: ("b64_json",),
}
NOT_STORED = Warning(
    code="store_failed",
    param="response_format",
    message="the image was made and could not be stored, so it has no URL and is given as base64",
    requested="url",
    delivered="b64_json",
)
"""A picture that is paid for is answered whatever becomes of the store."""
HASH_ON_LOOP = 1024 * 1024
"""Bytes of input that are hashed on the event loop; more of them go to a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What is asked, by whom and over which exchange."""

    router: Router
    shelf: Shelf
    redactor: Redactor
    http: Request
    asked: Asked
    caller: Caller

    @property
    def id(self) -> str:
        """The request's id."""
        return str(self.http.scope[ID_KEY])

    @property
    def is_ephemeral(self) -> bool:
        return self.asked.request.response_format is ResponseFormat.B64_EPHEMERAL

    async def result(self, on_admission: AdmissionListener) -> ImageResult:
        """Make the images."""
        return await self.router.engine.generate(
            self.asked.request, self.caller, request_id=self.id, on_admission=on_admission
        )

    def items(self, on_admission: AdmissionListener) -> AsyncIterator[StreamItem]:
        """Make the images, and tell of what comes before them."""
        return self.router.engine.stream(
            self.asked.request, self.caller, request_id=self.id, on_admission=on_admission
        )

    async def answer(self, result: ImageResult) -> tuple[Mapping[str, str], list[Part]]:
        """Headers and body, in the form that was asked for; in base64 where the store fails."""
        request = self.asked.request
        form = request.response_format
        forms = FORMS[form] if form else self.router.engine.setup.server.default_response
        urls: list[str | None] = [None] * len(result.images)
        if "url" in forms:
            urls = await self.shelf.urls(result.images, self.http, self.caller.name)
            if None in urls:
                result = replace(result, warnings=(*result.warnings, NOT_STORED))
        inline = "b64_json" in forms or None in urls
        parts = answer_parts(result, request, urls, self.redactor, inline=inline)
        return result_headers(result), parts

    async def as_job(self, job: Job) -> Outcome:
        """Do it all, and tell the job of it as it happens."""
        result = await (self._streamed(job) if self.asked.stream else self._made(job))
        headers, parts = await self.answer(result)
        return Outcome(
            status=200, headers=headers, parts=tuple(parts),
            frames=tuple(job.frames), is_ephemeral=self.is_ephemeral,
        )  # fmt: skip

    async def _made(self, job: Job) -> ImageResult:
        result = await self.result(job.admit)
        for frame in completed_frames(result, self.asked.request, self.redactor):
            job.tell(frame)
        return result

    async def _streamed(self, job: Job) -> ImageResult:
        result: ImageResult | None = None
        async for item in self.items(job.admit):
            for frame in item_frames(item, self.asked.request, self.redactor):
                job.tell(frame)
            if isinstance(item, Completed):
                result = item.result
        assert result is not None
        return result

    async def digest(self) -> str:
        """What tells this request from every other."""
        if input_bytes(self.asked.request) > HASH_ON_LOOP:
            return await asyncio.to_thread(self._digest)
        return self._digest()

    def _digest(self) -> str:
        request = self.asked.request
        of_the_answer = (
            self.asked.stream, request.response_format, request.partial_images,
            request.user, request.safety_identifier, request.max_price,
        )  # fmt: skip
        text = fingerprint(self.caller.name, request) + repr(of_the_answer)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
