"""A service of unknown make that says it is compatible with OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    digits,
    either,
    is_mask,
    is_picture,
    items,
    pattern,
    text,
    upload,
    whole,
    word,
)

FIELDS = {
    "model": word("painter-9"), "prompt": text(), "size": pattern(r"\d+x\d+"), "quality": text(),
    "response_format": word("b64_json", "url"), "output_format": word("png", "jpeg", "webp"),
    "user": text(),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "openai-compatible"
    works: ClassVar = {
        "generate": Work(model="painter-9", settings={"size": "1024x768", "n": 2}),
        "edit": Work(model="painter-9", settings={"size": "1024x1024"}, images=1),
        "inpaint": Work(model="painter-9", settings={"size": "1024x1024"}, images=1, has_mask=True),
    }
    is_host = True

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, {**FIELDS, "n": whole(1, 10)}, ("model", "prompt"))
        return self.answer(body)

    @on("POST", "/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        pictures = either(upload(is_picture), items(upload(is_picture), 16))
        files = {"image": pictures, "image[]": pictures, "mask": upload(is_mask("alpha"))}
        fields = {**FIELDS, **files, "n": digits(1, 10)}
        return self.answer(self.accept(request.form, fields, ("model", "prompt")))

    def answer(self, body: Mapping[str, Any]) -> Reply:
        """URLs, whatever was asked for, as services of this kind are known to give."""
        self.begin(body["prompt"])
        made = [self.make(body["size"]) for _ in range(int(body.get("n", 1)))]
        return Reply(200, {"data": [{"url": self.host(body["prompt"], one)} for one in made]})
