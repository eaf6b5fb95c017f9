"""OpenAI: the Images API itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi, error
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    digits,
    either,
    flag,
    is_mask,
    is_picture,
    items,
    pattern,
    text,
    upload,
    whole,
    word,
)
from tests.vendors.wire import streamed

QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")
FORMATS = ("png", "jpeg", "webp")
TOKENS = {"low": 196, "medium": 439, "high": 1756}
COMMON: Mapping[str, Check] = {
    "prompt": text(32_000),
    "model": word("gpt-image-2.5-flare"),
    "size": pattern(r"auto|\d{3,4}x\d{3,4}"),
    "quality": word(*QUALITIES),
    "background": word("transparent", "opaque", "auto"),
    "output_format": word(*FORMATS),
    "safety_identifier": text(128),
    "user": text(),
}
GENERATION = {
    **COMMON, "n": whole(1, 10), "output_compression": whole(0, 100), "partial_images": whole(0, 3),
    "stream": flag, "moderation": word("auto", "low"),
}  # fmt: skip
EDIT = {
    **COMMON, "n": digits(1, 10), "output_compression": digits(0, 100),
    "image": upload(is_picture), "image[]": either(
        upload(is_picture), items(upload(is_picture), 16)
    ),
    "mask": upload(is_mask("alpha")), "stream": word("true", "false"),
    "partial_images": digits(0, 3),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "openai"
    works: ClassVar = {
        "generate": Work(
            model="gpt-image-2.5-flare",
            settings={"size": "1536x864", "quality": "medium", "output_format": "webp", "n": 2},
            cost="0.0264100", basis="tokens",
        ),
        "edit": Work(
            model="gpt-image-2.5-flare",
            settings={"size": "1024x1024", "quality": "low"}, images=2,
            cost="0.0305260", basis="tokens",
        ),
        "one": Work(
            model="gpt-image-2.5-flare",
            settings={"size": "1024x1024", "quality": "low", "output_format": "jpeg"},
            cost="0.0059500", basis="tokens",
        ),
        "inpaint": Work(
            model="gpt-image-2.5-flare",
            settings={"size": "1024x1024", "quality": "high"}, images=1, has_mask=True,
            cost="0.0650380", basis="tokens",
        ),
    }  # fmt: skip
    streams: ClassVar = ("one", "inpaint")

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, GENERATION, ("prompt",))
        return self.answer(body, int(body.get("n", 1)), 0)

    @on("POST", "/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        return self.edited(request.form, EDIT)

    def edited(self, form: Mapping[str, Any], fields: Mapping[str, Check]) -> Reply:
        body = self.accept(form, fields, ("prompt",))
        found = body.get("image[]", body.get("image"))
        if found is None:
            self.complain("an edit without an image")
            return error(400, "Missing image", param="image")
        return self.answer(body, int(body.get("n", 1)), len(found) if type(found) is list else 1)

    def answer(self, body: Mapping[str, Any], n: int, inputs: int) -> Reply:
        self.begin(body["prompt"])
        size, quality = body.get("size", "auto"), body.get("quality", "auto")
        size = "1024x1024" if size == "auto" else size
        format = body.get("output_format", "png")
        out = n * TOKENS.get(quality, 439)
        text_in, image_in = 14, inputs * 1536
        facts = {
            "background": "opaque", "output_format": format, "quality": quality, "size": size,
        }  # fmt: skip
        usage = {
            "input_tokens": text_in + image_in, "output_tokens": out,
            "input_tokens_details": {"text_tokens": text_in, "image_tokens": image_in},
            "output_tokens_details": {"image_tokens": out, "text_tokens": 0},
            "total_tokens": text_in + image_in + out,
        }  # fmt: skip
        if body.get("stream") in (True, "true"):
            return self.stream(body, "image_edit" if inputs else "image_generation", facts, usage)
        data = [{"b64_json": self.encoded(size, format)} for _ in range(n)]
        return Reply(200, {"created": 1795219200, **facts, "data": data, "usage": usage})

    def stream(self, body: Mapping[str, Any], kind: str, facts: Any, usage: Any) -> Reply:
        """As many pictures in between as were asked for, then the last one."""
        events = []
        for index in range(int(body.get("partial_images", 0))):
            name = f"{kind}.partial_image"
            draft = self.draft(facts["size"], facts["output_format"])
            events.append((name, {"type": name, **facts, "created_at": 1795219200,
                                  "b64_json": draft, "partial_image_index": index}))  # fmt: skip
        final = self.encoded(facts["size"], facts["output_format"])
        name = f"{kind}.completed"
        events.append((name, {"type": name, **facts, "created_at": 1795219200,
                              "b64_json": final, "usage": usage}))  # fmt: skip
        return streamed(*events)
