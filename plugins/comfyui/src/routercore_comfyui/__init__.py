"""ComfyUI: pictures are uploaded, a graph is queued, its history is polled, files are fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Failure,
    Fault,
    Flow,
    Form,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    MaskPolarity,
    ModelCard,
    Operation,
    Part,
    Provider,
    ProviderFailed,
    RawImage,
    Task,
    at,
    bearer,
    call,
    classify_openai,
    fail,
    fields,
    generated,
    get,
    hookimpl,
    list_at,
    named_job,
    patiently,
    post_form,
    post_json,
    text_at,
    usd,
)
from routercore_comfyui.graph import UNNAMED, filled, pictures, stored_as

__all__ = ["ComfyUI"]

FILE_TRIES = 4
UPLOADED = {"overwrite": True, "type": "input"}
ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset(Operation),
    sizes=AnySize(),
    choose_format=False,
    forms=(Form.BYTES,),
    max_images=10,
    mask=MaskPolarity.WHITE,
    seed=True,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"operations", "sizes", "formats", "max_images", "mask", "latency"}),
)
"""Any checkpoint of the server, for workflows with a slot for it."""
WORKFLOW = replace(ANY, id=UNNAMED, name=UNNAMED, is_public=False)


class ComfyUI(Job):
    """A server of ComfyUI, and a workflow that its options bring along."""

    name = "comfyui"
    auth = bearer("COMFYUI_API_KEY", optional=True)
    origins = ("http://127.0.0.1:8188",)

    def catalogue(self) -> Sequence[ModelCard]:
        return (WORKFLOW, ANY)

    def submit(self, task: Task) -> Flow[HttpResponse]:
        self.build(task)  # What is wrong with the workflow is found before anything is uploaded.
        files = {}
        for slot, image in pictures(task):
            files[slot] = yield from _uploaded(task, Part(
                "image", image.data, stored_as(image), image.media_type
            ))  # fmt: skip
        return (yield from call(self.build(task, files)))

    def build(self, task: Task, files: Mapping[str, str] | None = None) -> HttpRequest:
        if files is None:
            files = {slot: stored_as(image) for slot, image in pictures(task)}
        return post_json(task.url("/prompt"), {"prompt": filled(task, files)})

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = named_job(response, "prompt_id")
        return {
            "id": job,
            "poll": task.url(f"/history/{job}"),
            "view": task.url("/view"),
            "queue": task.url("/queue"),
            "outputs": [str(node) for node in task.options.get("outputs", ())],
            "seed": task.seed,
        }

    def status(self, response: HttpResponse) -> JobStatus:
        entry = _entry(response)
        word = text_at(entry, "status", "status_str") or ""
        if word == "error":
            return JobStatus(JobState.FAILED, _problem(entry))
        # Old servers tell no status; a job enters the history when it has ended.
        is_done = word == "success" or at(entry, "status", "completed") is True
        is_old = at(entry, "status") is None and bool(at(entry, "outputs"))
        return JobStatus(JobState.DONE if is_done or is_old else JobState.PENDING, word)

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """Take the job from the queue; one that runs runs on, because stopping has no name."""
        body = {"delete": [handle["id"]]}
        yield from call(post_json(handle["queue"], body, billable=False), raw=True)

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        made = yield from super().resume(task, handle)
        images = []
        for image in made.images:
            response = yield from _fetched(str(image.url))
            images.append(RawImage(data=response.body, seed=handle["seed"]))
        return replace(made, images=tuple(images))

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        """The pictures by the addresses from which :meth:`resume` fetches them."""
        outputs = at(_entry(response), "outputs")
        files = [
            file
            for node, made in (outputs.items() if isinstance(outputs, dict) else ())
            if not handle["outputs"] or node in handle["outputs"]
            for file in list_at(made, "images")
            if text_at(file, "filename")
        ]
        kept = [file for file in files if text_at(file, "type") == "output"] or files
        names = ("filename", "subfolder", "type")
        asked = [{name: text_at(file, name) or "" for name in names} for file in kept]
        urls = [get(handle["view"], query=query).url for query in asked]
        images = (RawImage(url=url) for url in urls)
        return generated(images, missing="the workflow has left no picture")

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        if failure.fault is not Fault.INVALID_REQUEST:
            return failure
        # It is the workflow that does not suit the server, or the values its slots were given.
        node = next(iter(_nodes(response.object())), None)
        detail = text_at(node, "errors", 0, "details") or text_at(node, "errors", 0, "message")
        words = f"{failure.message}: {detail}" if detail else failure.message
        return replace(failure, message=words[:500], only_here=True)


def _uploaded(task: Task, file: Part) -> Flow[str]:
    """Put a picture where the workflow can load it; the reply is the name that it got."""
    form = [file, *fields(UPLOADED)]
    response = yield from call(post_form(task.url("/upload/image"), form, billable=False))
    body = response.object()
    name, folder = text_at(body, "name"), text_at(body, "subfolder")
    if name is None:
        raise fail(Fault.REPLY_CUT, "the answer to an upload names no file")
    return f"{folder}/{name}" if folder else name


def _fetched(url: str) -> Flow[HttpResponse]:
    try:
        return (yield from patiently(get(url), tries=FILE_TRIES))
    except ProviderFailed as error:
        if error.failure.fault is not Fault.MODEL_NOT_FOUND:
            raise
        raise fail(Fault.RESULT_UNAVAILABLE, "the server no longer has the picture") from error


def _entry(response: HttpResponse) -> Any:
    """The one job of a history, or ``None`` while it is not in there."""
    return next(iter(response.object().values()), None)


def _nodes(body: Mapping[str, Any]) -> list[Any]:
    """What was wrong with the nodes of a graph that the server did not take."""
    nodes = body.get("node_errors")
    return list(nodes.values()) if isinstance(nodes, dict) else []


def _problem(entry: Any) -> str:
    """Why a job ended, out of what the server logged of it."""
    for message in list_at(entry, "status", "messages"):
        kind = at(message, 0)
        if kind == "execution_interrupted":
            return "it was interrupted on the server"
        if kind == "execution_error":
            node = text_at(message, 1, "node_type") or "a node"
            return f"{node}: {text_at(message, 1, 'exception_message') or 'it failed'}"
    return ""


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [ComfyUI()]
