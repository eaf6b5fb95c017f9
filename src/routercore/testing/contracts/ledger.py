"""The contract of ledgers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routercore.engine.ledger import Ledger
from routercore.values.accounts import LOST, Asked, By, Ended, Used
from routercore.values.leases import Mark
from routercore.values.ledger import (
    ROUTER,
    Account,
    Balance,
    Budget,
    Cap,
    Hold,
    Kind,
    LedgerStepError,
    Outcome,
    OverBudgetError,
    Period,
    Scope,
    Step,
    Sweep,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=5)
TEAM = Account(Scope.KEY, "team")
DOLLAR = Cap(TEAM, Budget(1_000_000))


def hold(attempt: str = "a", amount: int = 100_000, **fields: Any) -> Hold:
    """A hold of ten cents, or as told."""
    at = fields.pop("at", NOON)
    return Hold(
        **{
            "attempt": attempt, "request": f"request-of-{attempt}", "caller": "team",
            "provider": "vendor", "model": "poster", "target": "vendor:poster",
            "micros": amount, "at": at, "expires": at + LEASE, **fields,
        }
    )  # fmt: skip


def step(kind: Kind, attempt: str = "a", **fields: Any) -> Step:
    """One step, a second after noon."""
    return Step(**{"attempt": attempt, "kind": kind, "at": NOON + timedelta(seconds=1), **fields})


async def is_held(ledger: Ledger, what: Hold, *caps: Cap) -> bool:
    """Whether there is room for it."""
    try:
        await ledger.reserve(what, caps)
    except OverBudgetError:
        return False
    return True


async def take(ledger: Ledger, *kinds: Kind, attempt: str = "a", **fields: Any) -> None:
    """Several steps after one another; ``fields`` are the last one's."""
    for kind in kinds:
        await ledger.write(step(kind, attempt, **(fields if kind is kinds[-1] else {})))


async def ends(ledger: Ledger) -> dict[str, str | None]:
    """How the request of each attempt has ended."""
    pages = await ledger.log()
    return {p.asked.request[-1]: p.ended.status if p.ended else None for p in pages}


