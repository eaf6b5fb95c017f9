"""Replicate: every model has inputs of its own; a refusal is a failed prediction's words."""

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
    pattern,
    record,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

RATIOS = word("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
IMAGE = encoded(is_picture, prefixed=True)
FORMATS = {"output_format": word("webp", "jpg", "png"), "output_quality": whole(0, 100)}
SCHNELL: Mapping[str, Check] = {
    "prompt": text(), "aspect_ratio": RATIOS, "num_outputs": whole(1, 4), "seed": whole(0, 2**32),
    **FORMATS, "num_inference_steps": whole(1, 4), "disable_safety_checker": flag,
}  # fmt: skip
FLUX_2 = {
    "prompt": text(), "aspect_ratio": either(RATIOS, word("custom")),
    "width": whole(256, 2048, 16), "height": whole(256, 2048, 16),
    "seed": whole(0, 2**32), **FORMATS,
    "input_image": IMAGE, **{f"input_image_{index}": IMAGE for index in range(2, 9)},
    "input_images": items(IMAGE, 8), "safety_tolerance": whole(1, 6),
}  # fmt: skip
FILL = {
    "prompt": text(), "image": IMAGE, "mask": encoded(is_mask("white"), prefixed=True),
    "seed": whole(0, 2**32), **FORMATS, "steps": whole(15, 50), "guidance": number(1, 100),
    "safety_tolerance": whole(1, 6),
}  # fmt: skip
MODELS: Mapping[str, tuple[Mapping[str, Check], tuple[str, ...]]] = {
    "black-forest-labs/flux-schnell": (SCHNELL, ("prompt",)),
    "black-forest-labs/flux-2-pro": (FLUX_2, ("prompt",)),
    "black-forest-labs/flux-fill-pro": (FILL, ("prompt", "image", "mask")),
}
THROTTLED = "Request was throttled. Your rate limit resets in ~30s."


class Server(Vendor):
    plugin = "replicate"
    key = "r8_key"
    works: ClassVar = {
        "generate": Work(
            model="black-forest-labs/flux-schnell", cost="0.006",
            settings={"aspect_ratio": "3:2", "n": 2, "seed": 3, "output_format": "png"},
        ),
        "edit": Work(
            model="black-forest-labs/flux-2-pro", images=2,
            settings={"aspect_ratio": "1:1", "output_format": "jpeg"},
        ),
        "inpaint": Work(
            model="black-forest-labs/flux-fill-pro", images=1, has_mask=True,
            settings={"output_format": "png"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": THROTTLED}),
        "break": Reply(500, {"detail": "Internal server error", "status": 500}),
    }
    refusals: ClassVar = {
        "refuse (NSFW)": Fault.REFUSED_RESULT, "refuse (E005)": Fault.REFUSED_RESULT,
    }  # fmt: skip
    failures: ClassVar = {
        "fail": Fault.JOB_FAILED, "abort": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR,
    }  # fmt: skip
    retry_after = 30.0
    is_host = True

    def unauthorised(self) -> Reply:
        return Reply(401, {
            "type": "about:blank", "title": "Unauthenticated", "status": 401,
            "detail": "You did not pass a valid authentication token",
        })  # fmt: skip

    def invalid(self, found: list[Problem]) -> Reply:
        detail = "".join(f"- {one}\n" for one in found)
        return Reply(422, {"title": "Input validation failed", "status": 422, "detail": detail})

    @on("POST", "/v1/models/{owner}/{name}/predictions")
    def create(self, request: Request, owner: str, name: str) -> Reply:
        prefer = request.headers.get("prefer", "wait")
        if problem := pattern(r"wait(=([1-9]|[1-5]\d|60))?")(prefer):
            self.complain(problem)
        if f"{owner}/{name}" not in MODELS:
            self.complain(f"there is no model {owner}/{name}")
            return Reply(404, {"detail": "The requested resource could not be found."})
        fields, required = MODELS[f"{owner}/{name}"]
        body = self.accept(request.json, {"input": record(required, **fields)}, ("input",))
        job = self.submit(body["input"]["prompt"], input=body["input"])
        if "wait" in request.headers.get("prefer", "") and not self.settled(job):
            job.polls = 2
            return Reply(201, self.prediction(job))
        return Reply(202, self.prediction(job))

    def settled(self, job: Job) -> bool:
        """Whether the job takes longer than any request is held."""
        return "refuse" in job.prompt or job.prompt in self.failures

    @on("GET", "/v1/predictions/{id}")
    def get(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        return self.unknown(request) if job is None else Reply(200, self.prediction(job))

    @on("POST", "/v1/predictions/{id}/cancel")
    def cancel(self, request: Request, id: str) -> Reply:
        self.call_off(id)
        return Reply(200, {**self.prediction(self.jobs[id]), "status": "canceled"})

    def prediction(self, job: Job) -> dict[str, Any]:
        """The prediction as it stands."""
        base = f"{self.origin}/v1/predictions/{job.id}"
        state: dict[str, Any] = {"status": "processing", "output": None, "error": None}
        if job.is_done:
            state = self.end(job)
        return {
            "id": job.id, "model": "m", "version": "v", "input": {}, "logs": "", **state,
            "metrics": {"predict_time": 0.9}, "urls": {"get": base, "cancel": f"{base}/cancel"},
        }  # fmt: skip

    def end(self, job: Job) -> dict[str, Any]:
        words = {
            "NSFW": "NSFW content detected. Try running it again, or try a different prompt.",
            "E005": "The input or output was flagged as sensitive. Please try again. (E005)",
            "fail": "Prediction failed with an unknown error (E1000)",
        }
        for part, message in words.items():
            if part in job.prompt:
                return {"status": "failed", "output": None, "error": message}
        if "abort" in job.prompt:
            return {"status": "aborted", "output": None, "error": "deadline"}
        asked = job.facts["input"]
        size = f"{asked.get('width', 1024)}x{asked.get('height', 1024)}"
        if asked.get("aspect_ratio", "custom") != "custom":
            size = pixels(asked["aspect_ratio"])
        count = asked.get("num_outputs", 1)
        made = [self.make(size, asked.get("output_format", "webp")) for _ in range(count)]
        urls: Any = [self.host(job.prompt, one) for one in made]
        output = urls if "num_outputs" in asked else urls[0]
        return {"status": "succeeded", "output": output, "error": None}
