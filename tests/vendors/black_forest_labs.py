"""Black Forest Labs: jobs with a poll URL, two kinds of refusal, results for ten minutes."""

from __future__ import annotations

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
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

PICTURE = either(encoded(is_picture), encoded(is_picture, prefixed=True))
COMMON: Mapping[str, Check] = {
    "prompt": text(), "seed": whole(0, 2**32), "output_format": word("jpeg", "png", "webp"),
    "prompt_upsampling": flag,
}  # fmt: skip
SIDES = {"width": whole(64, 4096, 16), "height": whole(64, 4096, 16)}
FLUX_2 = {
    **COMMON, **SIDES, "safety_tolerance": whole(0, 5), "input_image": PICTURE,
    **{f"input_image_{number}": PICTURE for number in range(2, 9)},
}  # fmt: skip
ULTRA = {
    **COMMON, "safety_tolerance": whole(0, 6), "raw": flag, "image_prompt": PICTURE,
    "aspect_ratio": word("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"),
}  # fmt: skip
FILL = {
    **COMMON, "safety_tolerance": whole(0, 6), "image": encoded(is_picture),
    "mask": encoded(is_mask("white")), "steps": whole(15, 50),
}  # fmt: skip


class Server(Vendor):
    plugin = "black-forest-labs"
    credential = ("x-key", "{key}")
    works: ClassVar = {
        "generate": Work(
            model="flux-2-pro",
            settings={"size": "1344x768", "seed": 5, "output_format": "png"},
            cost="0.03", basis="reported",
        ),
        "edit": Work(
            model="flux-2-pro", settings={"size": "1024x1024", "output_format": "webp"}, images=2,
            cost="0.06", basis="reported",
        ),
        "ultra": Work(model="flux-pro-1.1-ultra", settings={"aspect_ratio": "16:9"}, cost="0.06"),
        "inpaint": Work(
            model="flux-pro-1.0-fill", images=1, has_mask=True, settings={"output_format": "png"},
            cost="0.05",
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": "Too many active tasks"}, {"Retry-After": "2"}),
        "break": Reply(500, {"detail": "Internal Server Error"}),
    }
    refusals: ClassVar = {"refuse": Fault.REFUSED, "refuse the result": Fault.REFUSED_RESULT}
    failures: ClassVar = {
        "fail": Fault.JOB_FAILED, "lose": Fault.JOB_LOST, "break": Fault.SERVER_ERROR,
    }  # fmt: skip
    is_host = True

    def unauthorised(self) -> Reply:
        return Reply(403, {"detail": "Not authenticated"})

    def invalid(self, found: list[Problem]) -> Reply:
        detail = [{"loc": ["body", one.field], "msg": one.message, "type": "x"} for one in found]
        return Reply(422, {"detail": detail})

    @on("POST", "/v1/flux-2-pro")
    def flux_2(self, request: Request) -> Reply:
        body = self.accept(request.json, FLUX_2, ("prompt",))
        inputs = sum(name.startswith("input_image") for name in body)
        if body.get("width", 0) * body.get("height", 0) > 4 * 1024 * 1024:
            self.complain("more than four megapixels")
        size = f"{body.get('width', 1024)}x{body.get('height', 1024)}"
        return self.accepted(body, size=size, cost=3.0 + 1.5 * inputs)

    @on("POST", "/v1/flux-pro-1.1-ultra")
    def ultra(self, request: Request) -> Reply:
        body = self.accept(request.json, ULTRA, ("prompt",))
        return self.accepted(body, size="2752x1536", cost=None)

    @on("POST", "/v1/flux-pro-1.0-fill")
    def fill(self, request: Request) -> Reply:
        body = self.accept(request.json, FILL, ("image",))
        return self.accepted(body, size="512x512", cost=None)

    def accepted(self, body: Mapping[str, Any], *, size: str, cost: float | None) -> Reply:
        format = body.get("output_format", "jpeg")
        job = self.submit(body["prompt"], size=size, format=format, seed=body.get("seed", 1))
        answer = {"id": job.id, "polling_url": f"{self.origin}/us2/v1/get_result?id={job.id}"}
        if cost is not None:
            answer |= {"cost": cost, "input_mp": 0.0, "output_mp": 1.0}  # type: ignore[dict-item]
        return Reply(200, answer)

    @on("GET", "/us2/v1/get_result")
    def result(self, request: Request) -> Reply:
        job = self.poll(request.query.get("id", ""))
        if job is None:
            self.complain(f"there is no job {request.query}")
            return Reply(404, {"status": "Task not found"})
        answer: dict[str, Any] = {"id": job.id, "status": "Pending", "result": None}
        if not job.is_done:
            return Reply(200, {**answer, "progress": 0.4})
        prompt = job.prompt
        if "refuse" in prompt:
            kind = "Content" if "result" in prompt else "Request"
            details = {"Moderation Reasons": ["Violence"]}
            return Reply(200, {**answer, "status": f"{kind} Moderated", "details": details})
        if "lose" in prompt:
            return Reply(200, {**answer, "status": "Task not found"})
        if "fail" in prompt:
            return Reply(200, {**answer, "status": "Error", "details": {"error": "it broke"}})
        url = self.host(prompt, self.make(job.facts["size"], job.facts["format"]))
        result = {"sample": url, "prompt": prompt, "seed": job.facts["seed"], "duration": 6.2}
        return Reply(200, {**answer, "status": "Ready", "result": result})
