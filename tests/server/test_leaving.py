"""Calls whose clients hang up or cancel, whose store is down, and whose server stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.server.office import DONE, Office, at_stake, hang_up

from routercore.server.bodies import ClientGoneError
from routercore.server.faults import (
    BusyError,
    InternalError,
    NotFoundError,
    StoppingError,
)
from routercore.server.job import Found, Job
from routercore.server.records import JobState, Outcome, Record
from routercore.values.errors import RouterError


async def test_who_hangs_up_before_anything_was_sent(office: Office) -> None:
    """Nothing can be paid: the work is given up, and the key is as if it had never been used."""
    found = await office.begin("1", key="k")
    await hang_up(office, found)
    assert ([("forget", "1")], 0) == (office.of("forget", "settle"), office.jobs.count)
    assert (await office.begin("2", key="k")).is_new


async def test_who_hangs_up_while_others_wait(office: Office) -> None:
    """As long as somebody waits the work goes on."""
    found = await office.begin("1", key="k")
    assert found.job is not None
    with office.jobs.waiting(found.job):
        await hang_up(office, found)
        assert 1 == office.jobs.count
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 == office.jobs.count


async def test_who_hangs_up_on_a_job(office: Office) -> None:
    """Submitted work was never waited for."""
    found = await office.begin("1", key="k", is_submitted=True)
    await hang_up(office, found)
    assert 1 == office.jobs.count


async def test_who_hangs_up_on_what_may_be_paid(office: Office) -> None:
    """It goes on, and is written down now if it was not."""
    found = await office.begin("1")
    at_stake(found)
    await hang_up(office, found)
    assert [("claim", ("1", JobState.IN_PROGRESS))] == office.of("claim")
    await office.end(found)
    record = await office.store.get("1")
    assert (DONE, JobState.COMPLETED) == (record and record.outcome, record and record.state)


async def test_who_hangs_up_after_the_end(office: Office) -> None:
    """A result that nobody took is kept for whoever comes back."""
    found = await office.begin("1")
    await office.end(found)
    await hang_up(office, found)
    assert [("claim", ("1", JobState.IN_PROGRESS)), ("settle", "1")] == office.of("claim", "settle")
    assert DONE == (await office.jobs.find("a", "1")).record.outcome


@pytest.mark.parametrize("fields", [{}, {"is_ephemeral": True}])
async def test_what_is_not_finished_for_nobody(fields: dict[str, Any]) -> None:
    """Where the configuration says so, and where its result is for nobody else, it is given up."""
    office = Office(finish_abandoned=bool(fields))
    found = await office.begin("1", **fields)
    at_stake(found)
    await hang_up(office, found)
    assert ([], 0) == (office.of("claim"), office.jobs.count)
    keyed = await office.begin("2", key="k", **fields)
    at_stake(keyed)
    await hang_up(office, keyed)
    assert 1 == office.jobs.count
    office.gate.set()
    await office.jobs.close()


async def test_only_so_many_for_nobody() -> None:
    """Beyond the bound the next one that is left is given up."""
    office = Office(max_abandoned=1)
    both = [await office.begin(id) for id in ("1", "2")]
    for found in both:
        at_stake(found)
        await hang_up(office, found)
    assert [None, JobState.CANCELLED] == [
        found.job.record.state if found.job and found.job.outcome else None for found in both
    ]
    office.gate.set()
    await office.jobs.close()


async def test_what_was_delivered_is_forgotten(office: Office) -> None:
    """It was remembered for the client that has it now; what has a key stays."""
    for id, key in (("1", None), ("2", "k")):
        office.gate.clear()
        found = await office.begin(id, key=key)
        assert found.job is not None
        await office.jobs.record(found.job)
        await office.end(found)
        await office.jobs.delivered(found.job)
    unrecorded = await office.begin("3")
    assert unrecorded.job is not None
    await office.end(unrecorded)
    await office.jobs.delivered(unrecorded.job)
    assert [("forget", "1")] == office.of("forget")


@pytest.mark.parametrize(
    ("error", "is_accepted", "is_forgotten"),
    [({"code": "x"}, True, False), ({"code": "x"}, False, True), (None, True, True)],
)
async def test_a_failure_that_may_become_a_picture(
    office: Office, error: Any, is_accepted: bool, is_forgotten: bool
) -> None:
    """While an accepted job may still be collected its failed call stays known."""
    found = await office.begin("1")
    assert found.job is not None
    at_stake(found, is_accepted=is_accepted)
    await office.jobs.record(found.job)
    await office.end(found, replace(DONE, error=error))
    with office.jobs.waiting(found.job):
        await office.jobs.delivered(found.job)
        assert [] == office.of("forget")
    await office.jobs.delivered(found.job)
    assert ([("forget", "1")] if is_forgotten else []) == office.of("forget")


async def test_recording_twice_is_once(office: Office) -> None:
    """What cannot be written down now goes on all the same."""
    found = await office.begin("1")
    assert found.job is not None
    office.store.failures = 1
    await office.jobs.record(found.job)
    assert not found.job.is_recorded
    await office.jobs.record(found.job)
    await office.jobs.record(found.job)
    assert [("claim", ("1", JobState.IN_PROGRESS))] == office.of("claim")


async def test_an_accepted_job_is_written_down_at_once(office: Office) -> None:
    """Before it is asked after: its call must be found by whoever comes later."""
    found = await office.begin("1")
    assert found.job is not None
    await found.job.watch.accepted()
    assert [("claim", ("1", JobState.IN_PROGRESS))] == office.of("claim")
    assert found.job.watch.keeps_result


async def test_what_went_wrong_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Under the id of the request, with the reason."""
    found = await office.begin("req_1", key="k")
    assert found.job is not None
    office.store.failures = 1
    await office.end(found)
    other = await office.begin("req_2")
    assert other.job is not None
    office.store.failures = 1
    await office.jobs.record(other.job)
    office.gate.clear()
    broken = await office.begin("req_3")
    await office.end(broken, ValueError("a mistake of ours"))
    lines = [line for line in caplog.messages if "req_" in line]
    for id, reason in (
        ("req_1", "does not answer"),
        ("req_2", "does not answer"),
        ("req_3", "a mistake of ours"),
    ):
        assert [True] == [reason in line for line in lines if id in line]


