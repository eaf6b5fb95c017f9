"""Ideogram: forms, ratios with an x, black masks, refusals with 422 and inside a 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Check,
    Problem,
    digits,
    is_mask,
    is_picture,
    items,
    pattern,
    text,
    upload,
    word,
)

from routercore.values.faults import Fault

RATIOS = (
    "1x3", "3x1", "1x2", "2x1", "9x16", "16x9", "10x16", "16x10", "2x3", "3x2", "3x4", "4x3",
    "4x5", "5x4", "1x1",
)  # fmt: skip
RESOLUTIONS = (
    "512x1536 576x1408 576x1472 576x1536 640x1344 640x1408 640x1472 640x1536 704x1152 704x1216 "
    "704x1280 704x1344 704x1408 704x1472 736x1312 768x1088 768x1216 768x1280 768x1344 800x1280 "
    "832x960 832x1024 832x1088 832x1152 832x1216 832x1248 864x1152 896x960 896x1024 896x1088 "
    "896x1120 896x1152 960x832 960x896 960x1024 960x1088 1024x832 1024x896 1024x960 1024x1024 "
    "1088x768 1088x832 1088x896 1088x960 1120x896 1152x704 1152x832 1152x864 1152x896 1216x704 "
    "1216x768 1216x832 1248x832 1280x704 1280x768 1280x800 1312x736 1344x640 1344x704 1344x768 "
    "1408x576 1408x640 1408x704 1472x576 1472x640 1472x704 1536x512 1536x576 1536x640"
)
SPEED = word("FLASH", "TURBO", "BALANCED", "DEFAULT", "QUALITY")
COMMON: Mapping[str, Check] = {
    "prompt": text(), "seed": digits(0, 2147483647), "rendering_speed": SPEED,
    "num_images": digits(1, 8), "magic_prompt": word("AUTO", "ON", "OFF"),
    "style_type": word(
        "AUTO", "GENERAL", "REALISTIC", "DESIGN", "CUSTOM", "FICTION", "STYLIZED"
    ), "style_codes": pattern("[0-9A-Fa-f]{8}"),
}  # fmt: skip
GENERATE = {
    **COMMON, "negative_prompt": text(), "resolution": word(*RESOLUTIONS.split(" ")),
    "aspect_ratio": word(*RATIOS), "style_preset": text(),
}  # fmt: skip
REMIX = {**GENERATE, "image": upload(is_picture), "image_weight": digits(1, 100)}
EDIT = {**COMMON, "image": upload(is_picture), "mask": upload(is_mask("black"))}
TRANSPARENT = {
    **{name: one for name, one in COMMON.items() if not name.startswith("style")},
    "negative_prompt": text(), "aspect_ratio": word(*RATIOS),
    "upscale_factor": word("X1", "X2", "X4"),
}  # fmt: skip


class Server(Vendor):
    plugin = "ideogram"
    credential = ("api-key", "{key}")
    works: ClassVar = {
        "generate": Work(
            model="ideogram-v3",
            settings={"aspect_ratio": "4:5", "quality": "TURBO", "n": 2, "seed": 9},
        ),
        "pixels": Work(model="ideogram-v3", settings={"size": "1344x768"}),
        "transparent": Work(model="ideogram-v3", settings={"background": "transparent"}),
        "v4": Work(model="ideogram-v4", settings={"seed": 3}),
        "edit": Work(
            model="ideogram-v3", settings={"quality": "medium"}, images=1, warnings=("quality",)
        ),
        "inpaint": Work(model="ideogram-v3", images=1, has_mask=True),
        "reframe": Work(
            model="ideogram-v3-reframe", images=1, warnings=("prompt",),
            settings={"size": "1344x768", "quality": "TURBO"},
        ),
        "replace": Work(
            model="ideogram-v3-replace-background", images=1, settings={"n": 2, "seed": 4}
        ),
        "edit of two": Work(
            model="ideogram-edit", images=2,
            settings={"background": "transparent", "aspect_ratio": "4:5"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"error": "Too many requests"}),
        "refuse the words": Reply(422, {"error": "Prompt failed the safety check"}),
        "fail": Reply(500, {"error": "Internal server error"}),
    }
    refusals: ClassVar = {
        "refuse the words": Fault.REFUSED, "refuse the result": Fault.REFUSED_RESULT,
    }  # fmt: skip
    retry_after = None
    is_host = True

    def unauthorised(self) -> Reply:
        return Reply(401, {"error": "Invalid API key"})

    def invalid(self, found: list[Problem]) -> Reply:
        return Reply(400, {"error": str(found[0])})

    @on("POST", "/v1/ideogram-v3/generate")
    def generate(self, request: Request) -> Reply:
        form = self.accept(request.form, GENERATE, ("prompt",))
        if {"resolution", "aspect_ratio"} <= set(form):
            self.complain("both a resolution and an aspect ratio")
        return self.answer(form)

    @on("POST", "/v1/ideogram-v3/generate-transparent")
    def transparent(self, request: Request) -> Reply:
        return self.answer(self.accept(request.form, TRANSPARENT, ("prompt",)), mode="RGBA")

    @on("POST", "/v1/ideogram-v4/generate")
    def newer(self, request: Request) -> Reply:
        fields = {
            "prompt": text(), "seed": digits(0, 2147483647),
            "magic_prompt_option": word("AUTO", "ON", "OFF"), "custom_model_uri": text(),
        }  # fmt: skip
        return self.answer(self.accept(request.form, fields, ("prompt",)))

    @on("POST", "/v1/ideogram-v3/remix")
    def remix(self, request: Request) -> Reply:
        return self.answer(self.accept(request.form, REMIX, ("image", "prompt")))

    @on("POST", "/v1/ideogram-v3/reframe")
    def reframe(self, request: Request) -> Reply:
        fields = {"image": upload(is_picture), "resolution": GENERATE["resolution"],
                  "num_images": digits(1, 8), "seed": COMMON["seed"], "rendering_speed": SPEED,
                  "style_preset": text()}  # fmt: skip
        form = self.accept(request.form, fields, ("image", "resolution"))
        return self.answer({"prompt": "", **form})

    @on("POST", "/v1/ideogram-v3/replace-background")
    def replace_background(self, request: Request) -> Reply:
        fields = {name: one for name, one in COMMON.items() if name != "style_type"}
        fields |= {"image": upload(is_picture), "style_preset": text()}
        return self.answer(self.accept(request.form, fields, ("image", "prompt")))

    @on("POST", "/v1/edit")
    def edit_by_words(self, request: Request) -> Reply:
        fields = {
            "prompt": text(), "images": items(upload(is_picture), 10),
            "num_images": digits(1, 8), "seed": COMMON["seed"], "magic_prompt": text(),
            "resolution": GENERATE["resolution"], "aspect_ratio": GENERATE["aspect_ratio"],
            "transparent_background": word("true", "false"),
        }  # fmt: skip
        form = self.accept(request.form, fields, ("prompt", "images"))
        return self.answer(form, "RGBA" if form.get("transparent_background") else "RGB")

    @on("POST", "/v1/ideogram-v3/edit")
    def edit(self, request: Request) -> Reply:
        return self.answer(self.accept(request.form, EDIT, ("image", "mask", "prompt")))

    def answer(self, form: Mapping[str, Any], mode: str = "RGB") -> Reply:
        self.begin(form["prompt"])
        size = form.get("resolution") or pixels(form.get("aspect_ratio", "1x1"))
        is_safe = "refuse" not in form["prompt"]
        data = [
            {
                "url": self.host(form["prompt"], self.make(size, mode=mode)) if is_safe else "",
                "prompt": "A longer prompt", "resolution": size, "is_image_safe": is_safe,
                "seed": int(form.get("seed", 9)) + index, "style_type": "GENERAL",
            }
            for index in range(int(form.get("num_images", 1)))
        ]  # fmt: skip
        return Reply(200, {"created": "2026-11-21T03:00:00Z", "data": data})
