"""Jobs that nobody waits for any more are called off where the vendor can be told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, status

from routercore.engine.setup import ProviderSetup
from routercore.provider.flow import Flow, accepted, call, wait
from routercore.provider.http import post_json
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import Answer, json_answer
from routercore.values.faults import Fault
from routercore.values.images import Generated, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Endless(ScriptedProvider):
    """Its jobs are accepted and never end; they can be called off."""

    def generate(self, task: Task) -> Flow[Generated]:
        yield from call(post_json(task.url("/jobs"), {"n": task.n}))
        yield from accepted({"cancel": task.url("/jobs/7/cancel")})
        while True:
            yield from wait(1.0)

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        yield from call(post_json(handle["cancel"], {"n": 1}, billable=False))


def kit(*answers: Answer) -> Kit:
    endless = Endless(name="a", origins=("https://a.example",), cards=(CARD,))
    setup = ProviderSetup(name="a", provider=endless, keys=("k",))
    return Kit(setup, answers={"a": answers}, attempt_timeout=20.0)


async def test_a_job_past_its_deadline_is_called_off() -> None:
    """The vendor is told, with the key, and the failure is still that time ran out."""
    made = kit(json_answer({}), json_answer({}))
    error = await made.error()
    assert Fault.DEADLINE is error.attempts[0].failure.fault
    assert ["/jobs", "/jobs/7/cancel"] == [
        request.url.removeprefix("https://a.example") for request in made.transport.requests
    ]
    assert ["k", "k"] == made.keys_used


@pytest.mark.parametrize("answer", [json_answer({}), status(500)])
async def test_a_job_whose_caller_left_is_called_off(answer: Answer) -> None:
    """Whatever the vendor says to that, the cancellation goes through and nothing is left."""
    made = kit(json_answer({}), answer)
    task = asyncio.ensure_future(made.engine.generate(asking()))
    await made.clock.advance(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "https://a.example/jobs/7/cancel" == made.transport.requests[-1].url
    assert (0, 0) == (made.transport.open_exchanges, made.clock.sleepers)
