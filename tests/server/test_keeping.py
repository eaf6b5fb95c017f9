"""Results are paid for: they are put into the store before their request ends, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace

from routercore.server.faults import Redactor
from routercore.server.job import Job, Order
from routercore.server.jobs import Jobs
from routercore.server.records import JobState, MemoryRecordStore, Outcome, Record
from routercore.values.errors import LedgerUnavailableError

ORDER = Order(id="req_1", owner="a", key="k")
ANSWER = Outcome(status=200, headers={}, parts=(b"{}",), frames=())


class Slow(MemoryRecordStore):
    """Lets nothing be settled before it is told to; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(retention=100.0, max_records=10, max_bytes=1000)
        self.opens, self.asked, self.failures = asyncio.Event(), asyncio.Event(), failures

    async def settle(self, record: Record) -> None:
        self.asked.set()
        await self.opens.wait()
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailableError("the ledger cannot be used: disk full")
        await super().settle(record)


class World:
    """One call whose picture is there, and which is on its way into a store."""

    def __init__(self, store: Slow, *, storing: bool = False) -> None:
        self.store, self.storing = store, storing
        self.jobs = Jobs(store, Redactor(()), tend_seconds=0.01)
        self.kept: list[bool] = []
        self.heard, self.stores = asyncio.Event(), asyncio.Event()

    def _hear(self, is_kept: bool) -> None:
        self.kept.append(is_kept)
        self.heard.set()

    async def work(self, job: Job) -> Outcome:
        job.watch.on_kept = self._hear  # As an engine does that has a result.
        self.stores.set()
        if self.storing:
            await self.store.opens.wait()
        return ANSWER

    async def begun(self) -> Job:
        found = await self.jobs.begin(ORDER, self.work, ExitStack())
        assert found.job is not None
        await (self.stores if self.storing else self.store.asked).wait()
        return found.job

    async def state(self) -> JobState:
        record = await self.store.get(ORDER.id)
        assert record is not None
        return record.state


async def test_first_the_store_then_the_end() -> None:
    """The request is not over on the ledger before the store has its result."""
    world = World(Slow())
    job = await world.begun()
    assert [] == world.kept

    world.store.opens.set()
    await job.ended()

    assert ([True], JobState.COMPLETED) == (world.kept, await world.state())
    await world.jobs.close()


async def test_a_store_that_fails_for_a_while() -> None:
    """What could not be stored is stored later, and only then the request is over."""
    world = World(Slow(failures=1))
    job = await world.begun()
    world.store.opens.set()
    await job.ended()
    assert [] == world.kept

    await world.heard.wait()

    assert ([True], JobState.COMPLETED) == (world.kept, await world.state())
    await world.jobs.close()


class Stuck(Slow):
    """Fails at first, and then settles all but the first call, whose end it never gets to."""

    def __init__(self) -> None:
        super().__init__(failures=2)
        self.opens.set()
        self.is_stuck, self.renewals = asyncio.Event(), asyncio.Semaphore(0)

    async def settle(self, record: Record) -> None:
        if not self.failures and record.id == ORDER.id:
            self.is_stuck.set()
            await asyncio.Event().wait()
        await super().settle(record)

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        self.renewals.release()
        return ()


async def test_a_store_that_hangs_with_what_is_late() -> None:
    """The leases of this process are renewed meanwhile, and all else that is late is written."""
    world = World(store := Stuck())
    first = await world.begun()
    await first.ended()
    other = await world.jobs.begin(replace(ORDER, id="req_2", key="l"), world.work, ExitStack())
    assert other.job is not None
    await other.job.ended()

    async with asyncio.timeout(20):
        await store.is_stuck.wait()
        await world.heard.wait()
        for _ in range(20):
            await store.renewals.acquire()

    kept = await store.get("req_2")
    assert kept is not None
    assert ([True], JobState.COMPLETED) == (world.kept, kept.state)
    await world.jobs.close()


async def test_the_end_of_a_server_waits_for_it() -> None:
    """A picture that is on its way into a store when the server ends gets there."""
    for storing in (False, True):
        world = World(Slow(), storing=storing)
        await world.begun()
        closing = asyncio.create_task(world.jobs.close())
        await asyncio.sleep(0)
        world.store.opens.set()
        await closing

        assert ([True], JobState.COMPLETED) == (world.kept, await world.state())


async def test_nobody_ends_what_is_made() -> None:
    """To cancel a call whose picture is there would lose what is paid for, and save nothing."""
    world = World(Slow(), storing=True)
    job = await world.begun()
    cancelling = asyncio.create_task(world.jobs.cancel(await world.jobs.find("a", ORDER.id)))
    await asyncio.sleep(0)
    world.store.opens.set()

    assert JobState.COMPLETED is (await cancelling).state
    assert 200 == (await job.ended()).status
    await world.jobs.close()
