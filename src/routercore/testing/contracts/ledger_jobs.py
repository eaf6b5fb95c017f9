"""The contract of ledgers, where jobs are collected that their own process does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from routercore.engine.ledger import Ledger
from routercore.testing.contracts.ledger import LEASE, NOON, hold, step, take
from routercore.values.leases import Claim, Mark
from routercore.values.ledger import Kind, LedgerStepError

TICKET = '{"job": 7}'


def claim(owner: str = "rescuer", **fields: Any) -> Claim:
    """A claim at the moment when leases end, for five minutes."""
    now = fields.pop("now", NOON + LEASE)
    return Claim(**{"owner": owner, "now": now, "until": now + LEASE, **fields})


class LedgerJobContract:
    """What was accepted upstream can be collected, by one process at a time."""

    def make(self) -> Ledger:
        """A backend with nothing in it."""
        raise NotImplementedError

    @asynccontextmanager
    async def left(self, *names: str, kind: Kind = Kind.DISPATCHED) -> AsyncIterator[Ledger]:
        """Attempts whose jobs were accepted, and whose process has died since."""
        ledger = self.make()
        try:
            for name in names:
                await ledger.reserve(hold(name))
                await take(ledger, Kind.DISPATCHED, attempt=name)
                await ledger.mark(Mark(attempt=name, ticket=TICKET))
                if kind is not Kind.DISPATCHED:
                    await take(ledger, kind, attempt=name)
            yield ledger
            assert [] == await ledger.audit()
        finally:
            await ledger.close()

    @pytest.mark.parametrize("kind", [Kind.DISPATCHED, Kind.SUSPECT])
    async def test_a_job_that_was_left_behind_is_claimed(self, kind: Kind) -> None:
        """Whoever claims gets the ticket, and no later claim gets it, until the lease is over."""
        async with self.left("a", kind=kind) as ledger:
            (taken,) = await ledger.claim(claim())
            assert (TICKET, "rescuer", kind) == (taken.ticket, taken.owner, taken.last.kind)
            assert NOON + 2 * LEASE == taken.leased_until
            assert [] == await ledger.claim(claim("late"))
            assert [] == await ledger.claim(claim("late", even_if_leased=True))
            assert 1 == len(await ledger.claim(claim("later", now=NOON + 2 * LEASE)))

    async def test_one_claim_of_many_gets_a_job(self) -> None:
        """Of ten claims at once on six jobs each job falls to one."""
        names = [f"a{number}" for number in range(6)]
        async with self.left(*names) as ledger:
            claims = (ledger.claim(claim(f"r{number}", limit=2)) for number in range(10))
            taken = [one.hold.attempt for some in await asyncio.gather(*claims) for one in some]
            assert names == sorted(taken)

    async def test_a_living_process_keeps_its_jobs(self) -> None:
        """Before its lease is over a job is claimed by nobody who has not been told to."""
        async with self.left("a") as ledger:
            early = NOON + LEASE - timedelta(seconds=1)
            assert [] == await ledger.claim(claim(now=early))
            assert 1 == len(await ledger.claim(claim(now=early, even_if_leased=True)))

    async def test_a_lease_can_be_given_back(self) -> None:
        """A process that gives its job up early lets others claim it at once."""
        async with self.left("a", "b") as ledger:
            await ledger.mark(Mark(attempt="b", leased_until=NOON))
            assert ["b"] == [one.hold.attempt for one in await ledger.claim(claim(now=NOON))]

    async def test_a_claim_may_be_for_one_job(self) -> None:
        """A claim for one attempt leaves the others alone."""
        async with self.left("a", "b") as ledger:
            taken = await ledger.claim(claim(attempt="b"))
            assert ["b"] == [one.hold.attempt for one in taken]
            assert [] == await ledger.claim(claim(attempt="nobody"))

    async def test_what_was_lost_to_another_cannot_be_marked(self) -> None:
        """Whoever was taken to be dead writes nothing over what its successor does."""
        async with self.left("a") as ledger:
            await ledger.claim(claim())
            with pytest.raises(LedgerStepError, match="claimed by another"):
                await ledger.mark(Mark(attempt="a", leased_until=NOON))
            ledger.note(Mark(attempt="a", given_up="no"))
            after = await ledger.mark(Mark(attempt="a", owner="rescuer", leased_until=NOON))
            assert (NOON, None, TICKET) == (after.leased_until, after.given_up, after.ticket)

    async def test_what_is_given_up_is_not_claimed_again(self) -> None:
        """A job that cannot be collected stays open, with the reason, and is left alone."""
        async with self.left("a") as ledger:
            await ledger.mark(Mark(attempt="a", given_up="the vendor has forgotten it"))
            assert [] == await ledger.claim(claim())
            (still,) = await ledger.open_attempts()
            assert "the vendor has forgotten it" == still.given_up

    async def test_what_is_settled_is_not_claimed(self) -> None:
        """Once it is settled nothing is left to collect: its ticket is gone."""
        async with self.left("a", "b", kind=Kind.SUSPECT) as ledger:
            posted = await ledger.write(step(Kind.POSTED, "a"))
            assert posted.ticket is None
            assert ["b"] == [one.hold.attempt for one in await ledger.claim(claim())]
            for name in ("a", "nobody"):
                with pytest.raises(LedgerStepError):
                    await ledger.mark(Mark(attempt=name, ticket=TICKET))

    async def test_what_is_paid_is_collected_until_it_is_delivered(self) -> None:
        """A posted job whose pictures nobody may have got keeps its ticket until it is done."""
        async with self.left("a", "b") as ledger:
            for name in "ab":
                posted = await ledger.write(step(Kind.POSTED, name, keeps_ticket=True))
                assert TICKET == posted.ticket
            done = await ledger.mark(Mark(attempt="a", is_done=True))
            assert (None, Kind.POSTED) == (done.ticket, done.last.kind)
            assert ["b"] == [one.hold.attempt for one in await ledger.claim(claim())]
            with pytest.raises(LedgerStepError):
                await ledger.mark(Mark(attempt="a", leased_until=NOON))

    async def test_without_a_ticket_there_is_nothing_to_claim(self) -> None:
        """What was sent and never accepted waits for somebody to reconcile it."""
        async with self.left() as ledger:
            await ledger.reserve(hold())
            with pytest.raises(LedgerStepError):
                await ledger.mark(Mark(attempt="a", ticket=TICKET))
            await take(ledger, Kind.DISPATCHED)
            assert [] == await ledger.claim(claim())
