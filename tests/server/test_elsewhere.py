"""Calls that another process is at: what becomes of them reaches who waits for them here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from routercore.server.elsewhere import Elsewhere
from routercore.server.faults import Redactor
from routercore.server.job import Job
from routercore.server.records import Fate, JobState, MemoryRecordStore, Outcome, Record
from routercore.values.errors import LedgerUnavailableError

UNDER_WAY = Record(id="1", owner="a", created=0.0)
LEFT = replace(UNDER_WAY, is_left=True)
ANSWER = Outcome(status=200, headers={}, parts=(b"{}",), frames=(b"data: {}\n\n",))
DONE = replace(UNDER_WAY, state=JobState.COMPLETED, outcome=ANSWER)
NOT_KEPT = replace(DONE, outcome=None)
GONE = LedgerUnavailableError("gone")
BROKEN = ValueError("a row that was damaged")


class Store(MemoryRecordStore):
    """Finds one thing after the other, the last of them for ever."""

    def __init__(self, *found: Record | Exception | None, fate: Fate = Fate.LOST) -> None:
        super().__init__(retention=100.0, max_records=10, max_bytes=1000)
        self.found, self.is_what, self.looks = list(found), fate, 0

    async def get(self, id: str) -> Record | None:
        self.looks += 1
        one = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(one, Exception):
            raise one
        return one

    async def fate(self, id: str) -> Fate:
        return self.is_what


def follower(store: Store, **settings: Any) -> Elsewhere:
    return Elsewhere(store, Redactor(()), **{"pause": 0.0, **settings})


def code(outcome: Outcome) -> str:
    assert outcome.error is not None
    return str(outcome.error["code"])


async def test_a_call_that_ends_elsewhere() -> None:
    """Its answer and its events are those that the other process has written."""
    store = Store(UNDER_WAY, UNDER_WAY, DONE)
    job = await follower(store).follow(UNDER_WAY)

    assert ANSWER is await job.ended()
    assert ([*ANSWER.frames], DONE, 3) == (job.frames, job.record, store.looks)


async def test_a_call_that_has_ended_already() -> None:
    """What its record says is there at once, and nobody looks again."""
    store = Store(None)
    job = await follower(store).follow(DONE)

    assert (ANSWER, None, 0) == (job.outcome, job.task, store.looks)


@pytest.mark.parametrize(
    ("found", "fate", "expected"),
    [
        (None, Fate.LOST, (409, "idempotency_key_in_use", JobState.IN_PROGRESS)),
        (NOT_KEPT, Fate.LOST, (410, "result_not_kept", JobState.FAILED)),
        (LEFT, Fate.LOST, (409, "outcome_unknown", JobState.FAILED)),
        (LEFT, Fate.UNSENT, (409, "idempotency_key_in_use", JobState.IN_PROGRESS)),
        (GONE, Fate.LOST, (503, "ledger_unavailable", JobState.IN_PROGRESS)),
        (BROKEN, Fate.LOST, (500, "internal_error", JobState.IN_PROGRESS)),
    ],
)
async def test_a_call_that_nobody_ends(
    found: Record | Exception | None, fate: Fate, expected: tuple[int, str, JobState]
) -> None:
    """Who waits is told why; it has failed only where it is not to be made again."""
    job = await follower(Store(found, fate=fate)).follow(UNDER_WAY)

    async with asyncio.timeout(20):
        outcome = await job.ended()
    assert expected == (outcome.status, code(outcome), job.record.state)


async def test_a_result_to_be_collected_is_waited_for_so_long() -> None:
    """While an upstream works on it there is hope, for as long as there is patience."""
    store = Store(LEFT, LEFT, DONE, fate=Fate.PENDING)
    job = await follower(store).follow(LEFT)
    assert ANSWER is await job.ended()

    impatient = follower(Store(LEFT, fate=Fate.PENDING), patience=-1.0)
    outcome = await (await impatient.follow(LEFT)).ended()
    assert (409, True) == (outcome.status, "its result will come" in str(outcome.error))


async def test_all_who_wait_share_one_look() -> None:
    """A call is followed once, until nobody waits for it any more; then anew."""
    here = follower(Store(UNDER_WAY), pause=3600.0)
    first = await here.follow(UNDER_WAY)
    assert first is await here.follow(UNDER_WAY)

    here.leave(first)
    here.leave(Job(UNDER_WAY))  # One that is not followed makes no difference.
    second = await here.follow(UNDER_WAY)
    assert first is not second
    assert first.task is not None
    await asyncio.wait([first.task])
    assert second is await here.follow(UNDER_WAY)
    await here.close()


async def test_a_server_that_stops() -> None:
    """Whoever waits is told to ask again, and nothing is left behind; twice does no harm."""
    here = follower(Store(UNDER_WAY), pause=3600.0)
    job = await here.follow(UNDER_WAY)
    await here.close()
    await here.close()

    assert (409, "idempotency_key_in_use") == ((await job.ended()).status, code(await job.ended()))
    assert job.task is not None
    assert job.task.cancelled()
