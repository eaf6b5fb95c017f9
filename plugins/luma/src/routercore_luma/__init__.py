"""Luma's Photon: a job that is polled, one picture each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

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
    Provider,
    RawImage,
    Task,
    bearer,
    classify_openai,
    compact,
    fail,
    get,
    hookimpl,
    post_json,
    text_at,
    unnamed_job,
)
from routercore_luma.models import CARDS

__all__ = ["Luma"]

STATES = {"completed": JobState.DONE, "failed": JobState.FAILED}


class Luma(Job):
    """The Dream Machine API at api.lumalabs.ai, its pictures alone."""

    name = "luma"
    auth = bearer("LUMAAI_API_KEY")
    origins = ("https://api.lumalabs.ai/dream-machine/v1",)
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        body = {
            "model": task.model,
            "prompt": task.prompt,
            "aspect_ratio": task.aspect_ratio,
            "format": "jpg" if task.output_format == "jpeg" else task.output_format,
            **task.options,
        }
        return post_json(task.url("/generations/image"), compact(body))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = text_at(response.object(), "id")
        if job is None:
            raise unnamed_job(response)
        return {"id": job, "poll": task.url(f"/generations/{job}")}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "state") or ""
        state = STATES.get(word, JobState.PENDING)
        reason = text_at(body, "failure_reason") or ""
        if state is not JobState.FAILED:
            return JobStatus(state, word)
        # The reason's words are all that tells a refusal; when it was refused they do not say.
        if "moderat" in reason.lower():
            return JobStatus(JobState.REFUSED, reason, charge=Charge.UNKNOWN)
        return JobStatus(state, reason)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.json()
        url = text_at(body, "assets", "image")
        if url is None:
            raise fail(Fault.NO_IMAGE, "the finished generation has no image")
        return Generated(images=(RawImage(url=url),), model=text_at(body, "model"))

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        words = failure.message.lower()
        if failure.fault is Fault.INVALID_REQUEST and "insufficient credits" in words:
            return replace(failure, fault=Fault.QUOTA)
        if failure.fault is Fault.INVALID_REQUEST and "moderat" in words:
            return replace(failure, fault=Fault.REFUSED)
        return failure


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Luma()]
