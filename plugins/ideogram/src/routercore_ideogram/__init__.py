"""Ideogram: forms in, URLs out, one path for each thing that can be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Generated,
    Header,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Operation,
    Part,
    Provider,
    RawImage,
    Task,
    at,
    classify_openai,
    fail,
    fields,
    hookimpl,
    list_at,
    post_form,
    refused,
    text_at,
    whole_at,
)
from routercore_ideogram.models import CARDS, RATIOS, V4

__all__ = ["Ideogram"]

SAME_RATIO = 1.02
"""Sizes are multiples of 32 pixels, so that their shapes are only about those of the ratios."""
V3_PATHS = {
    Operation.GENERATE: "generate",
    Operation.EDIT: "remix",
    Operation.INPAINT: "edit",
}


class Ideogram(OneShot):
    """The API at api.ideogram.ai."""

    name = "ideogram"
    auth = Header("IDEOGRAM_API_KEY", "api-key")
    origins = ("https://api.ideogram.ai",)

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        path = V3_PATHS[task.operation]
        if task.background == "transparent":
            path = "generate-transparent"
        settings = {"prompt": task.prompt, "seed": task.seed, **_settings(task), **task.options}
        return post_form(task.url(f"/v1/{task.model}/{path}"), [*_parts(settings), *_files(task)])

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        items = list_at(response.json(), "data")
        images = [_image(item) for item in items]
        safe = tuple(image for image in images if image is not None)
        if not safe and any(at(item, "is_image_safe") is False for item in items):
            raise refused("no picture was found safe", after_work=True, charge=Charge.UNKNOWN)
        if not safe:
            raise fail(Fault.NO_IMAGE, "the answer has no image")
        return Generated(images=safe, size=text_at(items, 0, "resolution"))

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        if response.status == 422:  # What is wrong otherwise comes with 400.
            return replace(failure, fault=Fault.REFUSED)
        return failure


def _settings(task: Task) -> dict[str, Any]:
    """The form's text fields beyond prompt and seed, by what is asked for."""
    if task.model == V4.id:
        return {}
    settings: dict[str, Any] = {
        "num_images": task.n if task.n > 1 else None,
        "rendering_speed": task.quality,
        "negative_prompt": task.negative_prompt,
        "style_type": task.style.upper() if task.style else None,
    }
    if task.background == "transparent":
        settings["aspect_ratio"] = _ratio(task)
    elif task.operation is not Operation.INPAINT:
        settings["resolution"] = task.size
        settings["aspect_ratio"] = None if task.size else _written(task.aspect_ratio)
    return settings


def _ratio(task: Task) -> str | None:
    """The shape of a transparent picture, which is made from a prompt alone and has no pixels."""
    if task.operation is not Operation.GENERATE:
        raise _unable("an edit cannot be transparent", "background")
    if task.size is None:
        return _written(task.aspect_ratio)
    for text in RATIOS:
        width, height = map(int, text.split(":"))
        if 1 / SAME_RATIO <= task.size.ratio * height / width <= SAME_RATIO:
            return _written(text)
    raise _unable(f"a transparent picture cannot have the shape of {task.size}", "size")


def _unable(message: str, param: str) -> Exception:
    return fail(Fault.UNSUPPORTED, message, param=param, only_here=True)


def _written(ratio: str | None) -> str | None:
    return ratio.replace(":", "x") if ratio else None


def _parts(settings: dict[str, Any]) -> list[Part]:
    """Text parts; a list is a repeated field."""
    single = {name: value for name, value in settings.items() if not isinstance(value, list)}
    many = {name: value for name, value in settings.items() if isinstance(value, list)}
    return [
        *fields(single),
        *(Part(name, str(value)) for name, values in many.items() for value in values),
    ]


def _files(task: Task) -> list[Part]:
    named = [("image", image) for image in task.images]
    if task.mask is not None:
        named.append(("mask", task.mask))
    return [Part(name, image.data, image.filename, image.media_type) for name, image in named]


def _image(item: Any) -> RawImage | None:
    """One picture, unless it was withheld: its URL is then empty, or ought not to be read."""
    url = text_at(item, "url")
    if url is None or at(item, "is_image_safe") is False:
        return None
    return RawImage(url=url, seed=whole_at(item, "seed"), revised_prompt=text_at(item, "prompt"))


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Ideogram()]
