"""LocalAI: OpenAI's path with input pictures in the JSON, and a path of its own for masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    digits,
    either,
    encoded,
    exactly,
    is_mask,
    is_picture,
    items,
    pattern,
    text,
    upload,
    whole,
)

IMAGE = either(encoded(is_picture), encoded(is_picture, prefixed=True))
FIELDS: Mapping[str, Check] = {
    "model": text(), "prompt": text(), "size": pattern(r"\d+x\d+"), "n": whole(1, 10),
    "response_format": exactly("b64_json"), "step": whole(1, 100), "mode": whole(0, 10),
    "file": IMAGE, "files": items(IMAGE, 16), "ref_images": items(IMAGE, 16), "quality": text(),
}  # fmt: skip
INPAINT = {
    "model": text(), "prompt": text(), "steps": digits(1, 100), "image": upload(is_picture),
    "mask": upload(is_mask("white")),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "localai"
    works: ClassVar = {
        "generate": Work(
            model="flux.1-dev", settings={"size": "512x512", "n": 2}, cost="0", basis="table"
        ),
        "negative": Work(model="flux.1-dev", settings={"negative_prompt": "fog"}),
        "edit": Work(model="flux.1-dev", settings={"size": "512x512"}, images=2),
        "inpaint": Work(model="dreamshaper", images=1, has_mask=True),
    }
    refusals: ClassVar = {}
    """It has no filter."""

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, FIELDS, ("model", "prompt"))
        return self.answer(body)

    @on("POST", "/v1/images/inpainting")
    def inpaint(self, request: Request) -> Reply:
        fields = ("model", "prompt", "image", "mask")
        return self.answer({**self.accept(request.form, INPAINT, fields), "n": 1})

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        size = body.get("size", "512x512")
        data = [self.item(body, size=size) for _ in range(body.get("n", 1))]
        return Reply(200, {"created": 1795219200, "data": data})
