"""Cloudflare's Workers AI: bytes or base64 as the model likes, pictures as lists of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Check,
    Problem,
    digits,
    encoded,
    is_mask,
    is_picture,
    number,
    text,
    upload,
    whole,
)

from routercore.values.faults import Fault


def octets(then: Any) -> Check:
    """A file as a list of 8-bit integers."""

    def check(value: Any) -> str | None:
        try:
            problem: str | None = then(bytes(value))
        except (TypeError, ValueError):
            return f"no list of 8-bit integers: {value!r:.80}"
        return problem if isinstance(value, list) else "no list"

    return check


COMMON: Mapping[str, Check] = {
    "prompt": text(2048), "negative_prompt": text(), "width": whole(256, 2048),
    "height": whole(256, 2048), "num_steps": whole(1, 20), "guidance": number(0, 20),
    "seed": whole(0, 2**53), "strength": number(0, 1),
}  # fmt: skip
FLUX = {"prompt": text(2048), "steps": whole(1, 8), "seed": whole(0, 2**53)}
PICTURES = {"image": octets(is_picture), "image_b64": encoded(is_picture)}
FLUX_2 = {
    "prompt": text(), "width": digits(256, 2048), "height": digits(256, 2048),
    "steps": digits(1, 50), "seed": digits(0, 2**53),
    **{f"input_image_{index}": upload(is_picture) for index in range(4)},
}  # fmt: skip


def error(status: int, code: int, message: str) -> Reply:
    """An error in the vendor's envelope."""
    errors = [{"code": code, "message": message}]
    return Reply(status, {"success": False, "errors": errors, "result": None, "messages": []})


class Server(Vendor):
    plugin = "cloudflare-workers-ai"
    works: ClassVar = {
        "generate": Work(model="@cf/black-forest-labs/flux-1-schnell", settings={"seed": 3}),
        "bytes": Work(
            model="@cf/stabilityai/stable-diffusion-xl-base-1.0",
            settings={"size": "1024x768", "negative_prompt": "fog"},
        ),
        "edit": Work(model="@cf/black-forest-labs/flux-2-dev", images=2),
        "inpaint": Work(
            model="@cf/runwayml/stable-diffusion-v1-5-inpainting", images=1, has_mask=True
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, 971, "You have been rate limited"),
        "crowd": error(429, 3040, "Capacity temporarily exceeded, please try again."),
        "use up": error(429, 4006, "you have used up your daily free allocation of neurons"),
        "refuse": error(400, 3030, "AiError: Input prompt potentially contains NSFW content"),
        "fail": error(500, 3043, "Internal server error"),
    }
    failures: ClassVar = {
        "fail": Fault.SERVER_ERROR,
        "use up": Fault.QUOTA,
        "crowd": Fault.OVERLOADED,
    }
    retry_after = None

    def settings(self) -> dict[str, Any]:
        return {"options": {"account_id": "acc"}}

    def unauthorised(self) -> Reply:
        return error(401, 10000, "Authentication error")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, 5006, str(found[0]))

    @on("POST", "/client/v4/accounts/acc/ai/run/@cf/black-forest-labs/flux-1-schnell")
    def flux(self, request: Request) -> Reply:
        body = self.accept(request.json, FLUX, ("prompt",))
        self.begin(body["prompt"])
        return self.envelope(self.encoded("1024x1024", "jpeg"))

    @on("POST", "/client/v4/accounts/acc/ai/run/@cf/black-forest-labs/flux-2-dev")
    def flux_2(self, request: Request) -> Reply:
        form = self.accept(request.form, FLUX_2, ("prompt",))
        self.begin(form["prompt"])
        size = f"{form.get('width', 1024)}x{form.get('height', 1024)}"
        return self.envelope(self.encoded(size, "jpeg"))

    @on("POST", "/client/v4/accounts/acc/ai/run/@cf/stabilityai/stable-diffusion-xl-base-1.0")
    def sdxl(self, request: Request) -> Reply:
        body = self.accept(request.json, {**COMMON, **PICTURES}, ("prompt",))
        self.begin(body["prompt"])
        return Reply(200, self.make(f"{body.get('width', 1024)}x{body.get('height', 1024)}"))

    @on("POST", "/client/v4/accounts/acc/ai/run/@cf/runwayml/stable-diffusion-v1-5-inpainting")
    def inpaint(self, request: Request) -> Reply:
        fields = {**COMMON, **PICTURES, "mask": octets(is_mask("white"))}
        body = self.accept(request.json, fields, ("prompt", "mask"))
        if ("image" in body) is ("image_b64" in body):
            self.complain("neither or both of image and image_b64")
        self.begin(body["prompt"])
        return Reply(200, self.make("512x512"))

    def envelope(self, encoded: str) -> Reply:
        result = {"image": encoded}
        return Reply(200, {"result": result, "success": True, "errors": [], "messages": []})
