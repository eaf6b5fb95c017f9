"""The server of stable-diffusion.cpp: a queue of its own, and pictures in base64."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.vendors.server import Job, Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Problem,
    encoded,
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

FIELDS = {
    "prompt": text(), "negative_prompt": text(), "width": whole(64, 8192),
    "height": whole(64, 8192), "strength": number(0, 1), "seed": whole(-1, 2**63),
    "batch_count": whole(1, 8), "sample_params": record(sample_steps=whole(1, 150)),
    "init_image": encoded(is_picture), "ref_images": items(encoded(is_picture), 16),
    "mask_image": encoded(is_mask("white")), "output_format": word("png", "jpeg", "webp"),
    "output_compression": whole(0, 100),
}  # fmt: skip


class Server(Vendor):
    plugin = "sdcpp"
    works: ClassVar = {
        "generate": Work(
            model="sd-cpp-local", cost="0", basis="table",
            settings={"size": "512x512", "n": 2, "seed": 7, "output_format": "webp"},
            options={"sample_params": {"sample_steps": 8}},
        ),
        "edit": Work(
            model="sd-cpp-local", images=2, cost="0", basis="table",
            settings={"size": "512x512", "negative_prompt": "fog", "output_format": "jpeg"},
        ),
        "strength": Work(
            model="sd-cpp-local", images=1, cost="0", basis="table", options={"strength": 0.5},
            settings={"size": "512x512"},
        ),
        "inpaint": Work(
            model="sd-cpp-local", images=1, has_mask=True, cost="0", basis="table",
            settings={"size": "512x512", "output_format": "png"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"error": "job queue is full"}, {"Retry-After": "2"}),
        "break": Reply(500, {"error": "internal"}),
    }
    refusals: ClassVar = {}
    """It has no filter."""
    failures: ClassVar = {"fail": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR}

    def unauthorised(self) -> Reply:
        return Reply(401, {"error": "unauthorized"})

    def invalid(self, found: list[Problem]) -> Reply:
        return Reply(400, {"error": str(found[0])})

    @on("POST", "/sdcpp/v1/img_gen")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, FIELDS, ("prompt",))
        if "mask_image" in body and "init_image" not in body:
            self.complain("a mask without a picture to start from")
        job = self.submit(body["prompt"], body=body)
        home = f"/sdcpp/v1/jobs/{job.id}"
        return Reply(202, {"id": job.id, "kind": "img_gen", "status": "queued", "poll_url": home})

    @on("GET", "/sdcpp/v1/jobs/{id}")
    def job(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return Reply(404, {"error": "job not found"})
        told: dict[str, Any] = {
            "id": id, "kind": "img_gen", "status": "generating", "queue_position": 0,
            "result": None, "error": None,
        }  # fmt: skip
        if job.is_done and "fail" in job.prompt:
            told |= {"status": "failed", "error": {"code": "generation_failed", "message": "empty"}}
        elif job.is_done:
            told |= {"status": "completed", "result": self.result(job)}
        return Reply(200, told)

    def result(self, job: Job) -> dict[str, Any]:
        body = job.facts["body"]
        format = body.get("output_format", "png")
        size = f"{body.get('width', 512)}x{body.get('height', 512)}"
        images = [
            {"index": index, "b64_json": self.encoded(size, format)}
            for index in range(body.get("batch_count", 1))
        ]
        return {"output_format": format, "images": images}

    @on("POST", "/sdcpp/v1/jobs/{id}/cancel")
    def cancel(self, request: Request, id: str) -> Reply:
        self.call_off(id)
        return Reply(200, {"id": id, "status": "cancelled"})
