"""Providers as plugin authors write them. Read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from routercore.provider import (
    Failure,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    NoAuth,
    OneShot,
    Provider,
    RawImage,
    Task,
    bearer,
    call,
    classify_openai,
    hookimpl,
    post_json,
)


class Plain:
    """Anything with the seven members is a provider: no base class."""

    name = "plain"
    api_version = 1
    auth = NoAuth()
    origins = ("https://api.plain.example",)

    def catalogue(self) -> Sequence[ModelCard]:
        return [ModelCard(id="plain-1")]

    def generate(self, task: Task) -> Flow[Generated]:
        reply = yield from call(post_json(task.url("/draw"), {"prompt": task.prompt}))
        return Generated(images=(RawImage(base64=reply.json()["picture"]),))

    def classify(self, response: HttpResponse) -> Failure:
        return classify_openai(response)


class Frugal(OneShot):
    """A rung leaves two methods and the catalogue."""

    name = "frugal"
    auth = bearer("FRUGAL_API_KEY")
    origins = ("https://api.frugal.example",)

    def catalogue(self) -> Sequence[ModelCard]:
        return [ModelCard(id="frugal-1")]

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/draw"), {"prompt": task.prompt})

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        return Generated(images=(RawImage(base64=response.json()["picture"]),))


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """A hook is an ordinary typed function."""
    return [Plain(), Frugal()]
