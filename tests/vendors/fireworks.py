"""Fireworks: three families of URLs; bytes at once, or a job whose polls are POSTs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi, error
from tests.vendors.server import Reply, Request, Work, on, pixels
from tests.vendors.shape import (
    Check,
    digits,
    either,
    encoded,
    flag,
    is_picture,
    number,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

MODELS = "accounts/fireworks/models"
SIDE = either(whole(64, 2048), digits(64, 2048))
RATIO = word("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4")
FLUX: Mapping[str, Check] = {
    "prompt": text(), "aspect_ratio": RATIO, "seed": whole(0, 2**32), "samples": whole(1, 1),
    "num_inference_steps": whole(1, 50), "guidance_scale": number(0, 20),
}  # fmt: skip
KONTEXT = {
    "prompt": text(), "aspect_ratio": RATIO, "seed": whole(0, 2**32),
    "output_format": word("jpeg", "png"), "input_image": encoded(is_picture, prefixed=True),
    "prompt_upsampling": flag, "safety_tolerance": whole(0, 6),
}  # fmt: skip
SDXL = {
    "prompt": text(), "negative_prompt": text(), "width": SIDE, "height": SIDE,
    "seed": whole(0, 2**32), "samples": whole(1, 1), "cfg_scale": number(0, 20),
    "steps": whole(1, 50),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "fireworks"
    key = "fw_key"
    works: ClassVar = {
        "generate": Work(
            model=f"{MODELS}/flux-kontext-pro", cost="0.04",
            settings={"aspect_ratio": "3:2", "seed": 5, "output_format": "png"},
        ),
        "at once": Work(
            model=f"{MODELS}/flux-1-schnell-fp8", cost="0.0014",
            settings={"aspect_ratio": "16:9", "seed": 4, "output_format": "jpeg"},
        ),
        "pixels": Work(
            model=f"{MODELS}/stable-diffusion-xl-1024-v1-0",
            settings={"size": "1024x1024", "negative_prompt": "fog", "output_format": "png"},
        ),
        "edit": Work(
            model=f"{MODELS}/flux-kontext-pro", images=1, cost="0.04",
            settings={"aspect_ratio": "1:1", "output_format": "jpeg"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "Rate limit exceeded", headers={"Retry-After": "2"}),
        "break": error(500, "Internal error"),
    }
    refusals: ClassVar = {"refuse": Fault.REFUSED, "refuse the result": Fault.REFUSED_RESULT}
    failures: ClassVar = {"fail": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR}
    is_host = True

    def unauthorised(self) -> Reply:
        return error(401, "Unauthorized", code="UNAUTHORIZED")

    @on("POST", f"/inference/v1/workflows/{MODELS}/flux-1-schnell-fp8/text_to_image")
    def flux(self, request: Request) -> Reply:
        body = self.accept(request.json, FLUX, ("prompt",))
        self.begin(body["prompt"])
        return Reply(200, self.make(pixels(body.get("aspect_ratio", "1:1")), self.format(request)))

    @on("POST", f"/inference/v1/image_generation/{MODELS}/stable-diffusion-xl-1024-v1-0")
    def sdxl(self, request: Request) -> Reply:
        body = self.accept(request.json, SDXL, ("prompt",))
        self.begin(body["prompt"])
        return Reply(
            200,
            self.make(
                f"{body.get('width', 1024)}x{body.get('height', 1024)}", self.format(request)
            ),
        )

    def format(self, request: Request) -> str:
        """The format that is accepted."""
        accept = request.headers.get("accept")
        if accept not in ("image/png", "image/jpeg"):
            self.complain(f"cannot answer as {accept}")
        return "png" if accept == "image/png" else "jpeg"

    @on("POST", f"/inference/v1/workflows/{MODELS}/flux-kontext-pro")
    def submitted(self, request: Request) -> Reply:
        body = self.accept(request.json, KONTEXT, ("prompt",))
        return Reply(200, {"request_id": self.submit(body["prompt"], body=body).id})

    @on("POST", f"/inference/v1/workflows/{MODELS}/flux-kontext-pro/get_result")
    def result(self, request: Request) -> Reply:
        asked = self.accept(request.json, {"id": text()}, ("id",))
        job = self.poll(asked["id"])
        if job is None:
            self.complain("there is no such job")
            return Reply(200, {"id": asked["id"], "status": "Task not found", "result": None})
        answer: dict[str, Any] = {"id": job.id, "status": "Pending", "result": None}
        if not job.is_done:
            return Reply(200, answer)
        ends = {
            "refuse the result": "Content Moderated", "refuse": "Request Moderated",
            "fail": "Error",
        }  # fmt: skip
        for words, status in ends.items():
            if words in job.prompt:
                return Reply(200, {**answer, "status": status})
        body = job.facts["body"]
        size = pixels(body.get("aspect_ratio", "1:1"))
        url = self.host(job.prompt, self.make(size, body.get("output_format", "jpeg")))
        return Reply(200, {**answer, "status": "Ready", "result": {"sample": url}})