async def test_cancelling(office: Office) -> None:
    """Here it ends at once; elsewhere whoever is at it is told."""
    found = await office.begin("1", key="k")
    record = await office.jobs.cancel(found)
    assert (JobState.CANCELLED, 410) == (record.state, record.outcome and record.outcome.status)
    assert record.outcome is not None
    assert record.outcome.error is not None
    assert ("job_cancelled", "The job was cancelled.") == (
        record.outcome.error["code"], record.outcome.error["message"],
    )  # fmt: skip
    elsewhere = Record(id="x", owner="a", created=1.0)
    for job in (None, Job(elsewhere)):
        assert elsewhere is await office.jobs.cancel(Found(elsewhere, job))
    assert [("call_off", "x")] * 2 == office.of("call_off")


async def test_forgetting(office: Office) -> None:
    """A record that is forgotten is not found."""
    found = await office.begin("1", key="k")
    await office.end(found)
    await office.jobs.forget(found.record)
    with pytest.raises(NotFoundError):
        await office.jobs.find("a", "1")


async def test_an_end_that_cannot_be_written_down(office: Office) -> None:
    """Whoever waits gets it; it is written down when the store answers."""
    found = await office.begin("1", key="k")
    office.store.failures = 1
    assert DONE is await office.end(found)
    await office.store.settled.wait()
    assert DONE == (await office.jobs.find("a", "1")).record.outcome
    office.store.renewed.clear()
    office.gate.clear()
    await office.begin("2", key="l")
    await office.store.renewed.wait()
    assert [("settle", "1")] == office.of("settle")


