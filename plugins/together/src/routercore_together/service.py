"""Where Together differs from a plain row: pixels as numbers, edits as JSON on the same path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    HttpRequest,
    HttpResponse,
    ModelCard,
    Row,
    Task,
    post_json,
    text_at,
)

BY_REFERENCE = ("FLUX.2-", "gemini-", "flash-image-")
"""How models are called that take a list of references, and not one picture."""


class Together(Row):
    """Together's Images API."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url(self.generations_path), self.body(task))

    def body(self, task: Task) -> dict[str, Any]:
        own: dict[str, Any] = {}
        if task.size is not None:
            own |= {"width": task.size.width, "height": task.size.height}
        images = [image.data_url for image in task.images]
        if images and task.model.rpartition("/")[2].startswith(BY_REFERENCE):
            own["reference_images"] = images
        elif images:
            own["image_url"] = images[0]
        body = {**own, **super().body(task)}
        body.pop("size", None)
        return body

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        # A refusal has no documented code (November 2026).
        if failure.fault is Fault.INVALID_REQUEST and "nsfw" in failure.message.lower():
            return replace(failure, fault=Fault.REFUSED)
        return failure

    def discovered(self, entry: Mapping[str, Any]) -> ModelCard | None:
        if text_at(entry, "type") not in (None, "image"):
            return None
        return super().discovered(entry)
