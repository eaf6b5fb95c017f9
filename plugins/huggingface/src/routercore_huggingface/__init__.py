"""Hugging Face's router: one token, several backends, some of which answer by jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from routercore.provider import (
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
    at,
    bearer,
    classify_openai,
    compact,
    fail,
    get,
    hookimpl,
    number_at,
    post_json,
    text_at,
    unnamed_job,
)
from routercore_huggingface.answers import read
from routercore_huggingface.backends import BACKENDS, OURS, Backend
from routercore_huggingface.models import BACKEND_IDS, CARDS, DEFAULT_BACKEND

__all__ = ["HuggingFace"]

STATES = {
    "completed": JobState.DONE,
    "success": JobState.DONE,
    "failed": JobState.FAILED,
    "fail": JobState.FAILED,
}
"""The words of all backends for the end of a job, in lower case."""


class HuggingFace(Job):
    """The router at router.huggingface.co; a model is a repository, and ``:backend`` behind it."""

    name = "huggingface"
    auth = bearer("HF_TOKEN")
    origins = ("https://router.huggingface.co",)
    own_options: ClassVar = dict.fromkeys(OURS, Option())

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def answers_at_once(self, task: Task) -> bool:
        return _backend(task)[1].answers_at_once(task)

    def build(self, task: Task) -> HttpRequest:
        name, backend = _backend(task)
        if task.images and not backend.edits:
            raise fail(Fault.UNSUPPORTED, f"{name!r} takes no input image here",
                       param="image", only_here=True)  # fmt: skip
        repository = task.model.partition(":")[0]
        usual = BACKEND_IDS.get((name, repository), repository)
        id = str(task.options.get("provider_id", usual))
        url = task.url(backend.path.format(id=id)) + (backend.edit_query if task.images else "")
        headers = {
            "x-hf-bill-to": task.options.get("bill_to"),
            "prefer": "wait" if name == "replicate" else None,
            "accept-language": "en-US,en" if name == "zai-org" else None,
        }
        return post_json(url, compact(backend.body(task, id))).with_headers(compact(headers))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        where = _backend(task)[1].handle
        if where is None:
            raise unnamed_job(response)
        return where(task, response)

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        job = at(body, "data") or body
        word = text_at(job, "status") or text_at(job, "task_status") or ""
        return JobStatus(STATES.get(word.lower(), JobState.PENDING), text_at(job, "error") or word)

    def collect(self, handle: Mapping[str, Any], response: HttpResponse) -> HttpRequest | None:
        return get(handle["result"]) if "result" in handle else None

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        if (response.header("content-type") or "").startswith("image/"):
            return Generated(images=(RawImage(data=response.body),))
        return read(response.json())

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        body = response.object()
        if text_at(body, "detail", 0, "type") == "content_policy_violation":
            return replace(failure, fault=Fault.REFUSED, code="content_policy_violation")
        loading = number_at(body, "estimated_time")
        if loading is not None and loading >= 0 and failure.retry_after is None:
            return replace(failure, retry_after=float(loading))
        return failure


def _backend(task: Task) -> tuple[str, Backend]:
    """The backend that the model names behind a colon."""
    name = task.model.partition(":")[2] or DEFAULT_BACKEND
    if name not in BACKENDS:
        raise fail(Fault.UNSUPPORTED, f"no backend {name!r}; there are {', '.join(BACKENDS)}",
                   param="model", only_here=True)  # fmt: skip
    return name, BACKENDS[name]


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [HuggingFace()]
