"""Stability: forms in, bytes or JSON out as ``Accept`` says, refusals with 403 and inside a 200."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Check,
    Problem,
    decimal,
    digits,
    is_mask,
    is_picture,
    text,
    upload,
    word,
)

from routercore.values.faults import Fault

RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
STYLES = ("enhance", "anime", "photographic", "digital-art", "pixel-art", "cinematic")
COMMON: Mapping[str, Check] = {
    "prompt": text(10_000), "negative_prompt": text(10_000), "seed": digits(0, 4294967294),
    "output_format": word("png", "jpeg", "webp"),
}  # fmt: skip
SD3 = {
    **COMMON, "aspect_ratio": word(*RATIOS), "cfg_scale": decimal(1, 10),
    "model": word("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium"),
    "mode": word("text-to-image", "image-to-image"), "image": upload(is_picture),
    "strength": decimal(0, 1), "style_preset": word(*STYLES),
}  # fmt: skip
CORE = {**COMMON, "aspect_ratio": word(*RATIOS), "style_preset": word(*STYLES)}
INPAINT = {
    **COMMON, "image": upload(is_picture), "mask": upload(is_mask("white")),
    "grow_mask": digits(0, 100), "style_preset": word(*STYLES),
}  # fmt: skip


def error(status: int, name: str, message: str) -> Reply:
    """An error in the vendor's shape."""
    return Reply(status, {"id": "a1b2", "name": name, "errors": [message]})


class Server(Vendor):
    plugin = "stability"
    key = "sk-stable"
    works: ClassVar = {
        "generate": Work(
            model="sd3.5-medium",
            settings={"aspect_ratio": "3:2", "seed": 99, "output_format": "webp"},
            cost="0.035",
        ),
        "core": Work(
            model="core", settings={"aspect_ratio": "16:9", "negative_prompt": "fog"}, cost="0.03"
        ),
        "edit": Work(model="sd3.5-large", settings={"output_format": "png"}, images=1,
                     cost="0.065"),
        "job": Work(
            model="replace-background-and-relight", settings={"output_format": "png"}, images=1,
            cost="0.08",
        ),
        "inpaint": Work(
            model="inpaint", settings={"output_format": "png"}, images=1, has_mask=True, cost="0.05"
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "rate_limit_exceeded", "150 requests within 10 seconds"),
        "fail": error(500, "internal_error", "An unexpected error"),
        "refuse the words": error(403, "content_moderation", "Your request was flagged"),
    }
    refusals: ClassVar = {
        "refuse the words": Fault.REFUSED, "refuse the result": Fault.REFUSED_RESULT,
    }  # fmt: skip
    retry_after = 60.0

    def unauthorised(self) -> Reply:
        return error(401, "unauthorized", "invalid or missing API key")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "bad_request", str(found[0]))

    @on("POST", "/v2beta/stable-image/generate/sd3")
    def sd3(self, request: Request) -> Reply:
        form = self.accept(request.form, SD3, ("prompt",))
        if form.get("mode") == "image-to-image":
            if not {"image", "strength"} <= set(form) or "aspect_ratio" in form:
                self.complain("image-to-image needs image and strength, and takes no aspect_ratio")
        elif "image" in form:
            self.complain("text-to-image with an image")
        return self.answer(request, form)

    @on("POST", "/v2beta/stable-image/generate/core")
    def core(self, request: Request) -> Reply:
        return self.answer(request, self.accept(request.form, CORE, ("prompt",)))

    @on("POST", "/v2beta/stable-image/edit/inpaint")
    def inpaint(self, request: Request) -> Reply:
        return self.answer(request, self.accept(request.form, INPAINT, ("image", "prompt")))

    @on("POST", "/v2beta/stable-image/edit/replace-background-and-relight")
    def relight(self, request: Request) -> Reply:
        fields = {
            "subject_image": upload(is_picture), "background_prompt": text(10_000),
            "output_format": word("png", "jpeg", "webp"),
        }  # fmt: skip
        form = self.accept(request.form, fields, ("subject_image",))
        return Reply(200, {"id": self.submit(form["background_prompt"]).id})

    @on("GET", "/v2beta/results/{id}")
    def result(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return error(404, "not_found", "There is no such result")
        if not job.is_done:
            return Reply(202, {"id": id, "status": "in-progress"})
        return self.made_as_asked(request, self.make(), "SUCCESS", 7)

    def answer(self, request: Request, form: Mapping[str, Any]) -> Reply:
        self.begin(form["prompt"])
        data = self.make(pixels(form.get("aspect_ratio", "1:1")), form.get("output_format", "png"))
        reason = "CONTENT_FILTERED" if "refuse" in form["prompt"] else "SUCCESS"
        return self.made_as_asked(request, data, reason, int(form.get("seed", 343940597)))

    def made_as_asked(self, request: Request, data: bytes, reason: str, seed: int) -> Reply:
        accept = request.headers.get("accept")
        if accept == "image/*":
            return Reply(200, data, {"finish-reason": reason, "seed": str(seed)})
        if accept != "application/json":
            self.complain(f"cannot answer as {accept}")
        encoded = base64.b64encode(data).decode()
        return Reply(200, {"image": encoded, "finish_reason": reason, "seed": seed})
