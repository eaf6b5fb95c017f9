"""FLUX from Black Forest Labs: a job that is polled at the URL which its submit returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    Header,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    Provider,
    RawImage,
    Task,
    classify_openai,
    compact,
    fail,
    fraction_at,
    get,
    hookimpl,
    list_at,
    number_at,
    post_json,
    text_at,
    unnamed_job,
    whole_at,
)
from routercore_black_forest_labs.models import CARDS, RESULT_LIFETIME, SINGLE_IMAGE

__all__ = ["BlackForestLabs"]

USD_PER_CREDIT = Decimal("0.01")
STATES = {
    "ready": JobState.DONE,
    "request moderated": JobState.REFUSED,
    "content moderated": JobState.REFUSED_RESULT,
    "error": JobState.FAILED,
    "failed": JobState.FAILED,
    "task not found": JobState.LOST,
}
"""Everything else counts as pending: new words for work in progress have appeared before."""


class BlackForestLabs(Job):
    """The API at api.bfl.ai, one path a model."""

    name = "black-forest-labs"
    auth = Header("BFL_API_KEY", "x-key")
    origins = ("https://api.bfl.ai/v1", "https://*.bfl.ai")
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        body = {
            "prompt": task.prompt,
            "width": task.size and task.size.width,
            "height": task.size and task.size.height,
            "aspect_ratio": task.aspect_ratio,
            "seed": task.seed,
            "output_format": task.output_format,
            "mask": task.mask and task.mask.base64,
            **_inputs(task),
            **task.options,
        }
        return post_json(task.url(f"/{task.model}"), compact(body))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        body = response.object()
        job, poll = text_at(body, "id"), text_at(body, "polling_url")
        if poll is None and job is None:
            raise unnamed_job(response)
        # The job lives in one region, so that another host than that of the URL may not know it.
        # An answer to a submit with a webhook has no URL.
        cost = number_at(body, "cost")
        return {
            "id": job,
            "poll": poll or task.url(f"/get_result?id={job}"),
            "credits": str(cost) if cost is not None else None,
        }

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "status") or text_at(body, "state") or ""
        state = STATES.get(word.lower(), JobState.PENDING)
        why = text_at(body, "error") or text_at(body, "details", "error")
        return JobStatus(
            state,
            f"{word}: {why}" if why else word,
            fraction_at(body, "progress"),
            categories=tuple(
                reason
                for reason in list_at(body, "details", "Moderation Reasons")
                if isinstance(reason, str)
            ),
        )

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.object()
        sample = text_at(body, "result", "sample")
        if sample is None:
            raise fail(Fault.NO_IMAGE, "the finished job has no sample")
        seed = whole_at(body, "result", "seed")
        credits = number_at(handle, "credits")
        return Generated(
            images=(RawImage(url=sample, expires_in=RESULT_LIFETIME, seed=seed),),
            cost_usd=credits * USD_PER_CREDIT if credits is not None else None,
        )

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        if failure.fault is Fault.FORBIDDEN and "authenticated" in failure.message.lower():
            return replace(failure, fault=Fault.UNAUTHENTICATED)
        return failure


def _inputs(task: Task) -> dict[str, str]:
    """Input images by their fields: ``input_image``, ``input_image_2`` and so on, or ``image``."""
    if task.model in SINGLE_IMAGE:
        return {"image": task.images[0].base64} if task.images else {}
    return {
        "input_image" if number == 1 else f"input_image_{number}": image.base64
        for number, image in enumerate(task.images, 1)
    }


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [BlackForestLabs()]
