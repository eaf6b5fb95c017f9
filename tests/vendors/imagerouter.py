"""imagerouter.io."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    is_mask,
    is_picture,
    pattern,
    text,
    upload,
    word,
)

FIELDS = {
    "model": pattern(r"[\w.-]+/[\w.:-]+"), "prompt": text(), "size": pattern(r"auto|\d+x\d+"),
    "quality": word("auto", "low", "medium", "high"),
    "response_format": word("url", "b64_json", "b64_ephemeral"),
    "output_format": word("png", "jpeg", "webp"),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "imagerouter"
    works: ClassVar = {
        "generate": Work(
            model="test/test", settings={"size": "1024x1024", "quality": "low"}, cost=None
        ),
        "another model": Work(
            model="black-forest-labs/FLUX-1-schnell:free",
            settings={"size": "1024x1024", "output_format": "png"},
        ),
        "edit": Work(model="openai/gpt-image-2", settings={"size": "1024x1024"}, images=2),
        "inpaint": Work(
            model="openai/gpt-image-2", settings={"size": "1024x1024"}, images=1, has_mask=True
        ),
    }

    @on("POST", "/v1/openai/images/generations")
    def generate(self, request: Request) -> Reply:
        return self.answer(self.accept(request.json, FIELDS, ("model", "prompt")))

    @on("POST", "/v1/openai/images/edits")
    def edit(self, request: Request) -> Reply:
        form = request.form
        files = {f"image[{index}]": upload(is_picture) for index in range(16)}
        files |= {"mask[0]": upload(is_mask("alpha")), "mask[]": upload(is_mask("alpha"))}
        if isinstance(found := form.get("image[]"), list):
            form["image[]"] = found[0]
        files["image[]"] = upload(is_picture)
        return self.answer(self.accept(form, {**FIELDS, **files}, ("model", "prompt")))

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        format = body.get("output_format", "webp")
        size = body.get("size", "auto")
        item = self.item(body, size="1024x1024" if size == "auto" else size, format=format)
        return Reply(200, {"created": 1795219200, "data": [item]})