async def test_tending(office: Office) -> None:
    """The store hears of what runs and is recorded; what nobody wants any more is ended."""
    found = await office.begin("1", key="k")
    await office.begin("2")
    await office.store.renewed.wait()
    assert ("renew", ("1",)) == office.of("renew")[0]
    office.store.unwanted = ["1", "nobody's"]
    assert found.job is not None
    outcome = await found.job.ended()
    assert (410, JobState.CANCELLED) == (outcome.status, found.job.record.state)
    assert [] == office.of("sweep")
    office.now += 61
    await office.store.swept.wait()
    assert [("sweep", None)] == office.of("sweep")


async def test_nothing_is_left_behind_when_a_server_stops(office: Office) -> None:
    """It returns when all that was under way has ended, chores and all."""
    kept, running = await office.begin("1"), await office.begin("2", key="k")
    await office.end(kept)
    office.gate.clear()
    assert kept.job is not None
    with pytest.raises(ClientGoneError), office.jobs.waiting(kept.job):
        raise ClientGoneError
    assert kept.job is (await office.jobs.find("a", "1")).job
    await office.jobs.close()
    assert running.job is not None
    assert 0 == office.jobs.count
    assert DONE == (await office.jobs.find("a", "1")).record.outcome
    assert [("claim", ("1", JobState.IN_PROGRESS))] == office.of("claim")[1:]


async def test_idle(office: Office) -> None:
    """It waits for all that is under way."""
    await office.jobs.idle()
    found = await office.begin("1")
    waiting = asyncio.create_task(office.jobs.idle())
    await asyncio.sleep(0)
    assert not waiting.done()
    await office.end(found)
    await waiting
    assert 0 == office.jobs.count


async def closed(office: Office, *, is_accepted: bool | None) -> Outcome:
    """What a keyed call comes to whose server stops."""
    found = await office.begin("1", key="k")
    if is_accepted is not None:
        at_stake(found, is_accepted=is_accepted)
    await office.jobs.close()
    assert found.job is not None
    assert found.job.outcome is not None
    with pytest.raises(StoppingError):
        await office.begin("2")
    handed = [contact.is_handed_over for contact in found.job.watch.contacts]
    assert [office.store.is_durable] * len(handed) == handed
    return found.job.outcome


@pytest.mark.parametrize(
    ("is_durable", "is_accepted", "code", "written"),
    [
        (True, None, "server_is_stopping", ("forget", "1")),
        (True, True, "job_handed_over", ("release", "1")),
        (True, False, "outcome_unknown", ("settle", "1")),
        (False, True, "outcome_unknown", ("settle", "1")),
    ],
)
async def test_a_server_that_stops(
    is_durable: bool, is_accepted: bool | None, code: str, written: tuple[str, str]
) -> None:
    """Unsent: as if it had never been. Accepted: left to the next process. Else: in doubt."""
    office = Office(is_durable=is_durable)
    outcome = await closed(office, is_accepted=is_accepted)
    assert outcome.error is not None
    assert code == outcome.error["code"]
    if code == "job_handed_over":
        assert outcome.may_repeat
    assert [written] == office.of("forget", "release", "settle")
    if code == "outcome_unknown":
        assert outcome.error["message"] == (
            "The server stopped before the upstream had answered. The call may be paid for and is"
            " not made again."
        )
        record = await office.store.get("1")
        assert (JobState.FAILED, "k") == (record and record.state, record and record.key)


async def test_an_accepted_job_without_a_key_is_written_down_when_its_server_stops() -> None:
    """Its client may come back for it by its id."""
    office = Office(is_durable=True)
    found = await office.begin("1")
    at_stake(found, is_accepted=True)
    await office.jobs.close()
    assert found.job is not None
    assert found.job.outcome is not None
    assert not found.job.outcome.may_repeat
    assert [("claim", ("1", JobState.IN_PROGRESS)), ("release", "1")] == office.of(
        "claim", "release"
    )


def test_errors_of_ours_are_errors_of_the_router() -> None:
    """What the server says of itself is told as any other error is."""
    assert all(issubclass(one, RouterError) for one in (InternalError, BusyError, NotFoundError))
