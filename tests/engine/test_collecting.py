"""Jobs that nobody waits for any more are collected once, and never submitted again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from tests.engine.jobs import DONE, PENDING, TAKEN, Desk, Slow, collect, kit, stands, still_open
from tests.engine.kit import Kit, asking, dollars, status

from routercore.engine.collecting import Fate
from routercore.engine.setup import ProviderSetup
from routercore.engine.transport.base import Phase
from routercore.provider import JobState, JobStatus
from routercore.provider.flow import Flow, accepted, call
from routercore.provider.http import HttpResponse
from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.providers import PNG
from routercore.testing.transport import Answer, json_answer, lost
from routercore.values.errors import LedgerUnavailableError
from routercore.values.images import Generated, RawImage, Task
from routercore.values.leases import Claim
from routercore.values.ledger import Attempt, Balance, Kind, Step


@asynccontextmanager
async def orphaned(*answers: Answer, provider: Any = None, **settings: Any) -> AsyncIterator[Kit]:
    """Another process's engine, on the ledger of one that died while it polled an accepted job.

    It is 90 seconds later, and ``answers`` are what the upstream has to say from now on.
    """
    dead = kit(TAKEN, *[PENDING] * 10, provider=provider)
    task = asyncio.ensure_future(dead.engine.generate(asking(), request_id="req_1"))
    await dead.clock.advance(5)
    rescuer = kit(*answers, provider=provider, books=dead.ledger, **settings)
    await rescuer.clock.advance(90)
    yield rescuer
    assert "jobs" not in [r.url.rpartition("/")[2] for r in rescuer.transport.requests]
    assert [] == await rescuer.ledger.audit()
    task.cancel()
    await asyncio.wait([task])


async def test_a_job_of_a_dead_process_is_collected() -> None:
    """Its picture is handed over with whose it is, and posted at its price."""
    async with orphaned(PENDING, DONE) as made:
        desk = Desk()
        assert {Fate.COLLECTED: 1} == await collect(made, desk)
        (taken,) = desk.taken
        assert ("req_1", "local", "req_1") == (taken.request_id, taken.caller, taken.result.id)
        assert ([PNG], "a:poster", "art") == ([image.data for image in taken.result.images],
                                              taken.result.target, taken.result.model)  # fmt: skip
        assert dollars("0.04") == taken.result.cost.usd
        assert Balance(posted=40_000) == await stands(made)
        assert {} == await collect(made, desk)


async def test_it_is_asked_after_with_the_key_that_submitted_it() -> None:
    """Vendors show a job to the account alone that began it."""
    async with orphaned(DONE) as made:
        await collect(made, Desk())
        assert ["k2"] == made.keys_used  # The first process happened to take the second key.


async def test_a_living_process_keeps_its_job() -> None:
    """Nobody takes a job over while its process may be at work; unless told that it is not."""
    async with orphaned(DONE) as made:
        early = kit(DONE, books=made.ledger)
        desk = Desk()
        assert {} == await collect(early, desk)
        assert {Fate.COLLECTED: 1} == await collect(early, desk, even_if_leased=True)


async def test_one_of_many_collects() -> None:
    """Of three processes that collect at once one gets the picture, and asks for it."""
    async with orphaned(DONE) as made:
        desk = Desk()
        others = [kit(DONE, books=made.ledger) for _ in range(2)]
        for other in others:
            await other.clock.advance(90)
        every = (one.engine.collector.collect(desk) for one in (made, *others))
        tasks = [asyncio.ensure_future(one) for one in every]
        for one in (made, *others):
            await one.clock.advance(10)
        await asyncio.gather(*tasks)
        assert 1 == len(desk.taken)
        assert 1 == sum(len(one.transport.requests) for one in (made, *others))


async def test_what_is_not_taken_over_is_not_posted() -> None:
    """Where the callback fails the job stays on the ledger, and is tried again later."""
    async with orphaned(DONE, DONE) as made:
        desk = Desk(OSError("no space left"))
        assert {Fate.POSTPONED: 1} == await collect(made, desk)
        assert Balance(held=40_000) == await stands(made)
        assert {} == await collect(made, desk)
        await made.clock.advance(60)
        assert {Fate.COLLECTED: 1} == await collect(made, desk)
        assert Balance(posted=40_000) == await stands(made)


@pytest.mark.parametrize(
    ("answers", "fate", "balance", "why"),
    [
        ([json_answer({"state": "failed"})], Fate.GIVEN_UP, Balance(suspect=40_000), "job_failed"),
        ([json_answer({"state": "refused"})], Fate.FAILED, Balance(), None),
        ([json_answer({"state": "lost"})] * 3, Fate.GIVEN_UP, Balance(suspect=40_000), "job_lost"),
        ([status(404)] * 3, Fate.GIVEN_UP, Balance(suspect=40_000), "job_lost"),
        ([status(401)], Fate.POSTPONED, Balance(held=40_000), None),
        ([PENDING] * 200, Fate.POSTPONED, Balance(held=40_000), None),
        ([status(500)] * 200, Fate.POSTPONED, Balance(held=40_000), None),
    ],
)
async def test_jobs_without_a_picture(
    answers: list[Answer], fate: Fate, balance: Balance, why: str | None
) -> None:
    """A job that failed is settled as its failure charges; a poll that failed decides nothing."""
    async with orphaned(*answers) as made:
        desk = Desk()
        assert {fate: 1} == await collect(made, desk)
        assert (balance, []) == (await stands(made), desk.taken)
        given_up = [reason for _, reason in await still_open(made)]
        assert why in [reason and reason.partition(":")[0] for reason in given_up or [None]]


class Loud(Slow):
    """Says why in the words that it was asked with."""

    def status(self, response: HttpResponse) -> JobStatus:
        state = JobState(response.json()["state"])
        return JobStatus(state, message='cannot draw "a heron"', code="no_birds")


async def test_what_the_vendor_says_of_a_collected_job_is_not_kept() -> None:
    """Who collects does not know the prompt to take out: the fault and its code are told."""
    async with orphaned(json_answer({"state": "failed"}), provider=Loud()) as made:
        await collect(made, Desk())
        (left,) = await made.ledger.open_attempts()
        (told,) = [one.fields["reason"] for one in made.events if one.name == "job.collected"]
    why = "job_failed: what the provider said is not kept; its code is 'no_birds'"
    assert [why] * 3 == [left.last.reason, left.given_up, told]


async def test_a_job_that_cannot_be_asked_after_is_given_up_in_the_end() -> None:
    """After a day of trying the job stays suspect, with the reason, and is left alone."""
    async with orphaned(*[status(500)] * 2000) as made:
        for _ in range(120):
            await collect(made, Desk(), seconds=10.0)
            await made.clock.advance(900)
        ((kind, why),) = await still_open(made)
        assert (Kind.SUSPECT, "deadline") == (kind, (why or "").partition(":")[0])


async def test_a_picture_that_nobody_takes_over_is_given_up_in_the_end() -> None:
    """After a day of trying to hand it over it is left alone, and the reason is told."""
    async with orphaned(*[DONE] * 2000) as made:
        desk = Desk(*[OSError("no space left")] * 2000)
        for _ in range(120):
            await collect(made, desk)
            await made.clock.advance(900)
        ((_, why),) = await still_open(made)
        assert "no space left" in (why or "")
        asked = len(made.transport.requests)
        assert ({}, asked) == (await collect(made, desk), len(made.transport.requests))


async def test_a_picture_that_is_none_was_paid_for() -> None:
    """A finished job whose bytes are no image is posted, as paid and lost."""

    class Spoilt(Slow):
        def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
            return Generated(images=(RawImage(data=b"no image"),))

    async with orphaned(DONE, provider=Spoilt()) as made:
        assert {Fate.FAILED: 1} == await collect(made, Desk())
        assert Balance(posted=40_000) == await stands(made)


async def test_a_job_of_a_provider_that_is_gone_waits() -> None:
    """Where the configuration has lost the provider, the job waits for it to come back."""
    async with orphaned() as made:
        elsewhere = Kit("b", books=made.ledger)
        await elsewhere.clock.advance(90)
        assert {Fate.POSTPONED: 1} == await collect(elsewhere, Desk())
        assert [(Kind.DISPATCHED, None)] == await still_open(made)


@asynccontextmanager
async def two_orphans(books: MemoryLedger) -> AsyncIterator[Kit]:
    """Another process's engine, on the ledger of one that died over two accepted jobs."""
    dead = kit(TAKEN, TAKEN, *[PENDING] * 20, books=books)
    ids = ("req_bad", "req_good")
    tasks = [asyncio.ensure_future(dead.engine.generate(asking(), request_id=id)) for id in ids]
    await dead.clock.advance(5)
    rescuer = kit(DONE, DONE, DONE, books=books)
    await rescuer.clock.advance(90)
    yield rescuer
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


