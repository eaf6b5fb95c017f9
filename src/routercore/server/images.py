"""The endpoints that make images."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routercore.engine.setup import Caller
from routercore.router import Router
from routercore.server.answers import answer_parts, result_headers
from routercore.server.auth import caller_of
from routercore.server.bodies import Account, Memory
from routercore.server.edge import ID_KEY
from routercore.server.events import Feed, frames
from routercore.server.faults import Redactor, limit_headers
from routercore.server.files import Shelf, StoreFailedError
from routercore.server.reading import Asked, read_asked
from routercore.server.replies import EventStreamResponse, PartsResponse, unless_gone
from routercore.values.errors import RequestError
from routercore.values.images import ImageRequest, ImageResult, ResponseFormat
from routercore.values.limits import UNLIMITED, Admission

FORMS: Mapping[ResponseFormat, tuple[str, ...]] = {
    ResponseFormat.URL: ("url",),
    ResponseFormat.B64_JSON: ("b64_json",),
    ResponseFormat.B64_EPHEMERAL: ("b64_json",),
}


class ImagesApi:
    """``/images/generations`` and ``/images/edits``."""

    def __init__(self, router: Router, shelf: Shelf, redactor: Redactor) -> None:
        self.router = router
        self.setup = router.engine.setup.server
        self.memory = Memory(self.setup.max_buffered_bytes)
        self.shelf = shelf
        self.redactor = redactor

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

    def _admitted(self, admission: Admission) -> None:
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(self._api.router, scope["headers"])
        with self._api.memory.account() as account:
            asked = await self._read(account)
            work = self._stream if asked.stream else self._answer
            response = await work(asked, caller)
            await response(scope, receive, send)

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

    async def _answer(self, asked: Asked, caller: Caller) -> Response:
        request, id = asked.request, self._request.scope[ID_KEY]
        work = self._api.router.engine.generate(
            request, caller, request_id=id, on_admission=self._admitted
        )
        result: ImageResult = await unless_gone(self._request.receive, work)
        form = request.response_format
        forms = FORMS[form] if form else self._api.setup.default_response
        urls = await self._urls(result, caller, forms)
        inline = "b64_json" in forms or urls[0] is None
        parts = answer_parts(result, request, urls, self._api.redactor, inline=inline)
        return PartsResponse(parts, {**result_headers(result), **limit_headers(self._admission)})

    async def _urls(
        self, result: ImageResult, caller: Caller, forms: tuple[str, ...]
    ) -> list[str | None]:
        if "url" not in forms:
            return [None] * len(result.images)
        try:
            return [*await self._api.shelf.urls(result.images, self._request, caller.name)]
        except StoreFailedError:
            if "b64_json" not in forms:
                raise
            return [None] * len(result.images)  # The client has the image all the same.

    async def _stream(self, asked: Asked, caller: Caller) -> Response:
        request: ImageRequest = asked.request
        id = self._request.scope[ID_KEY]
        items = self._api.router.engine.stream(
            request, caller, request_id=id, on_admission=self._admitted
        )
        feed = Feed(items)
        try:
            await unless_gone(self._request.receive, feed.begin())
        except BaseException:
            await feed.close()
            raise
        told = frames(feed, request, self._api.redactor, id)
        return EventStreamResponse(told, feed.close, limit_headers(self._admission))
