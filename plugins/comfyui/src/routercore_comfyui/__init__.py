"""ComfyUI: pictures are uploaded, a graph is queued, its history is polled, files are fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobStatus,
    ModelCard,
    Part,
    Provider,
    RawImage,
    Task,
    at,
    bearer,
    call,
    classify_openai,
    generated,
    get,
    hookimpl,
    list_at,
    named_job,
    post_json,
    text_at,
)
from routercore_comfyui.files import fetched, uploaded
from routercore_comfyui.graph import filled, pictures, stored_as, wrong_options
from routercore_comfyui.history import saved, standing, wrong_nodes
from routercore_comfyui.models import ANY, WORKFLOW

__all__ = ["ComfyUI"]


class ComfyUI(Job):
    """A server of ComfyUI, and a workflow that its options bring along."""

    name = "comfyui"
    auth = bearer("COMFYUI_API_KEY", optional=True)
    origins = ("http://127.0.0.1:8188",)

    def catalogue(self) -> Sequence[ModelCard]:
        return (WORKFLOW, ANY)

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The checkpoints that the server has."""
        response = yield from call(get(f"{base_url}/models/checkpoints"))
        names = [name for name in list_at(response.json()) if isinstance(name, str) and name]
        return (WORKFLOW, *(ANY.named(name) for name in dict.fromkeys(names)))

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        return wrong_options(options)

    def submit(self, task: Task) -> Flow[HttpResponse]:
        self.build(task)  # What is wrong with the workflow is found before anything is uploaded.
        files = {}
        for slot, image in pictures(task):
            files[slot] = yield from uploaded(task, Part(
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
            "interrupt": task.url("/interrupt"),
            "outputs": [str(node) for node in task.options.get("outputs", ())],
            "seed": task.seed,
        }

    def status(self, response: HttpResponse) -> JobStatus:
        return standing(response)

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """Take the job from the queue; interrupt the server if it is this job that runs.

        The job is named to the newer servers, which stop no other; the older ones stop whatever
        runs, so that they are asked right before what that is.
        """
        id, queue = handle["id"], handle["queue"]
        yield from call(post_json(queue, {"delete": [id]}, billable=False), raw=True)
        running = list_at((yield from call(get(queue))).object(), "queue_running")
        if any(at(entry, 1) == id for entry in running):
            body = {"prompt_id": id}
            yield from call(post_json(handle["interrupt"], body, billable=False), raw=True)

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        made = yield from super().resume(task, handle)
        images = []
        for image in made.images:
            response = yield from fetched(str(image.url))
            images.append(RawImage(data=response.body, seed=handle["seed"]))
        return replace(made, images=tuple(images))

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        """The pictures by the addresses from which :meth:`resume` fetches them."""
        asked = saved(response, handle["outputs"])
        images = (RawImage(url=get(handle["view"], query=query).url) for query in asked)
        return generated(images, missing="the workflow has left no picture")

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        if failure.fault is not Fault.INVALID_REQUEST:
            return failure
        # It is the workflow that does not suit the server, or the values its slots were given.
        node = next(iter(wrong_nodes(response.object())), None)
        detail = text_at(node, "errors", 0, "details") or text_at(node, "errors", 0, "message")
        words = f"{failure.message}: {detail}" if detail else failure.message
        return replace(failure, message=words[:500], only_here=True)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [ComfyUI()]
