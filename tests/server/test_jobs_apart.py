"""Jobs by themselves: what happens to them when stores fail, clients leave and servers stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import pytest

from routercore.server.bodies import ClientGoneError
from routercore.server.faults import (
    BusyError,
    ElsewhereError,
    GoneError,
    KeyReusedError,
    NotFoundError,
    Redactor,
    StoppingError,
)
from routercore.server.job import Job, Order
from routercore.server.jobs import MAX_RUNNING, Jobs
from routercore.server.records import JobState, MemoryRecordStore, Outcome, Record
from routercore.values.errors import LedgerUnavailableError

ANSWER = Outcome(status=200, headers={}, parts=(b"{}",), frames=())
ELSEWHERE = Record(id="other", owner="a", created=0.0, key="theirs", request_hash="h")
IDS = count()


class Store(MemoryRecordStore):
    """Fails as often as told, and remembers what it was asked."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(retention=100.0, max_records=10, max_bytes=1000)
        self.failures = failures
        self.unwanted: set[str] = set()
        self.called_off: list[str] = []
        self.is_written = asyncio.Event()

    def _answer(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailableError("the database is away")

    async def settle(self, record: Record) -> None:
        self._answer()
        await super().settle(record)
        self.is_written.set()

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        self._answer()
        return self.unwanted

    async def call_off(self, id: str) -> None:
        self.called_off.append(id)


def jobs_over(store: Store, tend_seconds: float = 3600.0) -> Jobs:
    return Jobs(store, Redactor(()), tend_seconds=tend_seconds)


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
async def jobs(store: Store) -> AsyncIterator[Jobs]:
    made = jobs_over(store)
    yield made
    await made.close()


def order(key: str | None = None, *, is_submitted: bool = True) -> Order:
    return Order(
        id=f"job-{next(IDS)}", owner="a", key=key, request_hash="h", is_submitted=is_submitted
    )


async def endless(job: Job) -> Outcome:
    await asyncio.Event().wait()
    return ANSWER


async def quick(job: Job) -> Outcome:
    return ANSWER


async def left_at_the_end(jobs: Jobs, job: Job) -> None:
    with jobs.waiting(job):
        await job.ended()
        raise ClientGoneError


async def begun(jobs: Jobs, work: object = endless, what: Order | None = None) -> Job:
    found = await jobs.begin(what or order(), work, ExitStack())  # type: ignore[arg-type]
    assert found.job is not None
    return found.job


async def test_a_server_that_stopped_begins_nothing(jobs: Jobs) -> None:
    """After its end nothing new is taken on."""
    await jobs.close()
    with pytest.raises(StoppingError):
        await begun(jobs)
    assert 0 == jobs.count


class Gated(Store):
    """Lets a call in when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.opens = asyncio.Event()

    async def claim(self, record: Record) -> Record:
        await self.opens.wait()
        return await super().claim(record)


async def test_a_server_that_stops_while_a_call_is_let_in() -> None:
    """It is not begun after the end, and leaves nothing behind: its key can be used elsewhere."""
    store = Gated()
    jobs, what, done = jobs_over(store), order("k"), list[str]()

    async def work(job: Job) -> Outcome:
        done.append(job.record.id)
        return ANSWER

    beginning = asyncio.create_task(begun(jobs, work, what))
    await asyncio.sleep(0)
    await jobs.close()
    store.opens.set()
    with pytest.raises(StoppingError):
        await beginning
    await asyncio.sleep(0)

    assert ([], 0, None) == (done, jobs.count, await store.get(what.id))


async def test_no_more_than_so_many_side_by_side() -> None:
    """Those that were let in meanwhile count too."""
    store = Gated()
    jobs = jobs_over(store)
    beginning = [asyncio.create_task(begun(jobs)) for _ in range(MAX_RUNNING + 3)]
    await asyncio.sleep(0)
    store.opens.set()
    ends = await asyncio.gather(*beginning, return_exceptions=True)

    assert 3 == sum(isinstance(end, BusyError) for end in ends)
    assert MAX_RUNNING == jobs.count
    await jobs.close()


async def test_no_more_than_so_many(jobs: Jobs, store: Store) -> None:
    """One too many is refused, and leaves nothing behind."""
    for _ in range(MAX_RUNNING):
        await begun(jobs)
    one_more = order()
    with pytest.raises(BusyError):
        await begun(jobs, what=one_more)
    assert (MAX_RUNNING, None) == (jobs.count, await store.get(one_more.id))


async def test_a_key_of_another_process(jobs: Jobs, store: Store) -> None:
    """A call of the same key is waited for where it is made; the last to leave ends that."""
    await store.claim(ELSEWHERE)
    with pytest.raises(KeyReusedError):
        await begun(jobs, what=replace(order("theirs"), request_hash="other"))
    theirs = await begun(jobs, what=order("theirs"))

    with pytest.raises(ClientGoneError), jobs.waiting(theirs):
        raise ClientGoneError
    again = await begun(jobs, what=order("theirs"))

    assert ("other", 0) == (theirs.record.id, jobs.count)
    assert theirs is not again
    found = await jobs.find("a", "other")
    assert again is (await jobs.current(found)).job


async def test_a_call_elsewhere_is_called_off_there(jobs: Jobs, store: Store) -> None:
    """The process that is at it hears of it; here nothing has changed."""
    await store.claim(ELSEWHERE)
    record = await jobs.cancel(await jobs.find("a", "other"))
    assert (["other"], JobState.IN_PROGRESS) == (store.called_off, record.state)
    with pytest.raises(NotFoundError):
        await jobs.find("b", "other")


async def test_an_end_that_cannot_be_written_is_written_later() -> None:
    """Its client has the answer at once; the store gets it as soon as it can take it."""
    store = Store(failures=3)
    jobs = jobs_over(store, tend_seconds=0.0)
    job = await begun(jobs, quick)

    assert ANSWER is await job.ended()
    await store.is_written.wait()
    kept = await store.get(job.record.id)
    await jobs.close()

    assert kept is not None
    assert (JobState.COMPLETED, ANSWER, 0) == (kept.state, kept.outcome, store.failures)


async def test_what_nobody_wants_any_more_is_called_off() -> None:
    """Another process may say so through the store; who waits here hears of it."""
    store = Store()
    jobs = jobs_over(store, tend_seconds=0.0)
    job, other = await begun(jobs), await begun(jobs)
    store.unwanted = {job.record.id, "of another process"}

    outcome = await job.ended()
    assert (GoneError.status, "job_cancelled") == (outcome.status, (outcome.error or {})["code"])
    assert (JobState.CANCELLED, None) == (job.record.state, other.outcome)
    await jobs.close()


async def test_a_job_that_cost_nothing_is_forgotten_with_its_last_client(
    jobs: Jobs, store: Store
) -> None:
    """Nothing was sent: there is nothing to come back for. A second client keeps it alive."""
    job = await begun(jobs, what=order("mine", is_submitted=False))
    with jobs.waiting(job):
        with pytest.raises(ClientGoneError), jobs.waiting(job):
            raise ClientGoneError
        assert job.outcome is None
    await job.ended()

    assert (None, 0) == (await store.get(job.record.id), jobs.count)


async def test_an_answer_that_nobody_waits_for_is_kept(jobs: Jobs, store: Store) -> None:
    """Who hangs up just as it is there finds it by its id; what is for those who wait is gone."""
    for is_ephemeral, expected in ((False, JobState.COMPLETED), (True, None)):
        what = replace(order(is_submitted=False), is_ephemeral=is_ephemeral)
        job = await begun(jobs, quick, what)
        with pytest.raises(ClientGoneError):
            await left_at_the_end(jobs, job)
        async with job.recording:
            pass
        await asyncio.sleep(0)
        kept = await store.get(job.record.id)
        assert expected == (kept.state if kept else None)


async def test_a_server_that_stops_tells_who_waits_for_others(jobs: Jobs, store: Store) -> None:
    """Its own calls end, and who waits for those of others is told to ask again."""
    await store.claim(ELSEWHERE)
    mine, theirs = await begun(jobs), await begun(jobs, what=order("theirs"))
    await jobs.close()

    codes = [(await job.ended()).error or {} for job in (mine, theirs)]
    assert ["server_is_stopping", ElsewhereError.code] == [told["code"] for told in codes]
