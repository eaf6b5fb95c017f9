"""An engine over one vendor of jobs, and somebody who takes its pictures over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.engine.kit import CARD, Kit

from routercore.engine.collecting import Collected, Fate
from routercore.engine.setup import ProviderSetup
from routercore.provider import Job, JobState, JobStatus, bearer
from routercore.provider.http import HttpRequest, HttpResponse, get, post_json
from routercore.testing.providers import PNG
from routercore.testing.transport import Answer, json_answer
from routercore.values.images import Generated, RawImage, Task
from routercore.values.ledger import ROUTER, Balance, Kind, Period


class Slow(Job):
    """A vendor of jobs at ``https://a.example``."""

    name = "a"
    auth = bearer("KEY")
    origins = ("https://a.example",)

    def catalogue(self) -> Any:
        return (CARD,)

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/jobs"), {"n": task.n})

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        return {"poll": task.url("/jobs/7"), **response.json()}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        return JobStatus(JobState(response.json()["state"]), message="so it says")

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        return Generated(images=(RawImage(data=PNG),) * response.json()["images"])


TAKEN = json_answer({"job": 7})
PENDING = json_answer({"state": "pending"})
DONE = json_answer({"state": "done", "images": 1})


def kit(*answers: Answer, provider: Any = None, **settings: Any) -> Kit:
    setup = ProviderSetup(name="a", provider=provider or Slow(), keys=("k1", "k2"))
    settings.setdefault("attempt_timeout", 20.0)
    settings.setdefault("deadline", 20.0)
    return Kit(setup, answers={"a": answers}, **settings)


class Desk:
    """Takes what is collected, unless it has something against it."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)
        self.taken: list[Collected] = []

    async def __call__(self, collected: Collected) -> None:
        if self.problems:
            raise self.problems.pop()
        self.taken.append(collected)


async def collect(made: Kit, desk: Desk, **options: Any) -> dict[Fate, int]:
    """What jobs came to; those that none came to are left out."""
    fates = await made.clock.run(made.engine.collector.collect(desk, **options))
    return {fate: number for fate, number in fates.items() if number}


async def stands(made: Kit) -> Balance:
    return await made.ledger.balance(ROUTER, Period.TOTAL, made.clock.now())


async def still_open(made: Kit) -> list[tuple[Kind, str | None]]:
    return [(one.last.kind, one.given_up) for one in await made.ledger.open_attempts()]