class LedgerContract:
    """Budgets are never overspent, and what is written once stays as it is."""

    def make(self) -> Ledger:
        """A backend with nothing in it."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Ledger]:
        """A backend with nothing in it; on leaving its books must balance."""
        ledger = self.make()
        try:
            yield ledger
            assert [] == await ledger.audit()
        finally:
            await ledger.close()

    async def test_what_is_held_counts(self) -> None:
        """A hold counts for the key, the provider and the router, in every period."""
        async with self.opened() as ledger:
            await ledger.reserve(hold())
            accounts = TEAM, Account(Scope.PROVIDER, "vendor"), ROUTER
            for account in accounts:
                for per in Period:
                    assert Balance(held=100_000) == await ledger.balance(account, per, NOON)

    async def test_exactly_the_budget_is_spent(self) -> None:
        """Of fifty concurrent requests of ten cents on a budget of a dollar, ten are held."""
        async with self.opened() as ledger:
            tries = (is_held(ledger, hold(f"a{number}"), DOLLAR) for number in range(50))
            assert 10 == sum(await asyncio.gather(*tries))
            assert 1_000_000 == (await ledger.balance(TEAM, Period.DAY, NOON)).spent

    async def test_all_budgets_or_none(self) -> None:
        """Where one of several budgets has no room, nothing is held under the others."""
        async with self.opened() as ledger:
            tight = Cap(ROUTER, Budget(50_000))
            with pytest.raises(OverBudgetError) as caught:
                await ledger.reserve(hold(), (DOLLAR, tight))
            assert (tight, 50_000) == (caught.value.cap, caught.value.left)
            assert Balance() == await ledger.balance(TEAM, Period.DAY, NOON)
            assert [] == await ledger.open_attempts()

    async def test_what_costs_nothing_is_held(self) -> None:
        """A free attempt is held on a budget that is used up."""
        async with self.opened() as ledger:
            used_up = Cap(TEAM, Budget(0))
            assert not await is_held(ledger, hold("paid", 1), used_up)
            assert await is_held(ledger, hold("free", 0), used_up)

    async def test_a_budget_begins_again(self) -> None:
        """A period that is used up leaves the next one whole; longer ones remember."""
        async with self.opened() as ledger:
            caps = {per: Cap(TEAM, Budget(100_000, per)) for per in Period}
            await ledger.reserve(hold())
            tomorrow, next_month = NOON + timedelta(days=1), NOON + timedelta(days=40)
            assert not await is_held(ledger, hold("b"), caps[Period.DAY])
            assert not await is_held(ledger, hold("c", at=tomorrow), caps[Period.WEEK])
            assert await is_held(ledger, hold("d", at=tomorrow), caps[Period.DAY])
            assert not await is_held(ledger, hold("e", at=next_month), caps[Period.TOTAL])
            assert await is_held(ledger, hold("f", at=next_month), caps[Period.MONTH])

    async def test_a_period_pays_for_what_it_held(self) -> None:
        """What is settled after midnight is posted to the day that held it."""
        async with self.opened() as ledger:
            tomorrow = NOON + timedelta(days=1)
            await ledger.reserve(hold())
            await take(ledger, Kind.DISPATCHED, Kind.POSTED, at=tomorrow, micros=70_000)
            assert Balance(posted=70_000) == await ledger.balance(TEAM, Period.DAY, NOON)
            assert Balance() == await ledger.balance(TEAM, Period.DAY, tomorrow)

    @pytest.mark.parametrize(
        ("kinds", "amount", "expected"),
        [
            ((Kind.VOIDED,), None, Balance()),
            ((Kind.DISPATCHED,), None, Balance(held=100_000)),
            ((Kind.DISPATCHED, Kind.VOIDED), None, Balance()),
            ((Kind.DISPATCHED, Kind.POSTED), 30_000, Balance(posted=30_000)),
            ((Kind.DISPATCHED, Kind.POSTED), None, Balance(posted=100_000)),
            ((Kind.DISPATCHED, Kind.SUSPECT), None, Balance(suspect=100_000)),
            ((Kind.DISPATCHED, Kind.SUSPECT), 30_000, Balance(suspect=100_000)),
            ((Kind.DISPATCHED, Kind.SUSPECT, Kind.POSTED), 30_000, Balance(posted=30_000)),
            ((Kind.DISPATCHED, Kind.SUSPECT, Kind.VOIDED), None, Balance()),
        ],
    )
    async def test_steps_count(
        self, kinds: tuple[Kind, ...], amount: int | None, expected: Balance
    ) -> None:
        """Each way through an attempt ends with the amount that it should."""
        async with self.opened() as ledger:
            await ledger.reserve(hold())
            await take(ledger, *kinds, micros=amount)
            assert expected == await ledger.balance(TEAM, Period.DAY, NOON)

    async def test_more_than_was_held_is_posted_in_full(self) -> None:
        """What cost more than was held is neither cut nor refused, and the budget knows."""
        async with self.opened() as ledger:
            await ledger.reserve(hold(), (DOLLAR,))
            await take(ledger, Kind.DISPATCHED)
            posted = await ledger.write(step(Kind.POSTED, micros=1_500_000))
            assert 1_400_000 == posted.overage
            assert 1_500_000 == (await ledger.balance(TEAM, Period.DAY, NOON)).posted
            assert not await is_held(ledger, hold("b", 1), DOLLAR)

    async def test_steps_may_be_repeated(self) -> None:
        """A step that is there already changes nothing, and answers with what is there."""
        async with self.opened() as ledger:
            for _ in range(3):
                await ledger.reserve(hold(), (DOLLAR,))
            await take(ledger, Kind.DISPATCHED, Kind.POSTED, micros=70_000)
            again = await ledger.write(step(Kind.POSTED, micros=90_000))
            await ledger.write(step(Kind.DISPATCHED))
            assert 70_000 == again.last.micros
            assert Balance(posted=70_000) == await ledger.balance(TEAM, Period.DAY, NOON)

    @pytest.mark.parametrize(
        ("before", "kind"),
        [
            ((), Kind.POSTED),
            ((), Kind.SUSPECT),
            ((Kind.VOIDED,), Kind.DISPATCHED),
            ((Kind.VOIDED,), Kind.SUSPECT),
            ((Kind.DISPATCHED, Kind.POSTED), Kind.VOIDED),
            ((Kind.DISPATCHED, Kind.POSTED), Kind.SUSPECT),
            ((Kind.DISPATCHED, Kind.VOIDED), Kind.POSTED),
        ],
    )
    async def test_steps_have_an_order(self, before: tuple[Kind, ...], kind: Kind) -> None:
        """A step that cannot follow is refused, and changes nothing."""
        async with self.opened() as ledger:
            await ledger.reserve(hold())
            await take(ledger, *before)
            stood = await ledger.balance(TEAM, Period.DAY, NOON)
            with pytest.raises(LedgerStepError):
                await ledger.write(step(kind))
            assert stood == await ledger.balance(TEAM, Period.DAY, NOON)

    async def test_an_attempt_is_held_once(self) -> None:
        """An id that was used is refused for another hold, and once its attempt has gone on."""
        async with self.opened() as ledger:
            await ledger.reserve(hold())
            with pytest.raises(LedgerStepError):
                await ledger.reserve(hold(amount=1))
            await take(ledger, Kind.DISPATCHED)
            with pytest.raises(LedgerStepError):
                await ledger.reserve(hold())
            with pytest.raises(LedgerStepError):
                await ledger.write(step(Kind.DISPATCHED, "nobody"))

    async def test_what_is_open_is_listed(self) -> None:
        """Open attempts come oldest first, with their rows; settled ones do not."""
        async with self.opened() as ledger:
            earlier = NOON - timedelta(minutes=1)
            for what in (hold("a"), hold("b", at=earlier), hold("c"), hold("d")):
                await ledger.reserve(what)
            await take(ledger, Kind.DISPATCHED, Kind.SUSPECT, attempt="b", reason="lost")
            await take(ledger, Kind.VOIDED, attempt="c")
            found = await ledger.open_attempts()
            assert ["b", "a", "d"] == [one.hold.attempt for one in found]
            assert hold("b", at=earlier) == found[0].hold
            assert [Kind.HELD, Kind.DISPATCHED, Kind.SUSPECT] == [e.kind for e in found[0].entries]
            assert ("lost", NOON + timedelta(seconds=1)) == (found[0].last.reason, found[0].last.at)

    async def test_what_the_dead_left_is_swept(self) -> None:
        """After its lease a hold is voided, and what had left is suspect; not a moment earlier."""
        async with self.opened() as ledger:
            for name in "ab":
                await ledger.reserve(hold(name))
            await take(ledger, Kind.DISPATCHED, attempt="b")
            assert 0 == await ledger.sweep(Sweep(now=NOON + LEASE - timedelta(seconds=1)))
            assert 2 == await ledger.sweep(Sweep(now=NOON + LEASE))
            assert 0 == await ledger.sweep(Sweep(now=NOON + LEASE))
            assert Balance(suspect=100_000) == await ledger.balance(TEAM, Period.DAY, NOON)

    async def test_a_request_whose_process_died_is_lost(self) -> None:
        """Once all of its attempts have expired, a request without an end has one: lost. What was
        posted for it stays posted, and what can still be collected is not given up."""
        async with self.opened() as ledger:
            for name in "abc":
                ledger.note(asked(f"request-of-{name}"))
                await ledger.reserve(hold(name))
                await take(ledger, Kind.DISPATCHED, attempt=name)
            await take(ledger, Kind.POSTED, attempt="a", micros=40_000)
            await take(ledger, Kind.POSTED, attempt="b", micros=40_000)
            ledger.note(Ended(request="request-of-b", at=NOON, status="completed", images=1))
            await ledger.mark(Mark(attempt="c", ticket="{}"))
            await ledger.sweep(Sweep(now=NOON + LEASE - timedelta(seconds=1)))
            assert {"a": None, "b": "completed", "c": None} == await ends(ledger)
            await ledger.sweep(Sweep(now=NOON + LEASE))
            assert {"a": LOST, "b": "completed", "c": None} == await ends(ledger)
            (page,) = await ledger.log(request="request-of-a")
            assert Balance(posted=40_000) == page.balance

    async def test_notes_come_after_what_was_written_before(self) -> None:
        """A step that nobody waits for is taken all the same; an impossible one is passed over."""
        async with self.opened() as ledger:
            await ledger.reserve(hold())
            ledger.note(step(Kind.POSTED))
            ledger.note(step(Kind.VOIDED, "nobody"))
            ledger.note(step(Kind.VOIDED))
            await ledger.reserve(hold("b"))
            await ledger.reserve(hold("c"))
            ledger.note(step(Kind.VOIDED, "c"))
            ledger.note(Sweep(now=NOON))
            assert Balance(held=100_000) == await ledger.balance(TEAM, Period.DAY, NOON)


def asked(request: str, **fields: Any) -> Asked:
    """A request at noon."""
    return Asked(
        **{
            "request": request, "caller": "team", "model": "poster", "operation": "generate",
            "n": 2, "at": NOON, "size": "64x64", "quality": "high", "prompt": "a heron",
            "user": "ada", **fields,
        }
    )  # fmt: skip


class LedgerLogContract:
    """What is told of requests, attempts and use."""

    def make(self) -> Ledger:
        """A backend with nothing in it."""
        raise NotImplementedError

    @asynccontextmanager
    async def filled(self) -> AsyncIterator[Ledger]:
        """Two requests: one of two attempts that went well in the end, one that was cancelled."""
        ledger = self.make()
        try:
            ledger.note(asked("r1"))
            await ledger.reserve(hold("r1-1", request="r1"))
            lost = Outcome(fault="reply_lost", upstream_id="u-1", seconds=1.5)
            await take(ledger, Kind.DISPATCHED, Kind.SUSPECT, attempt="r1-1", outcome=lost)
            await ledger.reserve(hold("r1-2", 200_000, request="r1", provider="other", n=2))
            fine = Outcome(images=2, seconds=0.5, basis="table")
            await take(ledger, Kind.DISPATCHED, Kind.POSTED, attempt="r1-2", outcome=fine,
                       micros=80_000)  # fmt: skip
            ledger.note(Ended(request="r1", at=NOON + LEASE, status="completed", images=2,
                              target="other:poster", seconds=2.0, cache="miss"))  # fmt: skip
            later = NOON + timedelta(days=1)
            ledger.note(asked("r2", at=later, caller="else", user=None, prompt="a tern"))
            await ledger.reserve(hold("r2-1", 10_000, request="r2", caller="else", at=later))
            ledger.note(Ended(request="r2", at=later, status="cancelled"))
            yield ledger
            assert [] == await ledger.audit()
        finally:
            await ledger.close()

    async def test_the_log_has_all(self) -> None:
        """A request is told with what was asked, every attempt, and how it ended."""
        async with self.filled() as ledger:
            second, first = await ledger.log()
            assert (asked("r1"), "completed") == (first.asked, first.ended and first.ended.status)
            assert ["r1-1", "r1-2"] == [one.hold.attempt for one in first.attempts]
            assert ["u-1", None] == [one.outcome.upstream_id for one in first.attempts]
            assert [0, 2] == [one.outcome.images for one in first.attempts]
            assert Balance(posted=80_000, suspect=100_000) == first.balance
            assert "else" == second.asked.caller
            assert "cancelled" == (second.ended and second.ended.status)

    async def test_the_log_can_be_narrowed(self) -> None:
        """The log goes by caller or request, and stops at its limit."""
        async with self.filled() as ledger:
            assert ["r2"] == [one.asked.request for one in await ledger.log(limit=1)]
            assert ["r1"] == [one.asked.request for one in await ledger.log(caller="team")]
            assert ["r1"] == [one.asked.request for one in await ledger.log(request="r1")]
            assert [] == await ledger.log(request="r1", caller="else")

    async def test_usage_by_everything(self) -> None:
        """Usage adds up by key, provider, model and day, within the time asked for."""
        async with self.filled() as ledger:
            whole = NOON, NOON + timedelta(days=2)
            team = Used(name="team", balance=Balance(posted=80_000, suspect=100_000),
                        attempts=2, images=2)  # fmt: skip
            other = Used(name="else", balance=Balance(held=10_000), attempts=1)
            assert [team, other] == await ledger.usage(By.KEY, *whole)
            assert [team] == await ledger.usage(By.KEY, NOON, NOON + timedelta(days=1))
            assert ["vendor", "other"] == [u.name for u in await ledger.usage(By.PROVIDER, *whole)]
            assert ["poster"] == [u.name for u in await ledger.usage(By.MODEL, *whole)]
            days = await ledger.usage(By.DAY, *whole)
            assert ["2026-01-01", "2026-01-02"] == [u.name for u in days]

    async def test_what_was_asked_is_forgotten(self) -> None:
        """Prompts and users older than the retention are erased; amounts stay."""
        async with self.filled() as ledger:
            await ledger.sweep(Sweep(now=NOON, forget_before=NOON + timedelta(hours=1)))
            second, first = await ledger.log()
            assert (None, None) == (first.asked.prompt, first.asked.user)
            assert "a tern" == second.asked.prompt
            assert 180_000 == first.balance.spent

    @pytest.mark.parametrize("whose", [{"request": "r1"}, {"caller": "team"}, {"user": "ada"}])
    async def test_what_was_asked_can_be_erased(self, whose: dict[str, str]) -> None:
        """Erasure goes by request, key or user, and a second time finds nothing."""
        async with self.filled() as ledger:
            assert 1 == await ledger.erase(**whose)
            assert 0 == await ledger.erase(**whose)
            second, first = await ledger.log()
            assert replace(asked("r1"), prompt=None, user=None) == first.asked
            assert "a tern" == second.asked.prompt

    async def test_everything_is_not_erased_by_mistake(self) -> None:
        """Erasure that does not say whose requests it means is refused."""
        async with self.filled() as ledger:
            with pytest.raises(ValueError, match="whose"):
                await ledger.erase()
            with pytest.raises(ValueError, match="whose"):
                await ledger.erase(request=None, caller=None, user=None)

    @pytest.mark.parametrize(
        "whose",
        [{"request": ""}, {"caller": ""}, {"user": ""}, {"request": "", "caller": "team"},
         {"request": "r1", "user": ""}, {"request": "%"}, {"user": "ADA"}],
    )  # fmt: skip
    async def test_an_empty_name_is_nobodys(self, whose: dict[str, str]) -> None:
        """A name is compared as it is: empty, of another case or a pattern it erases nothing."""
        async with self.filled() as ledger:
            before = [logged.asked for logged in await ledger.log()]
            assert 0 == await ledger.erase(**whose)
            assert before == [logged.asked for logged in await ledger.log()]
            assert all(one.prompt for one in before)
