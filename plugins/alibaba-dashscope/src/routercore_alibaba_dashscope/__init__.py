"""Alibaba's DashScope: messages in and URLs out, or jobs for the older models."""

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
    ProviderFailed,
    RawImage,
    Task,
    at,
    bearer,
    call,
    classify_status,
    compact,
    fail,
    generated,
    hookimpl,
    list_at,
    named_job,
    post_json,
    text_at,
)
from routercore_alibaba_dashscope.models import CARDS, JOBS, URL_LIFETIME

__all__ = ["DashScope"]

REFUSAL = "DataInspectionFailed"
CODES = (
    ("InvalidApiKey", Fault.UNAUTHENTICATED),
    ("Arrearage", Fault.QUOTA),
    ("AllocationQuota", Fault.QUOTA),
    ("Throttling", Fault.RATE_LIMITED),
    ("ModelNotFound", Fault.MODEL_NOT_FOUND),
    ("AccessDenied", Fault.FORBIDDEN),
    ("InvalidParameter", Fault.INVALID_REQUEST),
)
"""How codes begin; what follows is detail, such as ``.RateQuota``."""
STATES = {
    "SUCCEEDED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "CANCELED": JobState.FAILED,
    "UNKNOWN": JobState.LOST,
}


class DashScope(Job):
    """The API of Model Studio in Singapore; a key is for one region, and so is a base URL."""

    name = "alibaba-dashscope"
    auth = bearer("DASHSCOPE_API_KEY")
    origins = ("https://dashscope-intl.aliyuncs.com/api/v1",)
    poll_every = 3.0

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def answers_at_once(self, task: Task) -> bool:
        return not task.model.startswith(JOBS)

    def build(self, task: Task) -> HttpRequest:
        parameters = {
            "size": f"{task.size.width}*{task.size.height}" if task.size else None,
            "n": task.n,
            "seed": task.seed,
            "watermark": False,
            **task.options,
        }
        if not self.answers_at_once(task):
            return _job(task, parameters)
        content = [*({"image": image.data_url} for image in task.images), {"text": task.prompt}]
        body = {
            "model": task.model,
            "input": {"messages": [{"role": "user", "content": content}]},
            "parameters": compact({"negative_prompt": task.negative_prompt, **parameters}),
        }
        return post_json(task.url("/services/aigc/multimodal-generation/generation"), body)

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        if text_at(response.object(), "code"):
            raise ProviderFailed(self.classify(response))
        job = named_job(response, "output", "task_id")
        home = task.url(f"/tasks/{job}")
        return {"id": job, "poll": home, "cancel": f"{home}/cancel"}

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """The vendor takes back what it has not begun."""
        yield from call(post_json(handle["cancel"], {}, billable=False), raw=True)

    def status(self, response: HttpResponse) -> JobStatus:
        output = at(response.object(), "output")
        word = text_at(output, "task_status") or ""
        state = STATES.get(word, JobState.PENDING)
        code, message = text_at(output, "code"), text_at(output, "message") or word
        if state is JobState.FAILED and code == REFUSAL:
            state = _refusal_state(message)
        return JobStatus(state, message, code=code)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.json()
        results = list_at(body, "output", "results")
        urls = [*_urls(body), *(text_at(result, "url") for result in results)]
        failed = next((result for result in results if text_at(result, "code")), body)
        if not any(urls) and text_at(failed, "code"):
            raise ProviderFailed(_failure(response, failed))
        return generated(RawImage(url=url, expires_in=URL_LIFETIME) for url in urls if url)

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200."""
        return _failure(response, response.object())


def _job(task: Task, parameters: Mapping[str, Any]) -> HttpRequest:
    if task.images:
        raise fail(Fault.UNSUPPORTED, f"{task.model!r} takes no input image here",
                   param="image", only_here=True)  # fmt: skip
    words = compact({"prompt": task.prompt, "negative_prompt": task.negative_prompt})
    body = {"model": task.model, "input": words, "parameters": compact(parameters)}
    url = task.url("/services/aigc/text2image/image-synthesis")
    return post_json(url, body, x_dashscope_async="enable")


def _urls(body: Any) -> list[str | None]:
    """Pictures of an answer in messages; words beside them are left out."""
    return [
        text_at(part, "image")
        for choice in list_at(body, "output", "choices")
        for part in list_at(choice, "message", "content")
    ]


def _refusal_state(message: str) -> JobState:
    """Words alone say whether it was the request or the finished picture."""
    return JobState.REFUSED_RESULT if "output" in message.lower() else JobState.REFUSED


def _failure(response: HttpResponse, error: Any) -> Failure:
    """What an error means, whether it came alone or in the place of a picture."""
    code, message = text_at(error, "code") or "", text_at(error, "message") or ""
    failure = classify_status(response, message, code=code or None)
    if code == REFUSAL:
        after_work = _refusal_state(message) is JobState.REFUSED_RESULT
        return replace(failure, fault=Fault.REFUSED_RESULT if after_work else Fault.REFUSED)
    for start, fault in CODES:
        if code.startswith(start):
            return replace(failure, fault=fault)
    return replace(failure, fault=Fault.SERVER_ERROR) if response.is_success else failure


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [DashScope()]
