"""Runware: an array of tasks to one URL; the cost of each picture beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Check,
    Problem,
    either,
    encoded,
    exactly,
    flag,
    is_mask,
    is_picture,
    items,
    number,
    pattern,
    problems,
    record,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

UUID = pattern("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PICTURE = either(encoded(is_picture), encoded(is_picture, prefixed=True))
MASK = either(encoded(is_mask("white")), encoded(is_mask("white"), prefixed=True))
FIELDS: Mapping[str, Check] = {
    "taskType": exactly("imageInference"), "taskUUID": UUID, "model": pattern(r"[a-z]+:\d+@\d+"),
    "positivePrompt": text(), "negativePrompt": text(), "width": whole(128, 2048, 64),
    "height": whole(128, 2048, 64), "steps": whole(1, 100), "seed": whole(0, 2**63),
    "numberResults": whole(1, 20),
    "outputType": either(
        word("URL", "base64Data", "dataURI"), items(word("URL", "base64Data", "dataURI"), 3)
    ),
    "outputFormat": word("JPG", "PNG", "WEBP", "SVG"), "outputQuality": whole(20, 99),
    "seedImage": PICTURE, "strength": number(0, 1), "maskImage": MASK, "maskMargin": whole(32, 128),
    "referenceImages": items(PICTURE, 4), "includeCost": flag, "ttl": whole(60, 10**9),
    "deliveryMethod": word("sync", "async"),
    "inputs": record(
        image=PICTURE, images=items(PICTURE, 4), mask=MASK, seedImage=PICTURE,
        referenceImages=items(PICTURE, 4),
    ), "safety": record(checkContent=flag, checkInputs=flag),
}  # fmt: skip


def error(status: int, code: str, message: str) -> Reply:
    """Errors in the vendor's shape."""
    one = {"code": code, "message": message, "parameter": "", "type": "", "taskUUID": ""}
    return Reply(status, {"errors": [one]})


class Server(Vendor):
    plugin = "runware"
    works: ClassVar = {
        "generate": Work(
            model="runware:101@1", cost="0.0076", basis="reported",
            settings={"size": "1024x768", "n": 2, "seed": 77, "output_format": "png"},
        ),
        "edit": Work(
            model="runware:101@1", images=1, cost="0.0038", basis="reported",
            settings={"size": "1024x1024", "output_format": "webp"},
        ),
        "edit of two": Work(
            model="runware:400@1", images=2, cost="0.0038", basis="reported",
            settings={"size": "1024x1024", "output_format": "jpeg"},
        ),
        "inpaint": Work(
            model="runware:101@1", images=1, has_mask=True, cost="0.0038", basis="reported",
            settings={"size": "512x512", "output_format": "png"},
        ),
        "job": Work(
            model="runware:101@1", cost="0.0076", basis="reported",
            settings={"size": "1024x768", "n": 2}, options={"deliveryMethod": "async"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "rateLimitExceeded", "Too many requests"),
        "refuse within a 200": error(200, "invalidProviderContent", "Content was refused"),
        "refuse": error(400, "invalidProviderContent", "Content was refused by the provider"),
        "fail": error(500, "internalServerError", "Internal error"),
    }
    refusals: ClassVar = {"refuse": Fault.REFUSED, "refuse within a 200": Fault.REFUSED}
    retry_after = None

    def unauthorised(self) -> Reply:
        return error(401, "invalidApiKey", "Invalid API key")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "invalidParameter", str(found[0]))

    @on("POST", "/v1")
    def run(self, request: Request) -> Reply:
        tasks = request.json
        if not isinstance(tasks, list) or len(tasks) != 1:
            self.complain(f"not an array of one task: {tasks!r:.80}")
            return self.invalid(problems(None, {}))
        if tasks[0].get("taskType") == "getResponse":
            return self.get(self.accept(tasks[0], {"taskType": text(), "taskUUID": UUID}))
        required = ("taskType", "taskUUID", "model", "positivePrompt")
        task = self.accept(tasks[0], FIELDS, required)
        if "maskImage" in task and "seedImage" not in task:
            self.complain("a mask without a seed image")
        if task.get("deliveryMethod") == "async":
            self.submit(task["positivePrompt"], task=task, id=task["taskUUID"])
            return Reply(200, {"data": [{"taskType": "x", "taskUUID": task["taskUUID"]}]})
        self.begin(task["positivePrompt"])
        data = [self.item(task, index) for index in range(task.get("numberResults", 1))]
        return Reply(200, {"data": data[::-1]})

    def get(self, asked: Mapping[str, Any]) -> Reply:
        """What has become of a task."""
        found = [one for one in self.jobs.values() if one.facts["id"] == asked["taskUUID"]]
        if not found:
            self.complain(f"there is no task {asked}")
            return error(400, "invalidTaskUUID", "There is no such task")
        job = self.poll(found[0].id)
        if job is None or not job.is_done:
            waiting = {"taskUUID": asked["taskUUID"], "status": "processing"}
            return Reply(200, {"data": [waiting]})
        task = job.facts["task"]
        data = [self.item(task, index) for index in range(task.get("numberResults", 1))]
        return Reply(200, {"data": [{**one, "status": "success"} for one in data]})

    def item(self, task: Mapping[str, Any], index: int) -> dict[str, Any]:
        """One entry of ``data``."""
        size = f"{task.get('width', 1024)}x{task.get('height', 1024)}"
        format = {"JPG": "jpeg"}.get(task.get("outputFormat", "JPG"), task.get("outputFormat"))
        data = self.make(size, str(format))
        kinds = task.get("outputType", "URL")
        encoded = base64.b64encode(data).decode()
        forms = {
            "URL": ("imageURL", lambda: self.host(task["positivePrompt"], data)),
            "base64Data": ("imageBase64Data", lambda: encoded),
            "dataURI": ("imageDataURI", lambda: f"data:image/{format};base64,{encoded}"),
        }
        given = {
            forms[kind][0]: forms[kind][1]() for kind in ([kinds] if type(kinds) is str else kinds)
        }
        cost = {"cost": 0.0038} if task.get("includeCost") else {}
        return {
            "taskType": "imageInference", "taskUUID": task["taskUUID"], "imageUUID": f"a{index}",
            "seed": task.get("seed", 1) + index, "NSFWContent": False, **given, **cost,
        }  # fmt: skip
