"""Together: pixels instead of sizes, ``base64`` instead of ``b64_json``, edits by the same path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi, error
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    encoded,
    flag,
    is_picture,
    items,
    number,
    text,
    whole,
    word,
)

IMAGE = encoded(is_picture, prefixed=True)
GOOGLE: Mapping[str, Check] = {
    "model": word("google/gemini-3-pro-image"), "prompt": text(), "width": whole(64, 4096, 8),
    "height": whole(64, 4096, 8), "n": whole(2, 4), "output_format": word("jpeg", "png"),
    "response_format": word("base64", "url"), "reference_images": items(IMAGE, 14),
}  # fmt: skip
DIFFUSION = {
    **GOOGLE, "model": word(
        "black-forest-labs/FLUX.1-schnell", "black-forest-labs/FLUX.1-kontext-pro",
        "black-forest-labs/FLUX.2-dev",
    ),
    "steps": whole(1, 100), "seed": whole(0, 2**63), "guidance_scale": number(0, 30),
    "negative_prompt": text(), "image_url": IMAGE, "disable_safety_checker": flag,
    "aspect_ratio": word("1:1", "3:2", "2:3", "16:9", "9:16", "4:3", "3:4"),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "together"
    works: ClassVar = {
        "generate": Work(
            model="black-forest-labs/FLUX.1-schnell",
            settings={"size": "1024x768", "n": 2, "seed": 8, "output_format": "png"},
        ),
        "Google's": Work(
            model="google/gemini-3-pro-image",
            settings={"size": "1024x1024", "output_format": "jpeg"},
        ),
        "edit": Work(
            model="black-forest-labs/FLUX.1-kontext-pro", images=1,
            settings={"output_format": "jpeg"},
        ),
        "edit of two": Work(
            model="black-forest-labs/FLUX.2-dev", images=2,
            settings={"size": "1024x1024", "output_format": "png"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        **ImagesApi.instead, "refuse": error(422, "NSFW content was detected in the prompt"),
    }  # fmt: skip

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        asked = request.json
        is_google = isinstance(asked, dict) and str(asked.get("model")).startswith("google/")
        body = self.accept(asked, GOOGLE if is_google else DIFFUSION, ("model", "prompt"))
        if {"image_url", "reference_images"} <= set(body):
            self.complain("both image_url and reference_images")
        return self.answer(body)

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        size = f"{body.get('width', 1024)}x{body.get('height', 1024)}"
        format = body.get("output_format", "jpeg")
        data: list[dict[str, Any]] = []
        for index in range(body.get("n", 1)):
            if body.get("response_format", "url") == "base64":
                one = {"type": "b64_json", "b64_json": self.encoded(size, format)}
            else:
                one = {"type": "url", "url": self.host(body["prompt"], self.make(size, format))}
            data.append({"index": index, **one})
        return Reply(200, {"id": "oX9", "model": body["model"], "object": "list", "data": data})
