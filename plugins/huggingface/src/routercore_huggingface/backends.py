"""The backends behind the router: where each is asked, in which words, and where its jobs are.

Paths and bodies: huggingface_hub 2.4.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from routercore.provider import HttpResponse, Task, at, compact, named_job, unnamed_job

OURS = frozenset({"provider_id", "bill_to"})
"""Options that are for this provider, and not for the backend."""
QUEUE = "?_subdomain=queue"
"""What sends a request to fal's queue instead of having it wait."""


def _own(task: Task, id: str) -> dict[str, Any]:
    inputs = task.images[0].base64 if task.images else task.prompt
    prompt = {"prompt": task.prompt} if task.images else {}
    return {"inputs": inputs, "parameters": compact({**prompt, **_plain(task), **_edges(task)})}


def _fal(task: Task, id: str) -> dict[str, Any]:
    urls = [image.data_url for image in task.images]
    inputs = {"image_url": urls[0], "image_urls": urls} if urls else {}
    return {"prompt": task.prompt, **_plain(task), "image_size": _edges(task) or None, **inputs}


def _nscale(task: Task, id: str) -> dict[str, Any]:
    asked = {"size": _text(task), "response_format": "b64_json"}
    return {"model": id, "prompt": task.prompt, **asked, **_options(task)}


def _replicate(task: Task, id: str) -> dict[str, Any]:
    """An input image goes under all the names that models there have for it."""
    urls = [image.data_url for image in task.images]
    one = urls[0] if urls else None
    named = {"image": one, "images": urls or None, "input_image": one, "input_images": urls or None}
    inputs = {"prompt": task.prompt, **_plain(task), **_edges(task), **named}
    return {"input": compact(inputs)}


def _together(task: Task, id: str) -> dict[str, Any]:
    urls = [image.data_url for image in task.images]
    inputs: dict[str, Any] = {"reference_images": urls or None}
    if urls and "kontext" in id.lower() and "flux.1" in id.lower():
        inputs = {"image_url": urls[0]}
    form = {"response_format": "base64"}
    return {"model": id, "prompt": task.prompt, **form, **_plain(task), **_edges(task), **inputs}


def _wavespeed(task: Task, id: str) -> dict[str, Any]:
    inputs = {"image": task.images[0].data_url} if task.images else {}
    return {"prompt": task.prompt, **_plain(task), **_edges(task), **inputs}


def _zai(task: Task, id: str) -> dict[str, Any]:
    return {"model": id, "prompt": task.prompt, "size": _text(task), **_plain(task)}


def _plain(task: Task) -> dict[str, Any]:
    """What is called the same nearly everywhere, and the caller's own options."""
    plain = {"negative_prompt": task.negative_prompt, "seed": task.seed}
    return {**plain, **_options(task)}


def _options(task: Task) -> dict[str, Any]:
    return {name: value for name, value in task.options.items() if name not in OURS}


def _edges(task: Task) -> dict[str, Any]:
    return {"width": task.width, "height": task.height} if task.size else {}


def _text(task: Task) -> str | None:
    return str(task.size) if task.size else None


def _fal_job(task: Task, response: HttpResponse) -> Mapping[str, Any]:
    """The queue's own addresses, as they are behind the router."""
    id = named_job(response, "request_id")
    home = task.url(f"/fal-ai{_path(response, 'response_url')}")
    return {"id": id, "poll": f"{home}/status{QUEUE}", "result": f"{home}{QUEUE}"}


def _wavespeed_job(task: Task, response: HttpResponse) -> Mapping[str, Any]:
    return {"poll": task.url(f"/wavespeed{_path(response, 'data', 'urls', 'get')}")}


def _zai_job(task: Task, response: HttpResponse) -> Mapping[str, Any]:
    id = named_job(response, "id")
    return {"id": id, "poll": task.url(f"/zai-org/api/paas/v4/async-result/{id}")}


def _path(response: HttpResponse, *place: str) -> str:
    """The path of a URL in an answer."""
    url = at(response.object(), *place)
    try:
        path = urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:
        path = ""
    if not path:
        raise unnamed_job(response)
    return path if path.startswith("/") else f"/{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One backend: how it is asked."""

    path: str
    body: Callable[[Task, str], dict[str, Any]]
    edits: bool = True
    """Whether it takes an input image."""
    edit_query: str = ""
    handle: Callable[[Task, HttpResponse], Mapping[str, Any]] | None = None
    """Where its jobs are found; ``None`` where it answers at once."""
    makes_jobs_of_edits_alone: bool = False

    def answers_at_once(self, task: Task) -> bool:
        is_plain = self.makes_jobs_of_edits_alone and not task.images
        return self.handle is None or is_plain


BACKENDS = {
    "hf-inference": Backend(path="/hf-inference/models/{id}", body=_own),
    "fal-ai": Backend(path="/fal-ai/{id}", body=_fal, edit_query=QUEUE, handle=_fal_job,
                      makes_jobs_of_edits_alone=True),
    "nscale": Backend(path="/nscale/v1/images/generations", body=_nscale, edits=False),
    "replicate": Backend(path="/replicate/v1/models/{id}/predictions", body=_replicate),
    "together": Backend(path="/together/v1/images/generations", body=_together),
    "wavespeed": Backend(path="/wavespeed/api/v3/{id}", body=_wavespeed, handle=_wavespeed_job),
    "zai-org": Backend(path="/zai-org/api/paas/v4/async/images/generations", body=_zai,
                       edits=False, handle=_zai_job),
}  # fmt: skip
