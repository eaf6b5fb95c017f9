"""Where Recraft differs from a plain row: its names for settings, its paths, its credits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    Operation,
    RawImage,
    Row,
    Task,
    generated,
    number_at,
    post_form,
    post_json,
    text_at,
)
from routercore_recraft.models import V3_SIZES

USD_PER_UNIT = Decimal("0.001")
EDIT_PATHS = {
    Operation.EDIT: "/images/imageToImage",
    Operation.INPAINT: "/images/inpaint",
}
"""How a model that generates edits."""
TOOL = "images/"
"""How the ids of those cards begin that stand for a path, and for no model."""
STRENGTH = 0.5
"""How far an edit may depart from its picture where the request does not say."""
REFUSAL_WORDS = ("flagged", "nsfw", "moderation", "prohibited")
QUOTA_WORDS = ("not_enough", "insufficient", "credits")


class Recraft(Row):
    """Recraft's API: OpenAI's to generate, and forms of its own to edit."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        body = self.body(task)
        if task.operation is Operation.GENERATE:
            return post_json(task.url(self.generations_path), body)
        is_tool = task.model.startswith(TOOL)
        path = task.model if is_tool else EDIT_PATHS[task.operation]
        return post_form(task.url(path), self._parts(task, body))

    def body(self, task: Task) -> dict[str, Any]:
        body = super().body(task)
        if task.model.startswith(TOOL):
            return _for_tool(task, body)
        return {"strength": STRENGTH, **body} if task.operation is Operation.EDIT else body

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        body = response.object()
        if "data" not in body and "image" in body:  # What is processed comes alone.
            made = generated([_image(body["image"], task.card.url_lifetime)])
        else:
            made = super().parse(task, response)
        units = number_at(body, "credits")
        if units is None or units < 0:
            return made
        return replace(made, cost_usd=units * USD_PER_UNIT)

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        words = (failure.code or failure.message).lower()
        if failure.fault is not Fault.INVALID_REQUEST:
            return failure
        if any(word in words for word in REFUSAL_WORDS):
            return replace(failure, fault=Fault.REFUSED)
        if any(word in words for word in QUOTA_WORDS):
            return replace(failure, fault=Fault.QUOTA)
        return failure


def _for_tool(task: Task, body: dict[str, Any]) -> dict[str, Any]:
    """The form of a tool: it has no model of its own, and some want no words."""
    dropped = {"background", *({"prompt"} if not task.card.prompt else ())}
    form = {name: value for name, value in body.items() if name not in dropped}
    if "model" not in task.options:
        del form["model"]
    if task.model == "images/variateImage":
        return {"size": str(V3_SIZES.sizes[0]), **form}
    return form


def _image(item: Any, lifetime: float | None) -> RawImage | None:
    inline, url = text_at(item, "b64_json"), text_at(item, "url")
    if inline is not None:
        return RawImage(base64=inline)
    return RawImage(url=url, expires_in=lifetime) if url else None
