"""The lists of models: OpenAI's, and the three that ImageRouter's clients know."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routercore.engine.models import ModelEntry
from routercore.router import Router
from routercore.server.auth import caller_of
from routercore.server.body import MAX_NAME
from routercore.server.models import list_body, model_body
from routercore.server.queries import Body, narrowed
from routercore.server.replies import json_reply
from routercore.values.errors import ModelNotFoundError

BARE = ("/v2/models", "/v3/models")
"""Lists with nothing around them; what their versions tell is told by all of ours."""


class ModelsApi:
    """Which models a key may use, and what each can do."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def routes(self, prefixes: tuple[str, ...]) -> Iterator[Route]:
        """All lists, and each model below them."""
        for prefix in prefixes:
            yield Route(f"{prefix}/models", self.listed)
            yield Route(f"{prefix}/images/models", self.by_name)
        for path in BARE:
            yield Route(path, self.bare)
        for path in (*(f"{prefix}/models" for prefix in prefixes), *BARE):
            yield Route(f"{path}/{{id:path}}", self.one)

    async def listed(self, request: Request) -> Response:
        """OpenAI's shape."""
        return json_reply(list_body(self._bodies(request)))

    async def bare(self, request: Request) -> Response:
        """The models alone."""
        return json_reply(self._bodies(request))

    async def by_name(self, request: Request) -> Response:
        """An object that has each model under its name; deprecated where it comes from."""
        return json_reply({body["id"]: body for body in self._bodies(request)})

    async def one(self, request: Request) -> Response:
        """A model by any name that a request may give it, with slashes as they are."""
        name, engine = request.path_params["id"], self._router.engine
        for entry in self._entries(request):
            if name == entry.name or name in entry.aliases:
                return json_reply(model_body(entry))
        who = caller_of(self._router, request.scope["headers"])
        if len(name) > MAX_NAME or not who.may_use(name):
            what = f"The model {name[:MAX_NAME]!r} does not exist, or not for this key."
            raise ModelNotFoundError(what)
        return json_reply(model_body(engine.catalogue.entry(name, engine.clock.now().date())))

    def _bodies(self, request: Request) -> list[Body]:
        models = [model_body(entry) for entry in self._entries(request)]
        return narrowed(models, request.query_params)

    def _entries(self, request: Request) -> list[ModelEntry]:
        caller = caller_of(self._router, request.scope["headers"])
        return list(self._router.models(caller=caller))
