"""Leonardo: a job that is polled, with an upload before it where there is a picture to edit."""

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
    JobState,
    JobStatus,
    ModelCard,
    Provider,
    RawImage,
    Task,
    Warning,
    at,
    bearer,
    call,
    classify_openai,
    compact,
    generated,
    hookimpl,
    list_at,
    named_job,
    post_json,
    text_at,
)
from routercore_leonardo.models import CARDS
from routercore_leonardo.uploads import uploaded

__all__ = ["Leonardo"]

FLAGGED = Warning(
    code="flagged", param="moderation", message="Leonardo flagged a picture as not safe for work"
)
STATES = {"COMPLETE": JobState.DONE, "FAILED": JobState.FAILED}


class Leonardo(Job):
    """The API at cloud.leonardo.ai, version 1."""

    name = "leonardo"
    auth = bearer("LEONARDO_API_KEY")
    origins = ("https://cloud.leonardo.ai/api/rest/v1",)
    poll_every = 2.0

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        return _request(task, {})

    def submit(self, task: Task) -> Flow[HttpResponse]:
        pictures = yield from uploaded(task)
        return (yield from call(_request(task, pictures)))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = named_job(response, "sdGenerationJob", "generationId")
        return {"id": job, "poll": task.url(f"/generations/{job}")}

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """Delete the generation, which is all that the vendor offers."""
        yield from call(HttpRequest(method="DELETE", url=handle["poll"]), raw=True)

    def status(self, response: HttpResponse) -> JobStatus:
        word = text_at(response.object(), "generations_by_pk", "status") or ""
        return JobStatus(STATES.get(word, JobState.PENDING), word)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        found = list_at(response.json(), "generations_by_pk", "generated_images")
        flagged = any(at(image, "nsfw") is True for image in found)
        images = [RawImage(url=url) for image in found if (url := text_at(image, "url"))]
        # A flagged picture with a URL was delivered and paid for. What the flag means for it is
        # not documented, so that the caller is told and decides.
        return generated(images, withheld=flagged, warnings=(FLAGGED,) if flagged else ())

    def classify(self, response: HttpResponse) -> Failure:
        body = response.object()
        failure = replace(classify_openai(response), code=text_at(body, "code"))
        words = (text_at(body, "error") or "").lower()
        if failure.code == "access-denied" or "authorization hook" in words:
            return replace(failure, fault=Fault.UNAUTHENTICATED)
        if "moderat" in words:
            return replace(failure, fault=Fault.REFUSED)
        if "not enough" in words and "token" in words:
            return replace(failure, fault=Fault.QUOTA)
        return failure


def _request(task: Task, pictures: Mapping[str, Any]) -> HttpRequest:
    body = {
        "prompt": task.prompt,
        "negative_prompt": task.negative_prompt,
        "modelId": task.model,
        "width": task.width,
        "height": task.height,
        "num_images": task.n,
        "seed": task.seed,
        **pictures,
        **task.options,
    }
    return post_json(task.url("/generations"), compact(body))


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Leonardo()]
