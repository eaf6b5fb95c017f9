"""fal: a queue whose URLs are to be used as given; completed does not mean made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Job, Reply, Request, Vendor, Work, on, pixels
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
    word,
)

from routercore.values.faults import Fault

PRESETS = word(
    "square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"
)
SIZE = either(PRESETS, record(("width", "height"), width=whole(64, 4096), height=whole(64, 4096)))
IMAGE = encoded(is_picture, prefixed=True)
MASK = encoded(is_mask("white"), prefixed=True)
COMMON: Mapping[str, Check] = {
    "prompt": text(), "num_images": whole(1, 4), "seed": whole(0, 2**32), "sync_mode": flag,
}  # fmt: skip
DEV = {
    **COMMON, "image_size": SIZE, "output_format": word("jpeg", "png"),
    "enable_safety_checker": flag, "num_inference_steps": whole(1, 50),
    "guidance_scale": number(1, 20), "acceleration": word("none", "regular", "high"),
}  # fmt: skip
BANANA = {
    **COMMON, "output_format": word("png", "jpeg", "webp"),
    "aspect_ratio": word("1:1", "3:2", "2:3", "16:9", "9:16", "4:3", "3:4", "auto"),
    "resolution": word("0.5K", "1K", "2K", "4K"), "limit_generations": flag,
}  # fmt: skip
GPT_15 = {
    **COMMON, "image_size": word("1024x1024", "1536x1024", "1024x1536", "auto"),
    "quality": word("low", "medium", "high"), "background": word("auto", "transparent", "opaque"),
    "output_format": word("png", "jpeg", "webp"), "input_fidelity": word("low", "high"),
}  # fmt: skip
GPT_2 = {
    **GPT_15, "image_size": either(SIZE, word("auto")), "quality": word("low", "medium", "high"),
}  # fmt: skip
EDITED = {"image_urls": items(IMAGE, 16)}
FILL = {
    **COMMON, "image_size": SIZE, "image_url": IMAGE, "mask_url": MASK, "strength": number(0, 1),
    "output_format": word("jpeg", "png"), "num_inference_steps": whole(1, 50),
}  # fmt: skip
ENDPOINTS: Mapping[str, tuple[Mapping[str, Check], tuple[str, ...]]] = {
    "fal-ai/flux/dev": (DEV, ("prompt",)),
    "fal-ai/nano-banana-2/edit": ({**BANANA, **EDITED}, ("prompt", "image_urls")),
    "fal-ai/gpt-image-1.5": (GPT_15, ("prompt",)),
    "fal-ai/gpt-image-1.5/edit": (
        {**GPT_15, **EDITED, "mask_image_url": either(
            encoded(is_mask("alpha"), prefixed=True), MASK
        )}, ("prompt", "image_urls"),
    ),
    "openai/gpt-image-2": (GPT_2, ("prompt",)),
    "fal-ai/flux-general/inpainting": (FILL, ("prompt", "image_url", "mask_url")),
}  # fmt: skip
REFUSED = Reply(
    422,
    {"detail": [{
        "loc": ["body", "prompt"], "type": "content_policy_violation",
        "msg": "The content could not be processed because it was flagged by a content checker.",
    }]},
    {"X-Fal-Retryable": "false"},
)  # fmt: skip
BROKEN = Reply(
    500,
    {"detail": [{"loc": ["body"], "msg": "Internal", "type": "internal_server_error"}]},
    {"X-Fal-Retryable": "true"},
)
UNSCHEDULED = Reply(
    503,
    {"detail": "Runner scheduling failure", "error_type": "runner_scheduling_failure"},
    {"X-Fal-Error-Type": "runner_scheduling_failure"},
)


class Server(Vendor):
    plugin = "fal"
    credential = ("authorization", "Key {key}")
    works: ClassVar = {
        "generate": Work(
            model="fal-ai/flux/dev", cost="0.05",
            settings={"size": "1024x768", "n": 2, "seed": 11, "output_format": "png"},
        ),
        "edit": Work(
            model="fal-ai/nano-banana-2", images=2,
            settings={"aspect_ratio": "3:2", "resolution": "1K", "output_format": "webp"},
            cost="0.08",
        ),
        "gpt-image-2": Work(
            model="openai/gpt-image-2", settings={"size": "1024x1024", "quality": "low"},
        ),
        "a mask at OpenAI's": Work(
            model="fal-ai/gpt-image-1.5", images=1, has_mask=True,
            settings={"size": "1024x1024", "quality": "high"},
        ),
        "inpaint": Work(
            model="fal-ai/flux-general/inpainting", images=1, has_mask=True,
            settings={"size": "512x512", "output_format": "png"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": "Too many requests"}, {"Retry-After": "2"}),
        "refuse at once": REFUSED,
        "break": Reply(503, {"detail": "Service Unavailable"}),
    }  # fmt: skip
    refusals: ClassVar = {
        "refuse": Fault.REFUSED, "refuse at once": Fault.REFUSED,
        "refuse the result": Fault.REFUSED_RESULT,
    }  # fmt: skip
    failures: ClassVar = {
        "fail": Fault.JOB_FAILED, "fail to start": Fault.JOB_FAILED, "break": Fault.OVERLOADED,
    }  # fmt: skip
    is_host = True

    def unauthorised(self) -> Reply:
        return Reply(401, {"detail": "Cannot access application. Authentication is required."})

    def invalid(self, found: list[Problem]) -> Reply:
        detail = [{"loc": ["body", one.field], "msg": one.message, "type": "x"} for one in found]
        return Reply(422, {"detail": detail})

    @on("POST", "/{endpoint...}")
    def run(self, request: Request, endpoint: str) -> Reply:
        if endpoint not in ENDPOINTS:
            self.complain(f"there is no endpoint {endpoint}")
            return Reply(404, {"detail": f"Application '{endpoint}' not found"})
        fields, required = ENDPOINTS[endpoint]
        body = self.accept(request.json, fields, required)
        job = self.submit(body["prompt"], body=body)
        owner, alias, *_ = endpoint.split("/")
        return Reply(200, {**self.links(job, f"{owner}/{alias}"), "queue_position": 0})

    def links(self, job: Job, app: str) -> dict[str, Any]:
        """The URLs of a job; the last step of the endpoint is not in them."""
        base = f"{self.origin}/{app}/requests/{job.id}"
        return {
            "request_id": job.id, "status_url": f"{base}/status", "response_url": base,
            "cancel_url": f"{base}/cancel",
        }  # fmt: skip

    @on("PUT", "/{owner}/{alias}/requests/{id}/cancel")
    def cancel(self, request: Request, owner: str, alias: str, id: str) -> Reply:
        self.call_off(id)
        return Reply(202, {"status": "CANCELLATION_REQUESTED"})

    @on("GET", "/{owner}/{alias}/requests/{id}/status")
    def status(self, request: Request, owner: str, alias: str, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return self.unknown(request)
        links = self.links(job, f"{owner}/{alias}")
        if not job.is_done:
            return Reply(202, {"status": "IN_PROGRESS", "logs": [], **links})
        failed = {}
        if "fail" in job.prompt:
            failed = {"error": "Internal", "error_type": "internal_server_error"}
        done = {"status": "COMPLETED", "logs": [], "metrics": {"inference_time": 1.9}}
        return Reply(200, {**done, **failed, **links})

    @on("GET", "/{owner}/{alias}/requests/{id}")
    def response(self, request: Request, owner: str, alias: str, id: str) -> Reply:
        job = self.jobs[id]
        if not job.is_done:
            self.complain("the response of a job that is not completed")
        if "fail" in job.prompt:
            return UNSCHEDULED if "start" in job.prompt else BROKEN
        if job.prompt == "refuse":
            return REFUSED
        body = job.facts["body"]
        made = [self.picture(body) for _ in range(body.get("num_images", 1))]
        images = [
            {"url": self.host(job.prompt, data), "width": 1, "height": 1, "content_type": "image/x"}
            for data in made
        ]
        flags = ["refuse" in job.prompt] * len(images)
        return Reply(200, {
            "images": images, "seed": body.get("seed", 1), "has_nsfw_concepts": flags,
            "prompt": job.prompt, "timings": {"inference": 1.9},
        })  # fmt: skip

    def picture(self, body: Mapping[str, Any]) -> bytes:
        size = body.get("image_size")
        if isinstance(size, dict):
            size = f"{size['width']}x{size['height']}"
        presets = {
            None: pixels(body.get("aspect_ratio", "1:1")),
            "square_hd": "1024x1024",
            "landscape_4_3": "1024x768",
        }
        return self.make(presets.get(size, size), body.get("output_format", "png"))
