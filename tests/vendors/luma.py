"""Luma: Photon jobs; pictures come in only as URLs, which it reads itself."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Problem,
    exactly,
    flag,
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
    "prompt": text(), "model": word("photon-1", "photon-flash-1"),
    "aspect_ratio": word("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"),
    "format": word("jpg", "png"), "generation_type": exactly("image"), "sync": flag,
    "sync_timeout": whole(1, 300),
}  # fmt: skip


class Server(Vendor):
    plugin = "luma"
    key = "luma-key"
    works: ClassVar = {
        "generate": Work(
            model="photon-flash-1", settings={"aspect_ratio": "4:3", "output_format": "png"}
        ),
        "two": Work(
            model="photon-1", calls=2, warnings=("n",),
            settings={"aspect_ratio": "1:1", "output_format": "jpeg", "n": 2},
        ),
        "edit": Work(
            model="photon-1", settings={"aspect_ratio": "1:1"}, images=1, are_hosted=True
        ),
        "references": Work(
            model="photon-flash-1", images=2, are_hosted=True, options={"weight": 0.5}
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"detail": "Rate limit exceeded"}, {"Retry-After": "2"}),
        "break": Reply(500, {"detail": "Internal server error"}),
    }
    refusals: ClassVar = {"refuse": Fault.REFUSED}
    failures: ClassVar = {"fail": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR}
    is_host = True

    def unauthorised(self) -> Reply:
        return Reply(401, {"detail": "Invalid API key"})

    def invalid(self, found: list[Problem]) -> Reply:
        detail = [
            {"type": "x", "loc": ["body", one.field], "msg": one.message, "input": None}
            for one in found
        ]
        return Reply(422, {"detail": detail})

    @on("POST", "/dream-machine/v1/generations/image")
    def create(self, request: Request) -> Reply:
        shown = record(("url",), url=self.is_shown, weight=number(0, 1))
        fields = {**FIELDS, "modify_image_ref": shown, "image_ref": items(shown, 4),
                  "style_ref": items(shown, 4)}  # fmt: skip
        body = self.accept(request.json, fields, ("model",))
        job = self.submit(body["prompt"], body=body)
        return Reply(201, {"id": job.id, "state": "queued", "assets": None})

    def is_shown(self, url: Any) -> str | None:
        """A URL behind which the vendor finds a picture."""
        data = self.hosted(url) if isinstance(url, str) else None
        return f"no picture at {url!r:.80}" if data is None else is_picture(data)

    @on("DELETE", "/dream-machine/v1/generations/{id}")
    def delete(self, request: Request, id: str) -> Reply:
        self.call_off(id)
        return Reply(204, b"")

    @on("GET", "/dream-machine/v1/generations/{id}")
    def get(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return self.unknown(request)
        answer: dict[str, Any] = {
            "id": id, "generation_type": "image", "state": "dreaming", "failure_reason": None,
            "assets": None,
        }  # fmt: skip
        if not job.is_done:
            return Reply(200, answer)
        reasons = {"refuse": "The prompt did not pass moderation", "fail": "Something went wrong"}
        for words, reason in reasons.items():
            if words in job.prompt:
                return Reply(200, {**answer, "state": "failed", "failure_reason": reason})
        body = job.facts["body"]
        data = self.make(pixels(body.get("aspect_ratio", "16:9"), 2.0), body.get("format", "jpg"))
        assets = {"image": self.host(job.prompt, data)}
        return Reply(200, {**answer, "state": "completed", "assets": assets})
