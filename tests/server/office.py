"""Jobs without a server: a store that tells what it was asked, and work that ends when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

import pytest

from routercore.engine.driver import Contact
from routercore.server.bodies import ClientGoneError
from routercore.server.faults import (
    Redactor,
)
from routercore.server.job import Found, Job, Order
from routercore.server.jobs import Jobs
from routercore.server.records import MemoryRecordStore, Outcome, Record
from routercore.values.errors import LedgerUnavailableError

DONE = Outcome(status=200, headers={}, parts=(b"picture",), frames=())


class Notebook(MemoryRecordStore):
    """A store that tells what it was asked, may be told to fail, and knows who was called off."""

    def __init__(self, *, is_durable: bool = False) -> None:
        super().__init__(retention=1e9, max_records=100, max_bytes=10**6)
        self.is_durable = is_durable
        self.told: list[tuple[str, Any]] = []
        self.failures = 0
        self.unwanted: list[str] = []
        self.renewed, self.settled, self.swept = (asyncio.Event() for _ in range(3))

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailableError("The database does not answer.")

    async def claim(self, record: Record) -> Record:
        self._fail()
        self.told.append(("claim", (record.id, record.state)))
        return await super().claim(record)

    async def settle(self, record: Record) -> None:
        self._fail()
        self.told.append(("settle", record.id))
        await super().settle(record)
        self.settled.set()

    async def forget(self, id: str) -> None:
        self.told.append(("forget", id))
        await super().forget(id)

    async def release(self, id: str) -> None:
        self.told.append(("release", id))

    async def call_off(self, id: str) -> None:
        self.told.append(("call_off", id))

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        self.told.append(("renew", tuple(ids)))
        self.renewed.set()
        return list(self.unwanted)

    async def sweep(self) -> None:
        self.told.append(("sweep", None))
        self.swept.set()


class Office:
    """Jobs over a notebook, and work that ends when it is told to."""

    def __init__(self, **settings: Any) -> None:
        self.store = Notebook(is_durable=settings.pop("is_durable", False))
        self.now = 0.0
        settings = {"tend_seconds": 0.0, "clock": lambda: self.now, "now": self._now, **settings}
        self.jobs = Jobs(self.store, Redactor([]), **settings)
        self.gate = asyncio.Event()
        self.ends: Outcome | BaseException = DONE
        self.made: list[str] = []
        self.given_back: list[str] = []

    def _now(self) -> float:
        """A second later for each that has begun."""
        return 1e9 + len(self.made)

    async def work(self, job: Job) -> Outcome:
        self.made.append(job.record.id)
        await self.gate.wait()
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends

    async def begin(self, id: str, *, owner: str = "a", hash: str = "h", **fields: Any) -> Found:
        held = ExitStack()
        held.callback(self.given_back.append, id)
        order = Order(id=id, owner=owner, request_hash=hash, **fields)
        found = await self.jobs.begin(order, self.work, held)
        await asyncio.sleep(0)
        return found

    async def end(self, found: Found, with_: Outcome | BaseException = DONE) -> Outcome:
        self.ends = with_
        self.gate.set()
        assert found.job is not None
        return await found.job.ended()

    def of(self, *kinds: str) -> list[tuple[str, Any]]:
        return [one for one in self.store.told if one[0] in kinds]


def at_stake(found: Found, *, is_accepted: bool = False) -> None:
    """Something was sent for it that may be paid for."""
    assert found.job is not None
    contact = Contact()
    contact.left()
    found.job.watch.contacts.append(contact)
    found.job.watch.is_accepted = is_accepted


async def hang_up(office: Office, found: Found) -> None:
    """The only client that waits goes away."""
    assert found.job is not None
    with pytest.raises(ClientGoneError), office.jobs.waiting(found.job):
        raise ClientGoneError
    for _ in range(5):
        await asyncio.sleep(0)
