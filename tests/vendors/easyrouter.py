"""easyrouter.io: both forms of a picture side by side; edits as at OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on, pixels
from tests.vendors.shape import (
    digits,
    either,
    encoded,
    exactly,
    is_mask,
    is_picture,
    items,
    pattern,
    record,
    text,
    upload,
    whole,
    word,
)

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
PICTURE = record(
    ("type", "image_url"), type=exactly("image_url"),
    image_url=record(("url",), url=encoded(is_picture, prefixed=True)),
)  # fmt: skip
TEXT = record(("type", "text"), type=exactly("text"), text=text())
CHAT = {
    "model": word("gemini-3.1-flash-image-preview"),
    "messages": items(
        record(("role", "content"), role=exactly("user"),
               content=either(text(), items(either(TEXT, PICTURE), 17))), 1,
    ),
    "modalities": items(word("text", "image"), 2),
    "image_config": record(aspect_ratio=pattern(r"\d+:\d+"), image_size=word("1K", "2K", "4K")),
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
        "chat": Work(
            model="gemini-3.1-flash-image-preview",
            settings={"aspect_ratio": "3:2", "resolution": "2K"},
        ),
        "chat edit": Work(
            model="gemini-3.1-flash-image-preview", settings={"aspect_ratio": "1:1"}, images=2
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

    @on("POST", "/v1/chat/completions")
    def chat(self, request: Request) -> Reply:
        body = self.accept(request.json, CHAT, ("model", "messages", "modalities"))
        content = body["messages"][0]["content"]
        self.begin(content if isinstance(content, str) else content[0]["text"])
        shape = body.get("image_config", {})
        megapixels = {"2K": 4.0, "4K": 16.0}.get(shape.get("image_size"), 1.0)
        image = self.encoded(pixels(shape.get("aspect_ratio", "1:1"), megapixels), "png")
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
        message = {"role": "assistant", "content": "Here it is.", "images": [part]}
        return Reply(200, {"choices": [{"index": 0, "message": message}]})

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
