"""Hugging Face's router: one token, and a shape of its own for each backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Check,
    Problem,
    encoded,
    is_picture,
    number,
    pattern,
    record,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

SCHNELL = "black-forest-labs/FLUX.1-schnell"
PARAMETERS: Mapping[str, Check] = {
    "negative_prompt": text(), "width": whole(64, 2048), "height": whole(64, 2048),
    "num_inference_steps": whole(1, 100), "guidance_scale": number(0, 20), "scheduler": text(),
    "seed": whole(0, 2**63),
}  # fmt: skip


class Server(Vendor):
    plugin = "huggingface"
    key = "hf_token"
    works: ClassVar = {
        "generate": Work(
            model=SCHNELL, settings={"size": "1024x1024", "seed": 1},
        ),
        "edit": Work(model="Qwen/Qwen-Image-Edit", images=1),
        "nscale": Work(model=f"{SCHNELL}:nscale", settings={"size": "1024x1024"}),
        "fal": Work(
            model="Qwen/Qwen-Image:fal-ai", settings={"size": "1024x768"},
            options={"provider_id": "fal-ai/qwen-image"},
        ),
        "replicate": Work(
            model=f"{SCHNELL}:replicate", options={"provider_id": "black-forest-labs/flux-schnell"}
        ),
        "together": Work(
            model=f"{SCHNELL}:together", settings={"size": "1024x1024"},
            options={"provider_id": "black-forest-labs/FLUX.1-schnell"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"error": "Too many requests"}, {"Retry-After": "2"}),
        "fail": Reply(500, {"error": "Internal server error"}),
        "load": Reply(503, {"error": "Model is currently loading", "estimated_time": 20.0}),
        "pay": Reply(402, {"error": "You have exceeded your monthly included credits"}),
    }
    refusals: ClassVar = {}
    """None is documented."""
    failures: ClassVar = {
        "fail": Fault.SERVER_ERROR, "load": Fault.OVERLOADED, "pay": Fault.QUOTA,
    }  # fmt: skip

    def unauthorised(self) -> Reply:
        return Reply(401, {"error": "Invalid credentials in Authorization header"})

    def invalid(self, found: list[Problem]) -> Reply:
        return Reply(422, {"error": str(found[0])})

    @on("POST", "/hf-inference/models/{repository...}")
    def own(self, request: Request, repository: str) -> Reply:
        fields: Mapping[str, Check] = {"inputs": text(), "parameters": record(**PARAMETERS)}
        if repository == "Qwen/Qwen-Image-Edit":
            parameters = record(("prompt",), **PARAMETERS, prompt=text())
            fields = {"inputs": encoded(is_picture), "parameters": parameters}
        elif repository != SCHNELL:
            self.complain(f"there is no model {repository}")
        body = self.accept(request.json, fields, ("inputs",))
        parameters_sent = body.get("parameters", {})
        self.begin(parameters_sent.get("prompt", body["inputs"]))
        size = f"{parameters_sent.get('width', 1024)}x{parameters_sent.get('height', 1024)}"
        return Reply(200, self.make(size, "jpeg"))

    @on("POST", "/nscale/v1/images/generations")
    def nscale(self, request: Request) -> Reply:
        fields = {
            "model": word(SCHNELL), "prompt": text(), "size": pattern(r"\d+x\d+"),
            "response_format": word("b64_json"),
        }  # fmt: skip
        body = self.accept(request.json, fields, ("model", "prompt", "response_format"))
        self.begin(body["prompt"])
        return Reply(200, {"data": [{"b64_json": self.encoded(body["size"], "png")}]})

    @on("POST", "/fal-ai/fal-ai/qwen-image")
    def fal(self, request: Request) -> Reply:
        side = whole(64, 4096)
        size = record(("width", "height"), width=side, height=side)
        fields = {"prompt": text(), "image_size": size, "seed": whole(0, 2**32)}
        body = self.accept(request.json, fields, ("prompt",))
        self.begin(body["prompt"])
        pixels = f"{body['image_size']['width']}x{body['image_size']['height']}"
        return Reply(200, {"images": [{"url": self.host(body["prompt"], self.make(pixels))}]})

    @on("POST", "/replicate/v1/models/{owner}/{name}/predictions")
    def replicate(self, request: Request, owner: str, name: str) -> Reply:
        if not request.headers.get("prefer", "").startswith("wait"):
            self.complain("a prediction that is not waited for")
        if f"{owner}/{name}" != "black-forest-labs/flux-schnell":
            self.complain(f"there is no model {owner}/{name}")
        inputs = record(("prompt",), prompt=text(), seed=whole(0, 2**32))
        body = self.accept(request.json, {"input": inputs}, ("input",))
        prompt = body["input"]["prompt"]
        self.begin(prompt)
        return Reply(201, {"status": "succeeded", "output": [self.host(prompt, self.make())]})

    @on("POST", "/together/v1/images/generations")
    def together(self, request: Request) -> Reply:
        fields: dict[str, Any] = {
            "model": word(SCHNELL), "prompt": text(), "width": whole(64, 2048),
            "height": whole(64, 2048), "steps": whole(1, 50), "response_format": word("base64"),
            "seed": whole(0, 2**63),
        }  # fmt: skip
        body = self.accept(request.json, fields, ("model", "prompt", "response_format"))
        self.begin(body["prompt"])
        encoded = self.encoded(f"{body['width']}x{body['height']}", "jpeg")
        return Reply(200, {"data": [{"index": 0, "type": "b64_json", "b64_json": encoded}]})
