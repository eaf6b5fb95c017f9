"""Alibaba's DashScope: messages at once for the newer models, tasks for the older ones."""

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
    is_picture,
    items,
    pattern,
    record,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

PARAMETERS: Mapping[str, Check] = {
    "size": pattern(r"\d+\*\d+"), "n": whole(1, 6), "seed": whole(0, 2**31 - 1),
    "negative_prompt": text(), "prompt_extend": flag, "watermark": flag,
}  # fmt: skip
PART = either(
    record(("text",), text=text()),
    record(("image",), image=encoded(is_picture, prefixed=True)),
)
MESSAGE = record(("role", "content"), role=word("user"), content=items(PART, 4))
SYNC: Mapping[str, Check] = {
    "model": word("qwen-image-3.0", "qwen-image-2.0"),
    "input": record(("messages",), messages=items(MESSAGE, 1)),
    "parameters": record(**PARAMETERS),
}
ASYNC = {
    "model": word("wan2.2-t2i-flash"),
    "input": record(("prompt",), prompt=text(), negative_prompt=text()),
    "parameters": record(**{**PARAMETERS, "n": whole(1, 4)}),
}


def error(status: int, code: str, message: str) -> Reply:
    """An error in the vendor's shape."""
    return Reply(status, {"code": code, "message": message, "request_id": "d1"})


REFUSED = "Input data may contain inappropriate content."
WITHHELD = "Output data may contain inappropriate content."


class Server(Vendor):
    plugin = "alibaba-dashscope"
    key = "sk-key"
    works: ClassVar = {
        "generate": Work(
            model="qwen-image-3.0", settings={"size": "1328x1328", "seed": 2}, cost="0.03"
        ),
        "two": Work(model="qwen-image-2.0", settings={"size": "1024x1024", "n": 2}, cost="0.070"),
        "edit": Work(model="qwen-image-3.0", images=2, cost="0.03"),
        "task": Work(
            model="wan2.2-t2i-flash",
            settings={"size": "1024x1024", "n": 2, "negative_prompt": "fog"},
        ),
    }
    instead: ClassVar = {
        "rate limit": error(429, "Throttling.RateQuota", "Requests rate limit exceeded"),
        "refuse within a 200": error(200, "DataInspectionFailed", REFUSED),
        "refuse the result": error(400, "DataInspectionFailed", WITHHELD),
        "refuse": error(400, "DataInspectionFailed", REFUSED),
        "fail": error(500, "InternalError", "An internal error"),
    }
    refusals: ClassVar = {
        "refuse": Fault.REFUSED, "refuse within a 200": Fault.REFUSED,
        "refuse the result": Fault.REFUSED_RESULT,
    }  # fmt: skip
    retry_after = None
    is_host = True

    def unauthorised(self) -> Reply:
        return error(401, "InvalidApiKey", "Invalid API-key provided.")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "InvalidParameter", str(found[0]))

    @on("POST", "/api/v1/services/aigc/multimodal-generation/generation")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, SYNC, ("model", "input"))
        parts = body["input"]["messages"][0]["content"]
        prompt = " ".join(part.get("text", "") for part in parts)
        self.begin(prompt)
        parameters = body.get("parameters", {})
        size = parameters.get("size", "1024*1024").replace("*", "x")
        urls = [self.host(prompt, self.make(size)) for _ in range(parameters.get("n", 1))]
        content = [{"image": url} for url in urls]
        choice = {
            "finish_reason": "stop", "message": {"role": "assistant", "content": content}
        }  # fmt: skip
        usage = {"output_width": 1, "output_height": 1, "output_image_count": len(urls)}
        return Reply(200, {"output": {"choices": [choice]}, "usage": usage, "request_id": "d0"})

    @on("POST", "/api/v1/services/aigc/text2image/image-synthesis")
    def create(self, request: Request) -> Reply:
        if request.headers.get("x-dashscope-async") != "enable":
            self.complain("a task without its header")
            return error(403, "AccessDenied", "current user api does not support synchronous calls")
        body = self.accept(request.json, ASYNC, ("model", "input"))
        job = self.submit(body["input"]["prompt"], parameters=body.get("parameters", {}))
        output = {"task_id": job.id, "task_status": "PENDING"}
        return Reply(200, {"output": output, "request_id": "d0"})

    @on("POST", "/api/v1/tasks/{id}/cancel")
    def cancel(self, request: Request, id: str) -> Reply:
        self.call_off(id)
        return Reply(200, {"request_id": "d3"})

    @on("GET", "/api/v1/tasks/{id}")
    def task(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None:
            return self.unknown(request)
        output: dict[str, Any] = {"task_id": id, "task_status": "RUNNING"}
        if job.is_done:
            output["task_status"] = "SUCCEEDED"
            size = job.facts["parameters"].get("size", "1024*1024").replace("*", "x")
            output["results"] = [
                {"url": self.host(job.prompt, self.make(size)), "orig_prompt": job.prompt}
                for _ in range(job.facts["parameters"].get("n", 1))
            ]
            for words, code in {
                "break": "InternalError",
                "inspect": "DataInspectionFailed",
            }.items():
                if words in job.prompt:
                    output |= {"task_status": "FAILED", "code": code, "message": REFUSED}
        return Reply(200, {"output": output, "request_id": "d2"})


class Tasks(Server):
    """The older models alone."""

    label = "alibaba-dashscope-tasks"
    works: ClassVar = {"generate": Server.works["task"]}
    refusals: ClassVar = {"refuse": Fault.REFUSED, "inspect": Fault.REFUSED}
    failures: ClassVar = {"fail": Fault.SERVER_ERROR, "break": Fault.JOB_FAILED}
