"""A provider as it should be, and a transcript of it; tests break them in one way each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from routercore.provider import (
    FixedSizes,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    RawImage,
    Task,
    bearer,
    get,
    post_json,
    usd,
)
from routercore.testing.conformance import Subject, run_checks

CARD = ModelCard(
    id="stoneware",
    sizes=FixedSizes(("1024x1024",)),
    prices=(usd("0.04"),),
    price_source="https://kiln.example/prices",
    price_date=date(2026, 11, 1),
)
BASE = "https://api.kiln.example/v1"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"


class Kiln(Job):
    """A provider as it should be."""

    name = "kiln"
    auth = bearer("KILN_API_KEY")
    origins = (BASE,)
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return (CARD,)

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/jobs"), {"prompt": task.prompt})

    def handle(self, task: Task, response: HttpResponse) -> dict[str, Any]:
        job = response.object().get("id")
        if not isinstance(job, str):
            raise ValueError("the answer names no job")
        return {"poll": task.url(f"/jobs/{job}")}

    def poll(self, handle: Any) -> HttpRequest:
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        word = response.object().get("state")
        states = {"done": JobState.DONE, "error": JobState.FAILED}
        return JobStatus(states.get(str(word), JobState.PENDING))

    def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
        picture = response.object().get("picture")
        if not isinstance(picture, str) or not picture:
            raise ValueError("the finished job has no picture")
        return Generated(images=(RawImage(base64=picture),))


def transcript(**changes: Any) -> dict[str, Any]:
    def exchange(method: str, url: str, body: Any, **sent: Any) -> dict[str, Any]:
        request = {"method": method, "url": url, **sent}
        return {"request": request, "response": {"status": 200, "json": body}}

    case = {
        "provider": "kiln",
        "about": "A picture from a prompt.",
        "source": "documented",
        "task": {"model": "stoneware", "prompt": "a jug"},
        "exchanges": [
            exchange("POST", f"{BASE}/jobs", {"id": "j1"}, json={"prompt": "a jug"}),
            exchange("GET", f"{BASE}/jobs/j1", {"state": "firing"}),
            exchange("GET", f"{BASE}/jobs/j1", {"state": "done", "picture": PICTURE}),
        ],
        "result": {"images": 1},
    }
    return {**case, **changes}


def failed(subject: Subject) -> dict[str, str]:
    """What is wrong by the kit, by the check that says so."""
    outcomes = run_checks(subject)
    return {o.check.name: o.problem for o in outcomes if o.problem is not None}
