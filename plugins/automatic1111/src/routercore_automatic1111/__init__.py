"""Automatic1111's web UI, and Forge: one exchange a batch, checkpoints as models."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from routercore.provider import (
    Failure,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Operation,
    Option,
    Provider,
    RawImage,
    Task,
    at,
    call,
    classify_status,
    compact,
    generated,
    get,
    hookimpl,
    list_at,
    post_json,
    text_at,
    whole_at,
)
from routercore_automatic1111.models import ANY, LOADED

__all__ = ["Automatic1111"]


@dataclass(frozen=True, slots=True)
class Basic:
    """``user:password``, as the server takes it when it was started with ``--api-auth``."""

    env: str
    optional: bool = True

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        token = b64encode(secret.encode()).decode("ascii")
        return request.with_headers({"authorization": f"Basic {token}"})


class Automatic1111(OneShot):
    """The API of a server that was started with ``--api``."""

    name = "automatic1111"
    auth = Basic("AUTOMATIC1111_AUTH")
    origins = ("http://127.0.0.1:7860",)
    own_options: ClassVar = {"override_settings": Option(kinds=(dict,))}

    def catalogue(self) -> Sequence[ModelCard]:
        return (LOADED, ANY)

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The checkpoints that the server has."""
        response = yield from call(get(f"{base_url}/sdapi/v1/sd-models"))
        found = [text_at(entry, "model_name") for entry in list_at(response.json())]
        names = dict.fromkeys(name for name in found if name and name != LOADED.id)
        return (LOADED, *(ANY.named(name) for name in names))

    def build(self, task: Task) -> HttpRequest:
        path = "txt2img" if task.operation is Operation.GENERATE else "img2img"
        body = {
            "prompt": task.prompt,
            "negative_prompt": task.negative_prompt,
            "width": task.width,
            "height": task.height,
            "seed": task.seed,
            "batch_size": task.n,
            "init_images": [image.base64 for image in task.images] or None,
            "mask": task.mask and task.mask.base64,
            **task.options,
        }
        if task.model != LOADED.id:
            chosen = {"sd_model_checkpoint": task.model}
            body["override_settings"] = {**chosen, **_table(task.options.get("override_settings"))}
        return post_json(task.url(f"/sdapi/v1/{path}"), compact(body))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        body = response.json()
        told = _told(body)
        # A grid of all may come before them, and what extensions drew behind them.
        first = max(0, whole_at(told, "index_of_first_image") or 0)
        pictures = list_at(body, "images")
        pictures = pictures[first : first + task.n] or pictures
        images = (
            RawImage(base64=picture, seed=whole_at(told, "all_seeds", number))
            for number, picture in enumerate(pictures)
            if isinstance(picture, str) and picture
        )
        return generated(images, model=text_at(told, "sd_model_name"))

    def classify(self, response: HttpResponse) -> Failure:
        body = response.object()
        words = text_at(body, "errors") or text_at(body, "detail") or text_at(body, "error") or ""
        problem = at(body, "detail", 0)
        if problem is not None:
            place = ".".join(map(str, list_at(problem, "loc")[1:]))
            return classify_status(response, f"{place}: {text_at(problem, 'msg')}", param=place)
        return classify_status(response, words, code=text_at(body, "error"))


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _told(body: Any) -> Any:
    """What the server tells of a batch: JSON within the JSON, and empty at some look-alikes."""
    try:
        return json.loads(text_at(body, "info") or "{}")
    except (ValueError, RecursionError):
        return {}


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Automatic1111()]
