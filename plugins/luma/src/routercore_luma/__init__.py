"""Luma's Photon: a job that is polled, one picture each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

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
    Option,
    Provider,
    RawImage,
    Task,
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
from routercore_luma.models import CARDS

__all__ = ["Luma"]

STATES = {"completed": JobState.DONE, "failed": JobState.FAILED}
REFERENCES = ("modify", "image", "style", "character")
"""What the pictures of an edit can be: the option ``reference``."""


class Luma(Job):
    """The Dream Machine API at api.lumalabs.ai, its pictures alone."""

    name = "luma"
    auth = bearer("LUMAAI_API_KEY")
    origins = ("https://api.lumalabs.ai/dream-machine/v1",)
    own_options: ClassVar = {
        "reference": Option(words=REFERENCES),
        "weight": Option(kinds=(float,)),
    }
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        body = {
            "model": task.model,
            "prompt": task.prompt,
            "aspect_ratio": task.aspect_ratio,
            "format": "jpg" if task.output_format == "jpeg" else task.output_format,
            **_references(task),
        }
        return post_json(task.url("/generations/image"), compact(body))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = named_job(response, "id")
        return {"id": job, "poll": task.url(f"/generations/{job}")}

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """Remove the generation, which is all that the vendor offers."""
        yield from call(HttpRequest(method="DELETE", url=handle["poll"]), raw=True)

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
        return generated([RawImage(url=url) if url else None], model=text_at(body, "model"))

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        words = failure.message.lower()
        if failure.fault is Fault.INVALID_REQUEST and "insufficient credits" in words:
            return replace(failure, fault=Fault.QUOTA)
        if failure.fault is Fault.INVALID_REQUEST and "moderat" in words:
            return replace(failure, fault=Fault.REFUSED)
        return failure


def _references(task: Task) -> dict[str, Any]:
    """The options, with the input pictures in the field of what they are to be."""
    options = {k: v for k, v in task.options.items() if k not in ("reference", "weight")}
    if not task.images:
        return options
    kind = task.options.get("reference", "modify" if len(task.images) == 1 else "image")
    urls = [image.url for image in task.images if image.url]
    if len(urls) < len(task.images):
        raise _unable("Luma takes input images by their public URLs alone", "image")
    if kind not in REFERENCES or (kind == "modify" and len(urls) > 1):
        raise _unable(f"{len(urls)} input images cannot be the reference {kind!r}", "reference")
    if kind == "character":
        return {"character_ref": {"identity0": {"images": urls}}, **options}
    weighed = [compact({"url": url, "weight": task.options.get("weight")}) for url in urls]
    return {**({"modify_image_ref": weighed[0]} if kind == "modify" else {f"{kind}_ref": weighed}),
            **options}  # fmt: skip


def _unable(message: str, param: str) -> Exception:
    return fail(Fault.UNSUPPORTED, message, param=param, only_here=True)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Luma()]
