"""easyrouter.io: both forms of a picture side by side; edits as at OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import digits, is_mask, is_picture, pattern, text, upload, whole, word

FIELDS = {
    "model": word("gpt-image-1", "gpt-image-2", "dall-e-2", "dall-e-3"), "prompt": text(32_000),
    "n": whole(1, 10), "size": pattern(r"auto|\d+x\d+"), "quality": text(),
    "background": word("transparent", "opaque", "auto"), "moderation": word("low", "auto"),
    "style": text(), "user": text(),
}  # fmt: skip


EDIT = {
    "model": word("gpt-image-1", "gpt-image-2", "dall-e-2"), "prompt": text(1000),
    "image": upload(is_picture), "mask": upload(is_mask("alpha")), "n": digits(1, 10),
    "size": pattern(r"\d+x\d+"), "quality": text(), "user": text(),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "easyrouter"
    works: ClassVar = {
        "generate": Work(model="gpt-image-1", settings={"size": "1024x1024", "quality": "high"}),
        "dall-e-3": Work(
            model="dall-e-3",
            settings={"size": "1792x1024", "style": "vivid", "n": 2},
            calls=2,
            warnings=("n",),
        ),
        "edit": Work(model="gpt-image-1", settings={"size": "1024x1024"}, images=1),
        "inpaint": Work(
            model="gpt-image-1", settings={"size": "1024x1024"}, images=1, has_mask=True
        ),
    }

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, FIELDS, ("model", "prompt"))
        if body["model"] == "dall-e-3" and body.get("n", 1) > 1:
            self.complain("dall-e-3 makes one picture at a time")
        return self.answer(body, body.get("n", 1))

    @on("POST", "/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        form = self.accept(request.form, EDIT, ("image", "prompt"))
        return self.answer(form, int(form.get("n", 1)))

    def answer(self, body: Mapping[str, Any], n: int) -> Reply:
        self.begin(body["prompt"])
        data: list[dict[str, Any]] = []
        for _ in range(n):
            encoded = self.encoded(body.get("size", "1024x1024"), "png")
            data.append({"b64_json": encoded, "url": self.host(body["prompt"], self.made[-1])})
        usage = {
            "input_tokens": 10, "output_tokens": 100, "total_tokens": 110,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
        }  # fmt: skip
        return Reply(200, {"created": 1795219200, "data": data, "usage": usage})
