"""Fireworks: three families of models, each with a path of its own; one of them works in jobs."""

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
    Provider,
    RawImage,
    Task,
    bearer,
    call,
    classify_openai,
    compact,
    fail,
    hookimpl,
    list_at,
    post_json,
    refused,
    text_at,
    unnamed_job,
)
from routercore_fireworks.models import CARDS, KONTEXT, RESULT_LIFETIME, STEPS, WORKFLOWS

__all__ = ["Fireworks"]

STATES = {
    "ready": JobState.DONE,
    "request moderated": JobState.REFUSED,
    "content moderated": JobState.REFUSED_RESULT,
    "error": JobState.FAILED,
    "failed": JobState.FAILED,
    "task not found": JobState.LOST,
}
"""Everything else counts as pending; the words are those of Black Forest Labs."""


class Fireworks(Job):
    """The API at api.fireworks.ai; pictures come as bytes, those of Kontext by a job."""

    name = "fireworks"
    auth = bearer("FIREWORKS_API_KEY")
    origins = ("https://api.fireworks.ai/inference/v1",)

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def generate(self, task: Task) -> Flow[Generated]:
        if task.model in KONTEXT:
            return (yield from super().generate(task))
        response = yield from call(self.build(task))
        return _picture(response)

    def build(self, task: Task) -> HttpRequest:
        body = compact(
            {
                "prompt": task.prompt,
                "aspect_ratio": task.aspect_ratio,
                "width": task.size and task.size.width,
                "height": task.size and task.size.height,
                "seed": task.seed,
                "negative_prompt": task.negative_prompt,
                "input_image": task.images[0].data_url if task.images else None,
                **STEPS.get(task.model, {}),
                **task.options,
            }
        )
        if task.model in KONTEXT:
            body |= compact({"output_format": task.output_format})
            return post_json(task.url(f"workflows/{task.model}"), body)
        accept = f"image/{task.output_format or task.card.formats[0]}"
        if task.model in WORKFLOWS:
            return post_json(task.url(f"workflows/{task.model}/text_to_image"), body, accept=accept)
        return post_json(task.url(f"image_generation/{task.model}"), body, accept=accept)

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = text_at(response.object(), "request_id")
        if job is None:
            raise unnamed_job(response)
        return {"id": job, "poll": task.url(f"workflows/{task.model}/get_result")}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return post_json(handle["poll"], {"id": handle["id"]}, billable=False)

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "status") or ""
        reasons = list_at(body, "details", "Moderation Reasons")
        return JobStatus(
            STATES.get(word.lower(), JobState.PENDING),
            word,
            categories=tuple(reason for reason in reasons if isinstance(reason, str)),
        )

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        sample = text_at(response.object(), "result", "sample")
        if sample is None:
            raise fail(Fault.NO_IMAGE, "the finished job has no sample")
        return Generated(images=(RawImage(url=sample, expires_in=RESULT_LIFETIME),))

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        return replace(failure, code=failure.code or text_at(response.object(), "code"))


def _picture(response: HttpResponse) -> Generated:
    """The picture that an answer is; whether a filtered one is billed is not documented."""
    if str(response.header("finish-reason")).upper() == "CONTENT_FILTERED":
        raise refused("the result was filtered", after_work=True, charge=Charge.UNKNOWN)
    if not (response.header("content-type") or "").startswith("image/") or not response.body:
        raise fail(Fault.NO_IMAGE, f"the answer is no picture: {response.text[:200]}")
    return Generated(images=(RawImage(data=response.body),))


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Fireworks()]
