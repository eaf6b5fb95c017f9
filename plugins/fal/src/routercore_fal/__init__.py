"""fal: any of its models through its queue, with one row of data a model."""

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
    Header,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    Operation,
    Provider,
    RawImage,
    Task,
    at,
    call,
    classify_openai,
    compact,
    generated,
    get,
    hookimpl,
    list_at,
    post_json,
    text_at,
    unnamed_job,
    whole_at,
)
from routercore_fal.endpoints import ENDPOINTS, Endpoint
from routercore_fal.models import CARDS

__all__ = ["Fal"]

ENDED = {
    "content_policy_violation": (Fault.REFUSED, Charge.UNKNOWN),
    "no_media_generated": (Fault.NO_IMAGE, Charge.UNKNOWN),
    "feature_not_supported": (Fault.UNSUPPORTED, Charge.UNKNOWN),
    **dict.fromkeys(
        ("internal_server_error", "generation_timeout", "downstream_service_error",
         "downstream_service_unavailable"), (Fault.JOB_FAILED, Charge.NONE)
    ),
}  # fmt: skip
"""What became of a job, by the ``type`` of its first problem. Every other type finds fault with
the input, which may be charged all the same; statuses from 500 on are never charged (fal's FAQ)."""


class Fal(Job):
    """The queue at queue.fal.run: submit, ask, collect, and call off."""

    name = "fal"
    auth = Header("FAL_KEY", prefix="Key ")
    origins = ("https://queue.fal.run", "https://*.fal.run")
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        endpoint = ENDPOINTS.get(task.model, Endpoint())
        is_new = task.operation is Operation.GENERATE
        path = (endpoint.generate if is_new else endpoint.edit) or task.model
        return post_json(task.url(path), compact({**endpoint.input(task), **task.options}))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        body = response.object()
        job = text_at(body, "request_id")
        poll, result = text_at(body, "status_url"), text_at(body, "response_url")
        if job is None and (poll is None or result is None):
            raise unnamed_job(response)
        # Where the URLs are missing they follow from owner and alias; the rest of the path goes.
        owner, _, rest = task.model.partition("/")
        home = task.url(f"/{owner}/{rest.partition('/')[0]}/requests/{job}")
        return {
            "id": job,
            "poll": poll or f"{home}/status",
            "result": result or home,
            "cancel": text_at(body, "cancel_url") or f"{home}/cancel",
        }

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "status") or ""
        if word == "COMPLETED":
            return JobStatus(JobState.DONE)  # Or failed: the collected answer says so, and why.
        position = whole_at(body, "queue_position")
        ahead = f", {position} ahead" if position else ""
        return JobStatus(JobState.PENDING, f"{word}{ahead}")

    def collect(self, handle: Mapping[str, Any], response: HttpResponse) -> HttpRequest | None:
        return get(handle["result"])

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        yield from call(HttpRequest(method="PUT", url=handle["cancel"]), raw=True)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.json()
        found = list_at(body, "images") or [at(body, "image")]
        flags = at(body, "has_nsfw_concepts") or at(body, "nsfw_content_detected")
        seed = whole_at(body, "seed")
        # One flag may stand for all; a flagged picture has been blacked out.
        black = [flags is True or at(flags, number) is True for number in range(len(found))]
        urls = [
            None if flag else text_at(one, "url") for one, flag in zip(found, black, strict=True)
        ]
        images = [RawImage(url=url, seed=seed) for url in urls if url]
        why = text_at(body, "error") or "the answer has no image"
        return generated(images, withheld=any(black), missing=why)

    def classify(self, response: HttpResponse) -> Failure:
        body = response.object()
        failure = classify_openai(response)
        kind = text_at(body, "detail", 0, "type")
        charge = Charge.NONE if response.status >= 500 else Charge.UNKNOWN
        if kind:
            fault, charge = ENDED.get(kind, (failure.fault, charge))
            return replace(failure, fault=fault, code=kind, charge=charge)
        runner = text_at(body, "error_type") or response.header("x-fal-error-type")
        if runner and response.status >= 500:
            return replace(failure, fault=Fault.JOB_FAILED, code=runner, charge=Charge.NONE)
        if response.status == 403 and "balance" in failure.message.lower():
            return replace(failure, fault=Fault.QUOTA, code=runner)
        return replace(failure, code=runner or failure.code)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Fal()]
