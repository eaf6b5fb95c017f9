"""The server of stable-diffusion.cpp: OpenAI's paths, and extra arguments in the prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    anything,
    digits,
    either,
    is_mask,
    is_picture,
    items,
    number,
    pattern,
    problems,
    record,
    text,
    upload,
    whole,
    word,
)

EXTRA = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>", re.DOTALL)
ARGUMENTS = {
    "negative_prompt": text(), "seed": whole(-1, 2**63), "strength": number(0, 1),
    "sample_params": record(sample_steps=whole(1, 150)),
}  # fmt: skip
PICTURES = either(upload(is_picture), items(upload(is_picture), 16))
COMMON: Mapping[str, Check] = {
    "prompt": text(), "size": pattern(r"\d+x\d+"), "model": anything, "response_format": anything,
}  # fmt: skip
GENERATE = {
    **COMMON, "n": whole(1, 8), "output_format": word("png", "jpeg", "webp"),
    "output_compression": whole(0, 100),
}  # fmt: skip
EDIT = {
    **COMMON, "n": digits(1, 8), "output_format": word("png", "jpeg"),
    "output_compression": digits(0, 100), "image": PICTURES, "image[]": PICTURES,
    "mask": upload(is_mask("white")),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "sdcpp"
    works: ClassVar = {
        "generate": Work(
            model="sd-cpp-local", cost="0", basis="table",
            settings={"size": "512x512", "n": 2, "seed": 7, "output_format": "webp"},
        ),
        "edit": Work(
            model="sd-cpp-local", images=2, cost="0", basis="table",
            settings={"size": "512x512", "negative_prompt": "fog", "output_format": "jpeg"},
        ),
        "inpaint": Work(
            model="sd-cpp-local", images=1, has_mask=True, cost="0", basis="table",
            settings={"size": "512x512", "output_format": "png"},
        ),
    }  # fmt: skip
    refusals: ClassVar = {}
    """It has no filter."""

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        return self.answer(self.accept(request.json, GENERATE, ("prompt",)))

    @on("POST", "/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        form = self.accept(request.form, EDIT, ("prompt",))
        if ("image" in form) is ("image[]" in form):
            self.complain("neither or both of image and image[]")
        return self.answer(form)

    def answer(self, body: Mapping[str, Any]) -> Reply:
        for found in EXTRA.findall(body["prompt"]):
            self.complaints += map(str, problems(json.loads(found), ARGUMENTS))
        self.begin(body["prompt"])
        format = body.get("output_format", "png")
        data = [
            {"b64_json": self.encoded(body.get("size", "512x512"), format)}
            for _ in range(int(body.get("n", 1)))
        ]
        return Reply(200, {"created": 1795219200, "output_format": format, "data": data})
