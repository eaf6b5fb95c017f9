"""Seedream by ByteDance: almost OpenAI's Images API, with pictures and failures in one list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    InputSize,
    ModelCard,
    OneShot,
    Provider,
    ProviderFailed,
    Task,
    at,
    bearer,
    call,
    classify_status,
    compact,
    fail,
    hookimpl,
    list_at,
    post_json,
    text_at,
)
from routercore_bytedance_seedream.models import CARDS
from routercore_bytedance_seedream.series import OPTIONS, image_of, refuse_impossible, streamed

__all__ = ["Seedream"]

IN_CHINA = ".volces.com/"
"""Where ids have the owner's name before them."""
CODES = (
    ("InputTextSensitiveContent", Fault.REFUSED),
    ("InputImageSensitiveContent", Fault.REFUSED),
    ("OutputImageSensitiveContent", Fault.REFUSED_RESULT),
    ("AuthenticationError", Fault.UNAUTHENTICATED),
    ("AccountOverdue", Fault.QUOTA),
    ("QuotaExceeded", Fault.QUOTA),
    ("InvalidEndpointOrModel", Fault.MODEL_NOT_FOUND),
    ("ModelNotOpen", Fault.FORBIDDEN),
    ("RateLimitExceeded", Fault.RATE_LIMITED),
    ("ModelAccount", Fault.RATE_LIMITED),
    ("ServerOverloaded", Fault.OVERLOADED),
    ("InvalidParameter", Fault.INVALID_REQUEST),
    ("MissingParameter", Fault.INVALID_REQUEST),
)
"""How codes begin; what follows is detail, such as ``.PolicyViolation``."""


class Seedream(OneShot):
    """BytePlus ModelArk, and with another base URL Volcengine Ark."""

    name = "bytedance-seedream"
    auth = bearer("ARK_API_KEY")
    origins = ("https://ark.ap-southeast.bytepluses.com/api/v3",)
    own_options = OPTIONS

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def generate(self, task: Task) -> Flow[Generated]:
        refuse_impossible(task)
        request = self.build(task)
        if not _streams(task):
            return self.parse(task, (yield from call(request)))
        head, body = yield from streamed(task, request)
        return self.made(head, body)

    def build(self, task: Task) -> HttpRequest:
        pictures = [image.data_url for image in task.images]
        body = {
            "model": _model(task),
            "prompt": task.prompt,
            "image": pictures[0] if len(pictures) == 1 else pictures or None,
            "size": _size(task),
            "seed": task.seed,
            "output_format": task.output_format,
            "response_format": "b64_json",
            "watermark": False,
            "stream": True if _streams(task) else None,
            **task.options,
        }
        return post_json(task.url("/images/generations"), compact(body))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        return self.made(response, response.json())

    def made(self, response: HttpResponse, body: Any) -> Generated:
        """The pictures of an answer, or why there is none."""
        items = list_at(body, "data")
        images = tuple(image for item in items if (image := image_of(item)) is not None)
        if images:
            return Generated(
                images=images, size=text_at(items, 0, "size"), model=text_at(body, "model")
            )
        errors = [error for item in items if (error := at(item, "error"))]
        error = at(body, "error") or next(iter(errors), None)
        if error is None:
            raise fail(Fault.NO_IMAGE, "the answer has no image")
        raise ProviderFailed(_failure(response, error))

    def classify(self, response: HttpResponse) -> Failure:
        return _failure(response, at(response.object(), "error"))


def _failure(response: HttpResponse, error: Any) -> Failure:
    """What an error means, whether it came alone or in the place of a picture."""
    code = text_at(error, "code") or ""
    failure = classify_status(
        response,
        text_at(error, "message") or "",
        code=code or None,
        param=text_at(error, "param"),
    )
    for start, fault in CODES:
        if code.startswith(start):
            is_refusal = "SensitiveContent" in code
            return replace(failure, fault=fault, charge=Charge.NONE if is_refusal else None)
    return replace(failure, fault=Fault.SERVER_ERROR) if response.is_success else failure


def _model(task: Task) -> str:
    in_china = IN_CHINA in f"{task.base_url}/" and task.model.startswith("seed")
    return f"doubao-{task.model}" if in_china else task.model


def _size(task: Task) -> str | None:
    if isinstance(task.card.sizes, InputSize):
        return "adaptive"
    return str(task.size) if task.size else None


def _streams(task: Task) -> bool:
    return task.stream and task.card.partial_images > 0


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Seedream()]
