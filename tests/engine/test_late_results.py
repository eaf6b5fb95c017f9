"""A job outlives its polls, its flow, its deadline and its caller; it is never begun twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine.jobs import DONE, PENDING, TAKEN, Desk, Slow, collect, kit, stands, still_open
from tests.engine.kit import Kit, asking, status

from routercore.engine.collecting import Fate
from routercore.engine.setup import ProviderSetup
from routercore.engine.transport.base import Phase
from routercore.provider import JobState
from routercore.provider.flow import Flow, accepted, call, wait
from routercore.provider.http import HttpRequest, HttpResponse, get, post_json
from routercore.testing.providers import PNG
from routercore.testing.transport import Answer, json_answer, lost
from routercore.values.images import Generated, RawImage, Task
from routercore.values.ledger import Balance, Kind


class Stoppable(Slow):
    """Its jobs can be called off."""

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        yield from call(post_json(f"{handle['poll']}/cancel", {}, billable=False))


async def rows(made: Kit) -> list[Kind]:
    """What the only attempt of the latest request went through."""
    (logged,) = await made.ledger.log(limit=1)
    (attempt,) = logged.attempts
    return [entry.kind for entry in attempt.entries]


LATE = [Kind.HELD, Kind.DISPATCHED, Kind.SUSPECT, Kind.POSTED]


async def test_a_picture_after_the_deadline_is_taken_over() -> None:
    """The request has failed; its job is waited for, delivered and posted all the same."""
    made = kit(TAKEN, *[PENDING] * 30, DONE)
    desk = made.engine.collector.on_late = Desk()
    error = await made.error()
    assert 504 == error.status
    assert Balance(suspect=40_000) == await stands(made)
    await made.clock.advance(60)
    (taken,) = desk.taken
    assert ([PNG], LATE) == ([image.data for image in taken.result.images], await rows(made))
    assert 1 == [request.method for request in made.transport.requests].count("POST")


@pytest.mark.parametrize(("answer", "collected"), [(json_answer({}), 0), (status(500), 1)])
async def test_what_the_vendor_calls_off_is_not_waited_for(answer: Answer, collected: int) -> None:
    """A job that the vendor says it stops is left alone; one that it cannot stop is waited for."""

    class Slower(Kit):
        """Works for a minute, whatever it says to being called off."""

        def _answer(self, request: HttpRequest) -> Answer:
            if request.url.endswith("/cancel"):
                return answer
            if request.method == "POST":
                return TAKEN
            return DONE if self.clock.monotonic() > 60 else PENDING

    setup = ProviderSetup(name="a", provider=Stoppable(), keys=("k1",))
    made = Slower(setup, deadline=20.0)
    desk = made.engine.collector.on_late = Desk()
    await made.error()
    await made.clock.advance(90)
    assert collected == len(desk.taken)


async def test_a_job_whose_caller_left_is_waited_for() -> None:
    """Paid work outlives its caller."""
    made = kit(TAKEN, *[PENDING] * 10, DONE)
    desk = made.engine.collector.on_late = Desk()
    task = asyncio.ensure_future(made.engine.generate(asking()))
    await made.clock.advance(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.clock.advance(30)
    assert (1, LATE) == (len(desk.taken), await rows(made))


async def test_nobody_waits_where_nobody_takes_over() -> None:
    """Without anybody to take pictures over, the job is left for others to collect at once."""
    made = kit(TAKEN, *[PENDING] * 100)
    await made.error()
    asked = len(made.transport.requests)
    await made.clock.advance(60)
    assert asked == len(made.transport.requests)
    made.answers["a"].clear()
    made.answers["a"].append(DONE)
    desk = Desk()
    assert {Fate.COLLECTED: 1} == await collect(made, desk)


async def test_late_jobs_are_waited_for_within_bounds() -> None:
    """After ``late_results`` seconds the job is left on the ledger; nothing is left running."""
    made = kit(TAKEN, *[PENDING] * 1000, late_results=30.0)
    made.engine.collector.on_late = Desk()
    await made.error()
    await made.clock.advance(31)
    assert (0, 0) == (made.clock.sleepers, made.transport.open_exchanges)
    assert [(Kind.SUSPECT, None)] == await still_open(made)


async def test_closing_leaves_late_jobs_to_others() -> None:
    """A router that is closed gives its late jobs back, and another collects them at once."""
    made = kit(TAKEN, *[PENDING] * 100)
    made.engine.collector.on_late = Desk()
    await made.error()
    await made.clock.advance(5)
    await made.engine.close()
    other = kit(DONE, books=made.ledger)
    await other.clock.advance(made.clock.monotonic())
    assert {Fate.COLLECTED: 1} == await collect(other, Desk())


async def test_a_picture_that_could_not_be_fetched_in_time_is_fetched_late() -> None:
    """A finished job whose result did not arrive is no loss while somebody goes on trying."""

    class Linked(Slow):
        def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
            return Generated(images=(RawImage(url="https://a.example/result.png"),))

    gone = [status(503)] * 4
    picture = HttpResponse(status=200, headers={}, body=PNG, url="https://a.example/result.png")
    made = kit(TAKEN, DONE, *gone, DONE, picture, provider=Linked())
    desk = made.engine.collector.on_late = Desk()
    error = await made.error()
    assert "result_unavailable" == error.attempts[0].failure.fault
    await made.clock.advance(60)
    assert (1, LATE) == (len(desk.taken), await rows(made))


class Finding(Slow):
    """Knows its jobs by the reference that they were submitted with."""

    def find(self, task: Task) -> Flow[Mapping[str, Any] | None]:
        response = yield from call(get(task.url(f"/jobs?reference={task.idempotency_key}")))
        jobs = response.json()["jobs"]
        return {"poll": task.url(f"/jobs/{jobs[0]}")} if jobs else None


async def test_a_submit_whose_answer_was_lost_is_found() -> None:
    """Where the vendor can be asked by reference, the job is picked up and no second one begun."""
    made = kit(lost(Phase.SENT), json_answer({"jobs": [7]}), DONE, provider=Finding())
    result = await made.generate()
    assert [PNG] == [image.data for image in result.images]
    submit, find, poll = made.transport.requests
    assert ("POST", "GET", "GET") == (submit.method, find.method, poll.method)
    assert Balance(posted=40_000) == await stands(made)


@pytest.mark.parametrize("answer", [json_answer({"jobs": []}), status(500)])
async def test_a_submit_that_is_not_found_is_unknown(answer: Answer) -> None:
    """A vendor that knows of no job, or does not say, leaves it open whether one was begun."""
    made = kit(lost(Phase.SENT), answer, provider=Finding())
    error = await made.error()
    assert "reply_lost" == error.attempts[0].failure.fault
    assert Balance(suspect=40_000) == await stands(made)


class Hasty(Slow):
    """Its flow has no patience of its own: any poll that fails ends it."""

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        while True:
            yield from wait(1.0)
            response = yield from call(self.poll(handle))
            if self.status(response).state is JobState.DONE:
                return self.parse(task, handle, response)

    def generate(self, task: Task) -> Flow[Generated]:
        response = yield from call(self.build(task))
        yield from accepted(self.handle(task, response))
        return (yield from self.resume(task, self.handle(task, response)))


@pytest.mark.parametrize("fault", [status(500), status(429), lost(Phase.SENT), status(503)])
async def test_a_flow_that_breaks_off_is_resumed(fault: Answer) -> None:
    """A job is never submitted again because its flow gave up on a passing fault."""
    made = kit(TAKEN, *[fault] * 20, PENDING, DONE, provider=Hasty(), attempt_timeout=900.0,
               deadline=900.0)  # fmt: skip
    assert 1 == len((await made.generate()).images)
    assert 1 == [request.method for request in made.transport.requests].count("POST")


async def test_a_key_that_is_turned_away_at_a_poll_submits_nothing_anew() -> None:
    """A poll that is not let in says nothing of the job: no other key begins a second one."""
    made = kit(TAKEN, status(401), provider=Hasty())
    await made.error()
    assert ["POST", "GET"] == [request.method for request in made.transport.requests]
    assert Balance(suspect=40_000) == await stands(made)


async def test_an_answer_that_is_never_understood_ends_the_attempt() -> None:
    """An answer that cannot be read is asked for a few times more, and not until the deadline."""

    class Garbled(Hasty):
        def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
            raise ValueError("what is this?")

    made = kit(TAKEN, *[DONE] * 50, provider=Garbled(), attempt_timeout=900.0, deadline=900.0)
    error = await made.error()
    assert "reply_cut" == error.attempts[0].failure.fault
    assert 5 == len(made.transport.requests)


class Racing(Slow):
    """Half of what is asked comes at once, the other half takes for ever."""

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        response = yield from call(self.poll(handle))
        while self.status(response).state is not JobState.DONE:
            yield from wait(1.0)
            response = yield from call(self.poll(handle))
        return self.parse(task, handle, response)


async def test_what_is_paid_and_not_delivered_is_collected() -> None:
    """A caller that leaves when half of its pictures are there loses neither half."""
    made = kit(TAKEN, TAKEN, DONE, *[PENDING] * 9, DONE, DONE, provider=Racing())
    desk = made.engine.collector.on_late = Desk()
    task = asyncio.ensure_future(made.engine.generate(asking(n=8)))
    await made.clock.advance(5)
    (logged,) = await made.ledger.log(limit=1)
    assert {Kind.POSTED, Kind.DISPATCHED} == {one.last.kind for one in logged.attempts}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.clock.advance(60)
    assert (2, []) == (len(desk.taken), await still_open(made))


async def test_what_is_paid_and_gone_stays_paid() -> None:
    """A picture that its vendor does not know any more was posted, and nothing takes that back."""
    gone = [status(404)] * 20
    made = kit(TAKEN, TAKEN, DONE, *[PENDING] * 9, *gone, provider=Racing())
    made.engine.collector.on_late = Desk()
    task = asyncio.ensure_future(made.engine.generate(asking(n=8)))
    await made.clock.advance(5)
    before = await stands(made)
    task.cancel()
    await asyncio.wait([task])
    await made.clock.advance(3600)
    after = await stands(made)
    assert (before.posted, 0) == (after.posted, after.held)
    told = [e.fields for e in made.events if e.name == "job.collected"]
    assert {"given_up"} == {one["fate"] for one in told}


async def test_what_was_delivered_is_not_collected() -> None:
    """Once the caller has its pictures, nothing is left to be collected by anybody."""
    made = kit(TAKEN, DONE)
    await made.generate()
    assert {} == await collect(made, Desk(), even_if_leased=True)
