"""Leonardo: jobs by model id, pixels in eighths, credits; pictures come in through uploads."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Problem,
    flag,
    is_picture,
    number,
    pattern,
    text,
    upload,
    whole,
    word,
)

from routercore.values.faults import Fault

KINO = "6b645e3a-d64f-4341-a6d8-7a3690fbf042"
FIELDS = {
    "prompt": text(1500), "modelId": pattern(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "width": whole(32, 1536, 8), "height": whole(32, 1536, 8), "num_images": whole(1, 8),
    "num_inference_steps": whole(10, 60), "guidance_scale": whole(1, 20), "seed": whole(0, 2**31),
    "negative_prompt": text(), "alchemy": flag, "ultra": flag, "enhancePrompt": flag,
    "public": flag, "contrast": number(1.0, 4.5), "presetStyle": text(), "styleUUID": text(),
    "transparency": word("disabled", "foreground_only"), "init_strength": number(0.1, 0.9),
}  # fmt: skip


def error(status: int, message: str, **headers: str) -> Reply:
    """An error in the vendor's shape."""
    body = {"error": message, "path": "$", "code": "unexpected"}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class Server(Vendor):
    plugin = "leonardo"
    works: ClassVar = {
        "generate": Work(model=KINO, settings={"size": "1024x768", "n": 2, "seed": 4}),
        "one": Work(model=KINO, settings={"size": "512x512", "negative_prompt": "fog"}),
        "edit": Work(
            model="16e7060a-803e-4df3-97ee-edcfa5dc9cc8", settings={"size": "768x768"}, images=1
        ),
        "inpaint": Work(
            model="16e7060a-803e-4df3-97ee-edcfa5dc9cc8",
            settings={"size": "512x512"},
            images=1,
            has_mask=True,
        ),
    }
    instead: ClassVar = {
        "rate limit": error(429, "Too many requests", Retry_After="2"),
        "refuse": error(403, "The prompt was blocked by content moderation"),
        "break": error(500, "internal server error"),
    }
    refusals: ClassVar = {"refuse": Fault.REFUSED, "withhold": Fault.REFUSED_RESULT}
    failures: ClassVar = {"fail": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR}
    is_host = True

    def __init__(self) -> None:
        super().__init__()
        self.uploads: set[str] = set()

    def unauthorised(self) -> Reply:
        return error(401, "Invalid response from authorization hook")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, str(found[0]))

    @on("POST", "/api/rest/v1/init-image")
    def place(self, request: Request) -> Reply:
        fields = {"extension": word("png", "jpg", "jpeg", "webp")}
        self.accept(request.json, fields, ("extension",))
        signed = json.dumps({"key": "uploads/u1", "Policy": "p", "X-Amz-Signature": "s"})
        place = {"id": "u1", "url": f"{self.host_origin}/bucket", "fields": signed, "key": "u1"}
        return Reply(200, {"uploadInitImage": place})

    @on("POST", "/api/rest/v1/canvas-init-image")
    def canvas(self, request: Request) -> Reply:
        kind = word("png", "jpg", "jpeg", "webp")
        fields = {"initExtension": kind, "maskExtension": kind}
        self.accept(request.json, fields, fields)
        signed = json.dumps({"key": "uploads/u1", "Policy": "p", "X-Amz-Signature": "s"})
        url = f"{self.host_origin}/bucket"
        return Reply(200, {"uploadCanvasInitImage": {
            "initImageId": "u1", "initUrl": url, "initFields": signed, "initKey": "k",
            "maskImageId": "m1", "maskUrl": url, "maskFields": signed, "maskKey": "k",
        }})  # fmt: skip

    @on("POST", "/bucket", open=True)
    def bucket(self, request: Request) -> Reply:
        form = request.form
        if list(form) != ["key", "Policy", "X-Amz-Signature", "file"]:
            self.complain(f"the bucket wants its fields and then the file, not {list(form)}")
        if problem := upload(is_picture)(form.get("file")):
            self.complain(problem)
        if "authorization" in request.headers:
            self.complain("the credential was sent to the bucket")
        self.uploads.add("u1")
        return Reply(204, b"")

    @on("POST", "/api/rest/v1/generations")
    def create(self, request: Request) -> Reply:
        picture = word(*self.uploads)
        masked = {"canvasRequest": flag, "canvasRequestType": word("INPAINT"),
                  "canvasInitId": picture, "canvasMaskId": word("m1")}  # fmt: skip
        fields = {**FIELDS, "init_image_id": picture, **masked}
        body = self.accept(request.json, fields, ("prompt",))
        if body.get("num_images", 1) > 4 and max(body["width"], body["height"]) > 768:
            self.complain("more than four images with an edge of more than 768")
        job = self.submit(body["prompt"], body=body)
        return Reply(200, {"sdGenerationJob": {"generationId": job.id, "apiCreditCost": 14}})

    @on("DELETE", "/api/rest/v1/generations/{id}")
    def delete(self, request: Request, id: str) -> Reply:
        self.call_off(id)
        return Reply(200, {"delete_generations_by_pk": {"id": id}})

    @on("GET", "/api/rest/v1/generations/{id}")
    def get(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return self.unknown(request)
        images: list[dict[str, Any]] = []
        status = "PENDING"
        if job.is_done:
            status = "FAILED" if "fail" in job.prompt else "COMPLETE"
        if status == "COMPLETE":
            body = job.facts["body"]
            for index in range(body.get("num_images", 1)):
                data = self.make(f"{body['width']}x{body['height']}", "jpeg")
                nsfw = "withhold" in job.prompt
                url = None if nsfw else self.host(job.prompt, data)
                images.append({"id": f"i{index}", "url": url, "nsfw": nsfw, "likeCount": 0})
        return Reply(200, {"generations_by_pk": {"status": status, "generated_images": images}})
