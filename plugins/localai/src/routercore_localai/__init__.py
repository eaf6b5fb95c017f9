"""LocalAI: OpenAI's Images API, with input images in JSON and a path of its own for masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    HttpRequest,
    MaskPolarity,
    ModelCard,
    Operation,
    Provider,
    Row,
    Task,
    bearer,
    hookimpl,
    post_form,
    post_json,
    usd,
)

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset(Operation),
    sizes=AnySize(),
    choose_format=False,
    forms=(Form.BASE64, Form.URL),
    max_n=4,
    max_images=4,
    mask=MaskPolarity.WHITE,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"operations", "sizes", "max_n", "max_images", "latency"}),
)
"""Any model that was installed on the server, under the name that it was given there."""
NEGATION = "|"
"""What stands between a prompt and a negative prompt; a prompt cannot have it."""


class LocalAI(Row):
    """A row that edits by JSON, and inpaints at a path of its own."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        body = self.body(task)
        if task.operation is Operation.INPAINT:
            body.pop("response_format", None)
            return post_form(task.url("/images/inpainting"), self._parts(task, body))
        pictures = [image.base64 for image in task.images]
        if len(pictures) == 1:
            body["file"] = pictures[0]
        elif pictures:
            body["ref_images"] = pictures
        return post_json(task.url(self.generations_path), body)

    def body(self, task: Task) -> dict[str, Any]:
        body = super().body(task)
        if task.negative_prompt:
            plain = task.prompt.replace(NEGATION, " ")
            body["prompt"] = f"{plain}{NEGATION}{task.negative_prompt}"
        return body


LOCALAI = LocalAI(
    name="localai",
    auth=bearer("LOCALAI_API_KEY", optional=True),
    origins=("http://127.0.0.1:8080/v1",),
    cards=(ANY,),
    response_format="b64_json",
    lists_other_models=True,
    setting_fields={"negative_prompt": None},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [LOCALAI]
