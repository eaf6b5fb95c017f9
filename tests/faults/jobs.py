"""A provider of polled jobs, for the job-shaped side of a faulty upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routercore.provider import (
    Flow,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    bearer,
    call,
    get,
    post_json,
)
from routercore.provider.rungs import unnamed_job
from routercore.values.images import Generated, RawImage, Task

STATES = {
    "running": JobState.PENDING,
    "done": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.FAILED,
    "unknown": JobState.LOST,
}


class JobService(Job):
    """Submits, polls, finds by reference; results are URLs."""

    def __init__(self, *, name: str, origin: str, cards: Sequence[ModelCard]) -> None:
        self.name, self.origins, self._cards = name, (origin,), cards
        self.auth = bearer("KEY")

    def catalogue(self) -> Sequence[ModelCard]:
        return self._cards

    def build(self, task: Task) -> HttpRequest:
        body = {"prompt": task.prompt, "n": task.n}
        request = post_json(task.url("/jobs"), body)
        return request.with_headers({"idempotency-key": task.idempotency_key or ""})

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        id = response.object().get("id")
        if not isinstance(id, str):
            raise unnamed_job(response)
        return {"id": id, "base_url": task.base_url}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(f"{handle['base_url']}/jobs/{handle['id']}")

    def status(self, response: HttpResponse) -> JobStatus:
        said = response.object()
        return JobStatus(STATES[said["status"]], message=str(said.get("message", "")))

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        urls = response.object()["urls"]
        return Generated(images=tuple(RawImage(url=url) for url in urls))

    def find(self, task: Task) -> Flow[Mapping[str, Any] | None]:
        query = {"reference": task.idempotency_key or ""}
        response = yield from call(get(task.url("/jobs"), query=query))
        found = response.object().get("jobs")
        return {"id": found[0]["id"], "base_url": task.base_url} if found else None


class CancellableJobs(JobService):
    """The same, and its jobs can be called off."""

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        url = f"{handle['base_url']}/jobs/{handle['id']}/cancel"
        yield from call(post_json(url, {}, billable=False))
