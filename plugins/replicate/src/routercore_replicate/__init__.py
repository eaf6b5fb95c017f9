"""Replicate: predictions of official models, of versions and of deployments."""

from __future__ import annotations

import re
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
    at,
    bearer,
    call,
    classify_openai,
    compact,
    fail,
    generated,
    hookimpl,
    named_job,
    post_json,
    text_at,
)
from routercore_replicate.inputs import inputs_of
from routercore_replicate.models import CARDS, RESULT_LIFETIME
from routercore_replicate.uploads import pictures, source

__all__ = ["Replicate"]

STATES = {
    "succeeded": JobState.DONE,
    "failed": JobState.FAILED,
    "canceled": JobState.FAILED,
    "aborted": JobState.FAILED,
}
# There is no code for a refusal: the words of the failed prediction are all that tells it.
REFUSAL = re.compile(r"NSFW|flagged as sensitive|\bE005\b", re.IGNORECASE)
CODE = re.compile(r"\bE\d{3,4}\b")
RESETS_IN = re.compile(r"resets in ~?(\d+)\s?s", re.IGNORECASE)


class Replicate(Job):
    """The API at api.replicate.com. Predictions are submitted without waiting for them, so that a
    lost connection never leaves one unknown."""

    name = "replicate"
    auth = bearer("REPLICATE_API_TOKEN")
    origins = ("https://api.replicate.com/v1",)
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        return _request(task, [image.data_url for image in pictures(task)])

    def submit(self, task: Task) -> Flow[HttpResponse]:
        sources = []
        for image in pictures(task):
            sources.append((yield from source(task, image)))
        return (yield from call(_request(task, sources)))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        urls = at(response.object(), "urls")
        job = named_job(response, "id")
        home = text_at(urls, "get") or task.url(f"/predictions/{job}")
        return {"id": job, "poll": home, "cancel": text_at(urls, "cancel") or f"{home}/cancel"}

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "status") or ""
        state = STATES.get(word, JobState.PENDING)
        if state is not JobState.FAILED:
            return JobStatus(state, word)
        error = text_at(body, "error") or f"the prediction was {word}"
        code = CODE.search(error)
        if REFUSAL.search(error):
            state = JobState.REFUSED_RESULT
        return JobStatus(state, error, code=code and code[0], charge=Charge.UNKNOWN)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.json()
        output = at(body, "output")
        outputs = output if isinstance(output, list) else [output]
        urls = [text_at([url], 0) for url in outputs]
        if not any(urls) and at(body, "data_removed") is True:
            raise fail(Fault.RESULT_UNAVAILABLE, "the output was deleted, as it is after an hour")
        images = (RawImage(url=url, expires_in=RESULT_LIFETIME) for url in urls if url)
        return generated(images, missing="the prediction has no output")

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        yield from call(post_json(handle["cancel"], None, billable=False), raw=True)

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        resets = RESETS_IN.search(failure.message)
        if failure.fault is Fault.RATE_LIMITED and failure.retry_after is None and resets:
            return replace(failure, retry_after=float(resets[1]))
        return failure


def _request(task: Task, sources: Sequence[str]) -> HttpRequest:
    """A prediction, with the input images and then the mask as URLs."""
    body: dict[str, Any] = {
        "input": compact({**inputs_of(task).input(task, sources), **task.options})
    }
    if task.model.startswith("deployments/"):
        return post_json(task.url(f"/{task.model}/predictions"), body)
    if "/" in task.model and ":" not in task.model:
        return post_json(task.url(f"/models/{task.model}/predictions"), body)
    return post_json(task.url("/predictions"), {"version": task.model, **body})


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Replicate()]
