"""Automatic1111's web interface: its API behind a name and a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Check,
    Problem,
    either,
    encoded,
    flag,
    is_mask,
    is_picture,
    items,
    number,
    record,
    text,
    whole,
)

COMMON: Mapping[str, Check] = {
    "prompt": text(), "negative_prompt": text(), "width": whole(64, 8192),
    "height": whole(64, 8192), "steps": whole(1, 150), "cfg_scale": number(1, 30),
    "seed": whole(-1, 2**32), "batch_size": whole(1, 8), "n_iter": whole(1, 100),
    "sampler_name": text(), "scheduler": text(), "send_images": flag, "save_images": flag,
    "override_settings": record(sd_model_checkpoint=text()),
    "override_settings_restore_afterwards": flag, "alwayson_scripts": record(),
}  # fmt: skip
PREFIXED_OR_NOT = either(encoded(is_picture), encoded(is_picture, prefixed=True))
MASK = either(encoded(is_mask("white")), encoded(is_mask("white"), prefixed=True))
EDIT = {
    **COMMON, "init_images": items(PREFIXED_OR_NOT, 8), "mask": MASK,
    "denoising_strength": number(0, 1), "inpainting_fill": whole(0, 3), "mask_blur": whole(0, 64),
    "inpainting_mask_invert": whole(0, 0), "inpaint_full_res": flag,
}  # fmt: skip


def error(status: int, kind: str, detail: str) -> Reply:
    """An error in the vendor's shape."""
    return Reply(status, {"error": kind, "detail": detail, "body": "", "errors": detail})


class Server(Vendor):
    plugin = "automatic1111"
    key = "me:secret"
    model: ClassVar[str] = "sd_xl_base_1.0"
    works: ClassVar = {
        "generate": Work(model=model, settings={"size": "512x768", "n": 2, "seed": 7}, cost="0"),
        "edit": Work(
            model=model, settings={"size": "512x512", "negative_prompt": "fog"}, images=1, cost="0"
        ),
        "inpaint": Work(
            model=model, settings={"size": "512x512"}, images=1, has_mask=True, cost="0"
        ),
    }
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": "Too many requests"}, {"Retry-After": "2"}),
        "fail": error(500, "OutOfMemoryError", "CUDA out of memory"),
    }
    refusals: ClassVar = {}
    """It has no filter."""

    def admits(self, request: Request) -> bool:
        encoded = base64.b64encode(self.key.encode()).decode()
        return request.headers.get("authorization") == f"Basic {encoded}"

    def unauthorised(self) -> Reply:
        return Reply(401, {"detail": "Incorrect username or password"})

    def invalid(self, found: list[Problem]) -> Reply:
        return Reply(422, {"detail": [{"loc": ["body", one.field], "msg": one.message,
                                       "type": "value_error"} for one in found]})  # fmt: skip

    @on("POST", "/sdapi/v1/txt2img")
    def generate(self, request: Request) -> Reply:
        return self.answer(self.accept(request.json, COMMON, ("prompt",)))

    @on("POST", "/sdapi/v1/img2img")
    def edit(self, request: Request) -> Reply:
        return self.answer(self.accept(request.json, EDIT, ("prompt", "init_images")))

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        count = body.get("batch_size", 1) * body.get("n_iter", 1)
        size = f"{body.get('width', 512)}x{body.get('height', 512)}"
        images = [self.encoded(size, "png") for _ in range(count)]
        seeds = [body.get("seed", 7) + index for index in range(count)]
        info = json.dumps({"all_seeds": seeds, "seed": seeds[0]})
        return Reply(200, {"images": images, "parameters": dict(body), "info": info})
