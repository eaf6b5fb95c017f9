"""Stability AI's Stable Image: forms in, a picture out, refusals in two places, two slow jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    Part,
    Provider,
    RawImage,
    Task,
    bearer,
    call,
    classify_status,
    fail,
    fields,
    get,
    hookimpl,
    list_at,
    post_form,
    refused,
    text_at,
    unnamed_job,
    whole_at,
)
from routercore_stability.models import CARDS, ENDPOINTS, Endpoint

__all__ = ["Stability"]

STRENGTH = 0.7
"""How far a picture may depart from its input, where the request does not say: the vendor insists
on a number, and this one keeps the composition."""
BLOCKED_SECONDS = 60.0
"""Too many requests are answered by a block of a minute, without a Retry-After."""


class Stability(Job):
    """The API at api.stability.ai; most endpoints answer at once, two by a job."""

    name = "stability"
    auth = bearer("STABILITY_API_KEY")
    origins = ("https://api.stability.ai",)
    poll_every = 10.0
    """The vendor asks not to be polled more often."""

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def generate(self, task: Task) -> Flow[Generated]:
        if ENDPOINTS[task.model].is_job:
            return (yield from super().generate(task))
        response = yield from call(self.build(task))
        return self.parse(task, {}, response)

    def build(self, task: Task) -> HttpRequest:
        endpoint = ENDPOINTS[task.model]
        url = task.url(f"/v2beta/stable-image/{endpoint.path}")
        form = [*fields(_settings(task, endpoint)), *_files(task, endpoint)]
        return post_form(url, form, accept="application/json")

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = text_at(response.object(), "id")
        if job is None:
            raise unnamed_job(response)
        return {"id": job, "poll": task.url(f"/v2beta/results/{job}")}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(handle["poll"], accept="application/json")

    def status(self, response: HttpResponse) -> JobStatus:
        if response.status == 202:
            return JobStatus(JobState.PENDING)
        body = {} if _is_image(response) else response.object()
        done = _is_image(response) or "finish_reason" in body or _base64(body) is not None
        return JobStatus(JobState.DONE if done else JobState.PENDING)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        if _is_image(response):
            told: Mapping[str, Any] = response.headers
            reason, image = told.get("finish-reason"), RawImage(data=response.body)
        else:
            told = response.json()
            reason, image = text_at(told, "finish_reason"), RawImage(base64=_base64(told))
        if str(reason).upper() == "CONTENT_FILTERED":
            # What comes with it is the picture, blurred. Whether it is billed is not documented.
            raise refused("the result was filtered", after_work=True, charge=Charge.UNKNOWN)
        if image.data is None and image.base64 is None:
            raise fail(Fault.NO_IMAGE, f"no image; finish_reason is {reason!r}")
        return Generated(images=(replace(image, seed=whole_at(told, "seed")),))

    def classify(self, response: HttpResponse) -> Failure:
        body = response.object()
        name = text_at(body, "name")
        words = [str(error) for error in list_at(body, "errors")]
        failure = classify_status(response, "; ".join(words), code=name)
        if name == "content_moderation":
            return replace(failure, fault=Fault.REFUSED, charge=Charge.NONE)
        if failure.fault is Fault.RATE_LIMITED and failure.retry_after is None:
            return replace(failure, retry_after=BLOCKED_SECONDS)
        return failure


def _settings(task: Task, endpoint: Endpoint) -> dict[str, Any]:
    """The form without its files."""
    missing = [name for name in endpoint.needs if name not in task.options]
    if missing:
        raise fail(Fault.INVALID_REQUEST, f"{task.model!r} needs the option {missing[0]!r}",
                   param=missing[0], only_here=True)  # fmt: skip
    settings: dict[str, Any] = {
        "aspect_ratio": task.aspect_ratio,
        "negative_prompt": task.negative_prompt,
        "seed": task.seed,
        "style_preset": task.style,
        "output_format": task.output_format,
    }
    if endpoint.prompt:
        settings[endpoint.prompt] = task.prompt
    if endpoint.path.startswith("generate/"):
        settings |= _generation(task, endpoint)
    return {**settings, **task.options}


def _generation(task: Task, endpoint: Endpoint) -> dict[str, Any]:
    """What the generators want beyond the rest: a model, and a strength where there is an image."""
    extra: dict[str, Any] = {"strength": STRENGTH} if task.images else {}
    if endpoint.path != "generate/sd3":
        return extra
    mode = "image-to-image" if task.images else "text-to-image"
    return {**extra, "model": task.model, "mode": mode}


def _files(task: Task, endpoint: Endpoint) -> list[Part]:
    named = list(zip(endpoint.images, task.images, strict=False))
    if task.mask is not None:
        named.append(("mask", task.mask))
    return [Part(name, image.data, image.filename, image.media_type) for name, image in named]


def _is_image(response: HttpResponse) -> bool:
    return (response.header("content-type") or "").startswith("image/")


def _base64(body: Any) -> str | None:
    """The picture, which finished jobs have been seen to call ``result``."""
    return text_at(body, "image") or text_at(body, "result")


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Stability()]
