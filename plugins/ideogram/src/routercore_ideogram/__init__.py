"""Ideogram: forms in, URLs out, one path for each thing that can be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    Header,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Provider,
    RawImage,
    Task,
    at,
    classify_openai,
    generated,
    hookimpl,
    list_at,
    post_form,
    text_at,
    whole_at,
)
from routercore_ideogram.forms import form_of
from routercore_ideogram.models import CARDS

__all__ = ["Ideogram"]


class Ideogram(OneShot):
    """The API at api.ideogram.ai."""

    name = "ideogram"
    auth = Header("IDEOGRAM_API_KEY", "api-key")
    origins = ("https://api.ideogram.ai",)

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        form = form_of(task)
        return post_form(task.url(f"/v1/{form.path}"), form.parts(task))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        items = list_at(response.json(), "data")
        withheld = any(at(item, "is_image_safe") is False for item in items)
        return generated(
            map(_image, items), withheld=withheld, size=text_at(items, 0, "resolution")
        )

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        if response.status == 422:  # What is wrong otherwise comes with 400.
            return replace(failure, fault=Fault.REFUSED)
        return failure


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
