"""Runware: one URL for everything, tasks in a list, errors beside results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Provider,
    ProviderFailed,
    RawImage,
    Task,
    at,
    bearer,
    classify_status,
    compact,
    fail,
    hookimpl,
    list_at,
    number_at,
    post_json,
    text_at,
    whole_at,
)
from routercore_runware.models import CARDS, DIFFUSED

__all__ = ["Runware"]

FORMATS = {"jpeg": "JPG"}
CODES = {
    "invalidApiKey": Fault.UNAUTHENTICATED,
    "missingApiKey": Fault.UNAUTHENTICATED,
    "insufficientCredits": Fault.QUOTA,
    "invalidProviderContent": Fault.REFUSED,
    "invalidModel": Fault.MODEL_NOT_FOUND,
    "timeoutProvider": Fault.GATEWAY,
}
"""Codes that say more than the status they come with; they may come with 200."""
INVALID = ("invalid", "missing", "unsupported", "conflict")
"""How all other codes begin that find fault with the request."""


class Runware(OneShot):
    """The API at api.runware.ai, over plain HTTP."""

    name = "runware"
    auth = bearer("RUNWARE_API_KEY")
    origins = ("https://api.runware.ai/v1",)

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        body = {
            "taskType": "imageInference",
            "taskUUID": task_id(task),
            "model": task.model,
            "positivePrompt": task.prompt,
            "negativePrompt": task.negative_prompt,
            "width": task.size and task.size.width,
            "height": task.size and task.size.height,
            "numberResults": task.n,
            "seed": task.seed,
            "outputType": "base64Data",
            "outputFormat": _format(task.output_format),
            "includeCost": True,
            **_inputs(task),
            **task.options,
        }
        return post_json(task.base_url, [compact(body)])

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        body = response.json()
        ours = [item for item in list_at(body, "data") if _is_ours(item, task_id(task))]
        images = [image for item in ours if (image := _image(item)) is not None]
        if not images and list_at(body, "errors"):
            raise ProviderFailed(self.classify(response))
        if not images:
            raise fail(Fault.NO_IMAGE, "the answer has no image")
        return Generated(images=tuple(images), cost_usd=_cost(ours))

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200."""
        error = at(response.object(), "errors", 0)
        code = text_at(error, "code") or ""
        failure = classify_status(
            response,
            text_at(error, "message") or "",
            code=code or None,
            param=text_at(error, "parameter"),
        )
        if code in CODES:
            return replace(failure, fault=CODES[code])
        if not response.is_success:
            return failure
        is_invalid = code.startswith(INVALID)
        return replace(failure, fault=Fault.INVALID_REQUEST if is_invalid else Fault.SERVER_ERROR)


def task_id(task: Task) -> str:
    """The id by which the vendor knows the task: a UUID of the fourth version, as it insists."""
    told = f"{task.idempotency_key}\n{task.model}\n{task.prompt}"
    return str(UUID(bytes=sha256(told.encode("utf-8", "replace")).digest()[:16], version=4))


def _inputs(task: Task) -> dict[str, Any]:
    """Input pictures: one to start from where the model does that, references elsewhere."""
    pictures = [image.data_url for image in task.images]
    if not pictures:
        return {}
    if task.mask is not None:
        return {"seedImage": pictures[0], "maskImage": task.mask.data_url}
    if len(pictures) == 1 and task.model.startswith(DIFFUSED):
        return {"seedImage": pictures[0]}
    return {"referenceImages": pictures}


def _format(asked: str | None) -> str | None:
    return FORMATS.get(asked, asked.upper()) if asked else None


def _is_ours(item: Any, id: str) -> bool:
    return (text_at(item, "taskUUID") or id) == id


def _image(item: Any) -> RawImage | None:
    inline = text_at(item, "imageBase64Data") or text_at(item, "imageDataURI")
    url = text_at(item, "imageURL")
    if inline is None and url is None:
        return None
    return RawImage(base64=inline, url=None if inline else url, seed=whole_at(item, "seed"))


def _cost(items: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """What all the pictures cost, if each of them says so."""
    costs = [number_at(item, "cost") for item in items]
    known = [cost for cost in costs if cost is not None and cost >= 0]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Runware()]
