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
    items,
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
        "edit at fal": Work(
            model="Qwen/Qwen-Image-Edit:fal-ai", images=1,
            options={"provider_id": "fal-ai/qwen-image-edit"},
        ),
        "edit at together": Work(
            model="Qwen/Qwen-Image-Edit:together", images=1, settings={"size": "512x512"}
        ),
        "wavespeed": Work(
            model="Qwen/Qwen-Image:wavespeed", options={"provider_id": "wavespeed-ai/qwen-image"}
        ),
        "edit at wavespeed": Work(
            model="Qwen/Qwen-Image:wavespeed", images=1,
            options={"provider_id": "wavespeed-ai/qwen-image"},
        ),
        "zai": Work(
            model="zai-org/GLM-Image:zai-org", settings={"size": "1280x1280"},
            options={"provider_id": "glm-image"},
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
            "model": word(SCHNELL, "Qwen/Qwen-Image-Edit"), "prompt": text(),
            "width": whole(64, 2048), "height": whole(64, 2048),
            "steps": whole(1, 50), "response_format": word("base64"),
            "seed": whole(0, 2**63),
            "reference_images": items(encoded(is_picture, prefixed=True), 4),
        }  # fmt: skip
        body = self.accept(request.json, fields, ("model", "prompt", "response_format"))
        self.begin(body["prompt"])
        picture = self.encoded(f"{body['width']}x{body['height']}", "jpeg")
        return Reply(200, {"data": [{"index": 0, "type": "b64_json", "b64_json": picture}]})

    @on("POST", "/fal-ai/fal-ai/qwen-image-edit")
    def fal_edit(self, request: Request) -> Reply:
        if request.query != {"_subdomain": "queue"}:
            self.complain(f"an edit that is not queued: {request.query}")
        url = encoded(is_picture, prefixed=True)
        fields = {"prompt": text(), "image_url": url, "image_urls": items(url, 4)}
        body = self.accept(request.json, fields, ("prompt", "image_url", "image_urls"))
        job = self.submit(body["prompt"])
        home = f"https://queue.fal.example/fal-ai/qwen-image-edit/requests/{job.id}"
        return Reply(200, {"request_id": job.id, "response_url": home, "status": "IN_QUEUE"})

    @on("GET", "/fal-ai/fal-ai/qwen-image-edit/requests/{id}/status")
    def fal_status(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None or request.query != {"_subdomain": "queue"}:
            self.complain(f"no such job in the queue: {id} {request.query}")
            return self.unknown(request)
        return Reply(200, {"status": "COMPLETED" if job.is_done else "IN_PROGRESS"})

    @on("GET", "/fal-ai/fal-ai/qwen-image-edit/requests/{id}")
    def fal_result(self, request: Request, id: str) -> Reply:
        return Reply(200, {"images": [{"url": self.host(self.jobs[id].prompt, self.make())}]})

    @on("POST", "/wavespeed/api/v3/wavespeed-ai/qwen-image")
    def wavespeed(self, request: Request) -> Reply:
        fields = {"prompt": text(), "image": encoded(is_picture, prefixed=True)}
        job = self.submit(self.accept(request.json, fields, ("prompt",))["prompt"])
        home = f"https://api.wavespeed.example/api/v3/predictions/{job.id}/result"
        return Reply(200, {"data": {"urls": {"get": home}, "status": "created"}})

    @on("GET", "/wavespeed/api/v3/predictions/{id}/result")
    def wavespeed_result(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None or not job.is_done:
            return Reply(200, {"data": {"status": "processing", "outputs": []}})
        url = self.host(job.prompt, self.make())
        return Reply(200, {"data": {"status": "completed", "outputs": [url]}})

    @on("POST", "/zai-org/api/paas/v4/async/images/generations")
    def zai(self, request: Request) -> Reply:
        if request.headers.get("accept-language") != "en-US,en":
            self.complain("a request that says no language")
        fields = {"model": word("glm-image"), "prompt": text(), "size": pattern(r"\d+x\d+")}
        body = self.accept(request.json, fields, ("model", "prompt"))
        return Reply(200, {"id": self.submit(body["prompt"]).id, "task_status": "PROCESSING"})

    @on("GET", "/zai-org/api/paas/v4/async-result/{id}")
    def zai_result(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None or not job.is_done:
            return Reply(200, {"task_status": "PROCESSING"})
        url = self.host(job.prompt, self.make("1280x1280"))
        return Reply(200, {"task_status": "SUCCESS", "image_result": [{"url": url}]})