class Spoiling(MemoryLedger):
    """A ledger that hands the ticket of one request over as some later version writes them."""

    is_spoiling = True

    async def claim(self, claim: Claim) -> list[Attempt]:
        return [self._spoilt(one) for one in await super().claim(claim)]

    def _spoilt(self, attempt: Attempt) -> Attempt:
        if not self.is_spoiling or attempt.hold.request != "req_bad":
            return attempt
        ticket = {**json.loads(attempt.ticket or ""), "basis": "k1-barter"}
        return replace(attempt, ticket=json.dumps(ticket))


async def test_one_bad_row_stops_no_other() -> None:
    """A job that fails for a reason nobody foresaw waits; the others are collected meanwhile."""
    books, desk = Spoiling(), Desk()
    async with two_orphans(books) as made:
        assert {Fate.COLLECTED: 1, Fate.POSTPONED: 1} == await collect(made, desk)
        assert ["req_good"] == [one.request_id for one in desk.taken]
        assert {} == await collect(made, desk)
        (told,) = [e for e in made.events if e.fields.get("fate") == "postponed"]
        assert "an unforeseen ValueError in " in told.fields["reason"]
        assert "barter" not in str(told)
        books.is_spoiling = False
        await made.clock.advance(60)
        assert {Fate.COLLECTED: 1} == await collect(made, desk)


