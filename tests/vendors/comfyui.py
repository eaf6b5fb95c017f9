"""ComfyUI: a graph instead of a prompt, uploads by name, a history that is empty while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tests.vendors.server import Job, Reply, Request, Vendor, Work, on
from tests.vendors.shape import (
    Check,
    File,
    Problem,
    anything,
    is_mask,
    is_picture,
    items,
    number,
    problems,
    record,
    text,
    upload,
    whole,
    word,
)

from routercore.values.faults import Fault

LINK = items(anything, 2, least=2)
NODES: Mapping[str, Mapping[str, Check]] = {
    "CheckpointLoaderSimple": {"ckpt_name": text()},
    "CLIPTextEncode": {"text": text(), "clip": LINK},
    "EmptyLatentImage": {
        "width": whole(16, 16384), "height": whole(16, 16384), "batch_size": whole(1, 4096),
    },
    "VAEEncode": {"pixels": LINK, "vae": LINK},
    "VAEEncodeForInpaint": {
        "pixels": LINK, "vae": LINK, "mask": LINK, "grow_mask_by": whole(0, 64),
    },
    "KSampler": {
        "seed": whole(0, 2**64 - 1), "steps": whole(1, 10000), "cfg": number(0, 100),
        "model": LINK, "positive": LINK, "negative": LINK, "latent_image": LINK,
    },
    "VAEDecode": {"samples": LINK, "vae": LINK},
    "SaveImage": {"images": LINK, "filename_prefix": text()},
    "PreviewImage": {"images": LINK},
}  # fmt: skip
DRAWN = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 1, "steps": 20, "cfg": 7, "model": ["4", 0], "positive": ["6", 0],
        "negative": ["7", 0], "latent_image": ["5", 0],
    }},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {
        "width": 512, "height": 512, "batch_size": 1,
    }},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "?", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    "10": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}},
}  # fmt: skip
REDRAWN = {
    **{name: node for name, node in DRAWN.items() if name != "5"},
    "5": {"class_type": "VAEEncodeForInpaint", "inputs": {
        "pixels": ["20", 0], "vae": ["4", 2], "mask": ["21", 0], "grow_mask_by": 6,
    }},
    "20": {"class_type": "LoadImage", "inputs": {"image": "?"}},
    "21": {"class_type": "LoadImageMask", "inputs": {"image": "?", "channel": "red"}},
}  # fmt: skip
VARIED = {
    **{name: node for name, node in REDRAWN.items() if name != "21"},
    "5": {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}},
}
SLOTS = {"prompt": "6.text", "seed": "3.seed", "steps": "3.steps"}


class Server(Vendor):
    plugin = "comfyui"
    works: ClassVar = {
        "generate": Work(
            model="workflow", settings={"size": "768x512", "seed": 42}, cost="0",
            options={
                "workflow": DRAWN, "steps": 9,
                "slots": {**SLOTS, "width": "5.width", "height": "5.height"},
            },
        ),
        "edit": Work(
            model="workflow", images=1, cost="0",
            options={"workflow": VARIED, "slots": {**SLOTS, "image": "20.image"}},
        ),
        "inpaint": Work(
            model="workflow", images=1, has_mask=True, cost="0",
            options={
                "workflow": REDRAWN, "outputs": ["9"],
                "slots": {**SLOTS, "image": "20.image", "mask": "21.image"},
            },
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": Reply(429, {"error": "Too many requests"}, {"Retry-After": "2"}),
        "break": Reply(500, b"500 Internal Server Error"),
    }
    refusals: ClassVar = {}
    """It has no filter."""
    failures: ClassVar = {"fail": Fault.JOB_FAILED, "break": Fault.SERVER_ERROR}
    is_host = True

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.outputs: dict[str, tuple[Job, bytes]] = {}

    def unauthorised(self) -> Reply:
        return Reply(401, {"error": "Unauthorized"})

    def invalid(self, found: list[Problem]) -> Reply:
        kind = {"type": "prompt_outputs_failed_validation", "message": str(found[0])}
        error = {**kind, "details": "", "extra_info": {}}
        return Reply(400, {"error": error, "node_errors": {}})

    @on("POST", "/upload/image")
    def uploaded(self, request: Request) -> Reply:
        fields = {
            "image": upload(is_picture), "overwrite": word("true", "1"), "type": word("input"),
            "subfolder": text(),
        }  # fmt: skip
        form = self.accept(request.form, fields, ("image",))
        file: File = form["image"]
        name = f"kept-{len(self.files)}.png"
        self.files[name] = file.data
        return Reply(200, {"name": name, "subfolder": "", "type": "input"})

    @on("POST", "/prompt")
    def queue(self, request: Request) -> Reply:
        fields = {
            "prompt": anything, "client_id": text(), "prompt_id": text(),
            "extra_data": record(),
        }  # fmt: skip
        graph = self.accept(request.json, fields, ("prompt",))["prompt"]
        for name, node in graph.items():
            kind, inputs = node["class_type"], node["inputs"]
            wanted = self.loaders().get(kind) or NODES[kind]
            for problem in problems(inputs, wanted, wanted):
                self.complain(f"node {name}, a {kind}: {problem}")
        if graph["3"]["inputs"]["steps"] != (9 if "20" not in graph else 20):
            self.complain(f"the steps are {graph['3']['inputs']['steps']}")
        job = self.submit(graph["6"]["inputs"]["text"], graph=graph)
        return Reply(200, {"prompt_id": job.id, "number": 1, "node_errors": {}})

    def loaders(self) -> Mapping[str, Mapping[str, Check]]:
        """The nodes that load what was uploaded."""

        def kept(then: Callable[[bytes], str | None]) -> Check:
            return lambda value: (
                then(self.files[value]) if value in self.files else f"there is no file {value!r}"
            )

        return {
            "LoadImage": {"image": kept(is_picture)},
            "LoadImageMask": {"image": kept(is_mask("white")), "channel": word("red")},
        }

    @on("POST", "/queue")
    def dequeue(self, request: Request) -> Reply:
        for id in self.accept(request.json, {"delete": items(text(), 1)}, ("delete",))["delete"]:
            if id not in self.jobs:
                self.complain(f"there is no job {id}")
        return Reply(200, b"")

    @on("GET", "/queue")
    def queued(self, request: Request) -> Reply:
        running = [[0, id, {}, {}, []] for id in self.jobs]
        return Reply(200, {"queue_running": running, "queue_pending": []})

    @on("POST", "/interrupt")
    def interrupt(self, request: Request) -> Reply:
        self.call_off(self.accept(request.json, {"prompt_id": text()})["prompt_id"])
        return Reply(200, b"")

    @on("GET", "/history/{id}")
    def history(self, request: Request, id: str) -> Reply:
        job = self.poll(id)
        if job is None or not job.is_done:
            return Reply(200, {})
        status = {"status_str": "success", "completed": True, "messages": []}
        if "fail" in job.prompt:
            broken = {"exception_message": "out of memory", "node_id": "3"}
            failed = {"status_str": "error", "completed": False}
            status = {**failed, "messages": [["execution_error", broken]]}
            return Reply(200, {id: {"prompt": [], "outputs": {}, "status": status}})
        outputs = {"9": self.saved(job, "output"), "10": self.saved(job, "temp")}
        return Reply(200, {id: {"prompt": [], "outputs": outputs, "status": status}})

    def saved(self, job: Job, kind: str) -> dict[str, Any]:
        """One node's pictures; previews are of no interest to anybody."""
        inputs = job.facts["graph"]["5"]["inputs"]
        size = f"{inputs.get('width', 512)}x{inputs.get('height', 512)}"
        data = self.make(size) if kind == "output" else b"a preview"
        name = f"{kind}_00001_.png"
        self.outputs[name] = job, data
        return {"images": [{"filename": name, "subfolder": "", "type": kind}]}

    @on("GET", "/view")
    def view(self, request: Request) -> Reply:
        job, data = self.outputs[request.query["filename"]]
        if request.query.get("type") != "output":
            self.complain(f"a picture of another type: {request.query}")
        return self.unknown(request) if "expire" in job.prompt else Reply(200, data)
