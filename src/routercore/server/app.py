"""The ASGI application over one router."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routercore.router import Router
from routercore.server.answering import Answerer
from routercore.server.auth import caller_of
from routercore.server.credits import credits_body
from routercore.server.draining import Drain, drained_by_signals
from routercore.server.edge import Edge, raise_again
from routercore.server.estimates import EstimatesApi
from routercore.server.faults import NotFoundError, Redactor
from routercore.server.files import Shelf
from routercore.server.images import ImagesApi
from routercore.server.jobs import Jobs
from routercore.server.listing import ModelsApi
from routercore.server.openapi import document
from routercore.server.queries import flag
from routercore.server.recording import open_records
from routercore.server.recovery import Recovery
from routercore.server.replies import json_reply
from routercore.server.store import Place
from routercore.server.tracking import JobsApi
from routercore.values.errors import RequestError

PREFIXES = ("/v1/openai", "/v1")
"""ImageRouter's clients use the longer one."""
DESCRIPTIONS = ("/openapi.json", "/.well-known/openapi.yaml")
"""The same at both: what is JSON is YAML, too."""


def create_app(
    router: Router,
    *,
    store: Place | None = None,
    owns_router: bool = False,
    drains: bool = False,
) -> Starlette:
    """The application; runs by itself or mounted in another one.

    Args:
        router: what answers. Its configuration's ``[server]`` and ``[store]`` hold here too.
        store: the place where images are kept for their URLs; as configured unless given.
        owns_router: close the router when the application shuts down. An application that is
            mounted is not told of that.
        drains: let the first SIGTERM or SIGINT end what runs before the process hears of it.
    """
    face = _Face(router, store)
    app = Starlette(
        routes=face.routes(),
        middleware=[Middleware(Edge, redactor=face.redactor, drain=face.drain)],
        exception_handlers={HTTPException: raise_again},
        lifespan=_lifespan(face, router if owns_router else None, drains=drains),
    )
    app.router.redirect_slashes = False
    app.state.router = router
    app.state.drain = face.drain
    return app


def _lifespan(face: _Face, router: Router | None, *, drains: bool) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with router or nullcontext():
            await face.shelf.open()
            face.recovery.open()
            with drained_by_signals(face.drain) if drains else nullcontext():
                yield
            await face.recovery.close()
            await face.jobs.close()
            await face.shelf.close()

    return lifespan


class _Face:
    """The plain endpoints, and the table of all."""

    def __init__(self, router: Router, store: Place | None) -> None:
        setup = router.engine.setup
        self._router = router
        self.redactor = Redactor(setup.providers)
        self.shelf = Shelf(setup, store)
        server = setup.server
        self.answerer = Answerer(self.shelf, self.redactor, server.default_response)
        self.records = open_records(setup, router.engine.ledger, self.shelf.store)
        self.jobs = Jobs(
            self.records, self.redactor, finish_abandoned=server.finish_abandoned,
            max_abandoned=server.max_abandoned, tend_seconds=server.job_lease / 3,
        )  # fmt: skip
        self.recovery = Recovery(router, self.records, self.answerer, self.shelf.store)
        self.drain = Drain(self.jobs, self.recovery, server.shutdown_grace)
        self._images = ImagesApi(router, self.shelf, self.answerer, self.redactor, self.jobs)
        self._estimates = EstimatesApi(router, self._images.memory, self.redactor)
        self._tracking = JobsApi(router, self.jobs)
        self._catalogue = ModelsApi(router)

    def routes(self) -> list[Route]:
        routes = [
            Route("/health", self._health),
            *(Route(path, self._openapi) for path in DESCRIPTIONS),
            Route("/files/{name}", self._file),
            Route("/files/{name}", self._delete_file, methods=["DELETE"]),
        ]
        for prefix in PREFIXES:
            routes += [
                Route(f"{prefix}/images/generations", self._images.generations, methods=["POST"]),
                Route(f"{prefix}/images/edits", self._edits(prefix), methods=["POST"]),
                Route(f"{prefix}/images/estimate", self._estimates.estimate, methods=["POST"]),
                Route(f"{prefix}/images/variations", self._variations, methods=["POST"]),
                Route(f"{prefix}/images/jobs/{{id}}", self._tracking.retrieve),
                Route(f"{prefix}/images/jobs/{{id}}", self._tracking.cancel, methods=["DELETE"]),
                Route(f"{prefix}/images/jobs/{{id}}/events", self._tracking.events),
                Route(f"{prefix}/auth/test", self._auth_test, methods=["POST"]),
                Route(f"{prefix}/credits", self._credits),
            ]
        return [*routes, *self._catalogue.routes(PREFIXES)]

    def _edits(self, prefix: str) -> Callable[[Request], Any]:
        """OpenAI wants an image in an edit; ImageRouter serves text alone there too."""
        is_lenient = prefix == PREFIXES[0]
        return self._images.edits_or_text if is_lenient else self._images.edits

    async def _health(self, request: Request) -> Response:
        return json_reply({"status": "ok"})

    async def _openapi(self, request: Request) -> Response:
        return json_reply(document(default_model=self._router.engine.setup.server.default_model))

    async def _auth_test(self, request: Request) -> Response:
        """Says whether a key is good, as ImageRouter's clients ask."""
        caller = caller_of(self._router, request.scope["headers"])
        account = await credits_body(self._router.engine, caller, by_key=False)
        left = account["remaining_credits"]
        return json_reply({"success": True, "name": caller.name, "credits": left})

    async def _credits(self, request: Request) -> Response:
        caller = caller_of(self._router, request.scope["headers"])
        by_key = flag(request.query_params, "by_api_key")
        return json_reply(await credits_body(self._router.engine, caller, by_key=by_key))

    async def _variations(self, request: Request) -> Response:
        caller_of(self._router, request.scope["headers"])
        raise RequestError(
            "Variations are retired. POST /v1/images/edits with the image and a prompt such as"
            " 'a variation of this picture' makes them.",
            code="variations_retired",
        )

    async def _file(self, request: Request) -> Response:
        return await self.shelf.serve(request)

    async def _delete_file(self, request: Request) -> Response:
        caller = caller_of(self._router, request.scope["headers"])
        name = request.path_params["name"]
        if not await self.shelf.delete(name, caller.name):
            raise NotFoundError("There is no such image of this key.")
        return json_reply({"id": name, "object": "image", "deleted": True})