async def test_an_unusable_ledger_ends_the_round() -> None:
    """Where the ledger cannot be written the round fails; no job is postponed for that."""

    class Failing(MemoryLedger):
        async def write(self, step: Step) -> Attempt:
            if step.kind is Kind.POSTED:
                raise LedgerUnavailableError("The database does not answer.")
            return await super().write(step)

    async with two_orphans(Failing()) as made:
        with pytest.raises(LedgerUnavailableError):
            await collect(made, Desk())


async def test_a_collector_that_is_stopped_gives_its_job_back() -> None:
    """The next process need not wait for the lease of one that ended in good order."""
    async with orphaned(*[PENDING] * 9) as made:
        task = asyncio.ensure_future(made.engine.collector.collect(Desk()))
        await made.clock.advance(5)
        task.cancel()
        await asyncio.wait([task])
        made.answers["a"].clear()
        made.answers["a"].append(DONE)
        assert {Fate.COLLECTED: 1} == await collect(made, Desk())


@pytest.mark.parametrize(
    ("handle", "why"),
    [
        ({"key": "k1-is-long-enough"}, "credential"),
        ({"text": "x" * 20_000}, "characters"),
        ({"number": float("nan")}, "JSON"),
        ({"set": {1}}, "JSON"),
    ],
)
async def test_a_handle_that_cannot_be_kept(handle: dict[str, Any], why: str) -> None:
    """The job goes on all the same; an event says why nobody else could pick it up."""

    class Odd(Slow):
        def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
            return {"poll": task.url("/jobs/7"), **handle}

    setup = ProviderSetup(name="a", provider=Odd(), keys=("k1-is-long-enough",))
    made = Kit(setup, answers={"a": [TAKEN, DONE]})
    result = await made.generate()
    assert [PNG] == [image.data for image in result.images]
    (event,) = [event for event in made.events if event.name == "job.not_kept"]
    assert why in event.fields["reason"]


async def test_a_provider_that_cannot_resume_keeps_its_job_to_itself() -> None:
    """What no process could pick up again is not put on the ledger to be picked up."""

    class Forgetful(Slow):
        resume = None  # type: ignore[assignment]

        def generate(self, task: Task) -> Flow[Generated]:
            response = yield from call(self.build(task))
            yield from accepted(MappingProxyType(dict(self.handle(task, response))))
            response = yield from call(self.poll(self.handle(task, response)))
            return self.parse(task, {}, response)

    made = kit(TAKEN, DONE, provider=Forgetful())
    assert 1 == len((await made.generate()).images)
    assert ["job.not_kept"] == [event.name for event in made.events if "job." in event.name]


async def test_a_handle_may_be_any_mapping() -> None:
    """A handle that is no dictionary, and could be one, is kept as one."""

    class Frozen(Slow):
        def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
            return MappingProxyType(dict(super().handle(task, response)))

    async with orphaned(DONE, provider=Frozen()) as made:
        assert {Fate.COLLECTED: 1} == await collect(made, Desk())


async def test_the_ticket_is_written_before_the_first_poll() -> None:
    """When the upstream is asked after a job, the ledger has its handle; nothing of the prompt."""
    seen: list[str | None] = []

    class Watching(Kit):
        def _answer(self, request: Any) -> Any:
            seen.extend(one.ticket for one in self.ledger._open())  # type: ignore[attr-defined]
            return super()._answer(request)

    setup = ProviderSetup(name="a", provider=Slow(), keys=("k1",))
    await Watching(setup, answers={"a": [TAKEN, DONE]}).generate(prompt="a heron")
    assert seen[0] is None
    assert "jobs/7" in (seen[1] or "")
    assert "heron" not in (seen[1] or "")


@pytest.mark.parametrize("fault", [status(500), status(429), lost(Phase.SENT), status(503)])
async def test_a_job_outlives_its_polls(fault: Answer) -> None:
    """Twenty failed polls later the picture is there, from one submit."""
    made = kit(TAKEN, *[fault] * 20, DONE, attempt_timeout=900.0, deadline=900.0)
    result = await made.clock.run(made.engine.generate(asking()))
    assert 1 == len(result.images)
    assert 1 == [r.method for r in made.transport.requests].count("POST")
