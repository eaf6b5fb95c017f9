"""Alibaba's DashScope: messages in and URLs out, or jobs for the older models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    compact,
    fail,
    generated,
    hookimpl,
    list_at,
    named_job,
    post_json,
    text_at,
)
from routercore_alibaba_dashscope.errors import REFUSAL, failure_of, refusal_state
from routercore_alibaba_dashscope.models import CARDS, JOBS, URL_LIFETIME

__all__ = ["DashScope"]

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
            state = refusal_state(message)
        return JobStatus(state, message, code=code)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body = response.json()
        results = list_at(body, "output", "results")
        urls = [*_urls(body), *(text_at(result, "url") for result in results)]
        failed = next((result for result in results if text_at(result, "code")), body)
        if not any(urls) and text_at(failed, "code"):
            raise ProviderFailed(failure_of(response, failed))
        return generated(RawImage(url=url, expires_in=URL_LIFETIME) for url in urls if url)

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200."""
        return failure_of(response, response.object())


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


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [DashScope()]
