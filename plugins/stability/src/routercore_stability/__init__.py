"""Stability AI's Stable Image: forms in, a picture out, refusals in two places, two slow jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    Option,
    Provider,
    RawImage,
    Task,
    bearer,
    classify_status,
    fail,
    get,
    hookimpl,
    list_at,
    named_job,
    post_form,
    refused,
    text_at,
    whole_at,
)
from routercore_stability.endpoints import ENDPOINTS
from routercore_stability.models import CARDS

__all__ = ["Stability"]

BLOCKED_SECONDS = 60.0
"""Too many requests are answered by a block of a minute, without a Retry-After."""


class Stability(Job):
    """The API at api.stability.ai; most endpoints answer at once, two by a job."""

    name = "stability"
    auth = bearer("STABILITY_API_KEY")
    origins = ("https://api.stability.ai",)
    own_options: ClassVar = {
        name: Option() for endpoint in ENDPOINTS.values() for name in endpoint.needs
    }
    poll_every = 10.0
    """The vendor asks not to be polled more often."""

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def answers_at_once(self, task: Task) -> bool:
        return not ENDPOINTS[task.model].is_job

    def build(self, task: Task) -> HttpRequest:
        endpoint = ENDPOINTS[task.model]
        url = task.url(f"/v2beta/stable-image/{endpoint.path}")
        return post_form(url, endpoint.form(task), accept="application/json")

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = named_job(response, "id")
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


def _is_image(response: HttpResponse) -> bool:
    return (response.header("content-type") or "").startswith("image/")


def _base64(body: Any) -> str | None:
    """The picture, which finished jobs have been seen to call ``result``."""
    return text_at(body, "image") or text_at(body, "result")


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Stability()]
