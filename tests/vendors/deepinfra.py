"""DeepInfra: an API of its own that makes, and a copy of OpenAI's that edits."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Problem,
    digits,
    either,
    is_mask,
    is_picture,
    items,
    number,
    pattern,
    text,
    upload,
    whole,
    word,
)

SIDE = either(whole(128, 2048), digits(128, 2048))
NATIVE = {
    "prompt": text(), "num_images": whole(1, 4), "width": SIDE, "height": SIDE,
    "aspect_ratio": text(), "seed": whole(0, 2**63), "negative_prompt": text(),
    "num_inference_steps": whole(1, 50), "guidance_scale": number(0, 20),
    "guidance": number(0, 20),
}  # fmt: skip
EDIT = {
    "model": word("black-forest-labs/FLUX.1-Kontext-pro"), "prompt": text(),
    "image": either(upload(is_picture), items(upload(is_picture), 4)), "n": digits(1, 4),
    "size": pattern(r"\d+x\d+"), "response_format": word("b64_json"), "user": text(),
    "mask": upload(is_mask("alpha")), "quality": text(), "style": text(),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "deepinfra"
    works: ClassVar = {
        "generate": Work(
            model="black-forest-labs/FLUX-1-schnell", settings={"size": "1024x768", "seed": 2},
            cost="0.0005", basis="reported",
        ),
        "edit": Work(model="black-forest-labs/FLUX.1-Kontext-pro", images=1),
        "inpaint": Work(
            model="black-forest-labs/FLUX.1-Kontext-pro", images=1, has_mask=True,
            settings={"size": "512x512"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": {"error": "Rate limited"}}, {"Retry-After": "2"}),
        "fail": Reply(500, {"detail": {"error": "Internal server error"}}),
    }
    refusals: ClassVar = {}
    """None is documented."""

    def unauthorised(self) -> Reply:
        return Reply(401, {"detail": {"error": "User is not authenticated"}})

    def invalid(self, found: list[Problem]) -> Reply:
        detail = [{"loc": ["body", one.field], "msg": one.message, "type": "x"} for one in found]
        return Reply(422, {"detail": detail})

    @on("POST", "/v1/inference/{model...}")
    def infer(self, request: Request, model: str) -> Reply:
        if model not in (
            "black-forest-labs/FLUX-1-schnell",
            "black-forest-labs/FLUX.1-Kontext-pro",
        ):
            self.complain(f"there is no model {model}")
        body = self.accept(request.json, NATIVE, ("prompt",))
        self.begin(body["prompt"])
        size = f"{body.get('width', 1024)}x{body.get('height', 1024)}"
        images = [
            f"data:image/png;base64,{self.encoded(size, 'png')}"
            for _ in range(body.get("num_images", 1))
        ]
        status: dict[str, Any] = {"status": "succeeded", "runtime_ms": 400, "cost": 0.0005}
        return Reply(200, {
            "images": images, "inference_status": status, "request_id": "r", "seed": 2,
            "nsfw_content_detected": [False] * len(images),
        })  # fmt: skip

    @on("POST", "/v1/openai/images/edits")
    def edit(self, request: Request) -> Reply:
        form = self.accept(request.form, EDIT, ("model", "prompt", "image"))
        self.begin(form["prompt"])
        encoded = self.encoded(form.get("size", "1024x1024"), "png")
        return Reply(200, {"created": 1795219200, "data": [{"b64_json": encoded}]})
