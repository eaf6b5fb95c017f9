"""The ledger in memory keeps its contract, and does not grow for ever."""

from __future__ import annotations

import sys
from datetime import timedelta
from types import FrameType

import pytest
from hypothesis import settings

from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.contracts import LedgerContract, LedgerJobContract, LedgerLogContract
from routercore.testing.contracts.ledger import DOLLAR, NOON, TEAM, asked, hold, is_held, take
from routercore.testing.contracts.ledger_jobs import claim
from routercore.testing.contracts.ledger_machine import ledger_machine
from routercore.values.accounts import By
from routercore.values.leases import Mark
from routercore.values.ledger import Kind, LedgerStepError, Period


class TestMemoryLedger(LedgerContract):
    def make(self) -> MemoryLedger:
        return MemoryLedger()


class TestMemoryLedgerJobs(LedgerJobContract):
    def make(self) -> MemoryLedger:
        return MemoryLedger()


class TestMemoryLedgerLog(LedgerLogContract):
    def make(self) -> MemoryLedger:
        return MemoryLedger()


async def test_old_attempts_are_forgotten_and_their_sums_kept() -> None:
    """Beyond its bound the ledger forgets single attempts and requests, never their money."""
    ledger = MemoryLedger(kept=3)
    for number in range(9):
        ledger.note(asked(f"r{number}"))
        await ledger.reserve(hold(f"a{number}", request=f"r{number}"), (DOLLAR,))
        await take(ledger, Kind.DISPATCHED, Kind.POSTED, attempt=f"a{number}")
    assert 3 == len(await ledger.log())
    assert [3] == [u.attempts for u in await ledger.usage(By.KEY, NOON, NOON + timedelta(1))]
    assert 900_000 == (await ledger.balance(TEAM, Period.DAY, NOON)).posted
    assert [] == await ledger.audit()
    assert [True, False] == [await is_held(ledger, hold(id), DOLLAR) for id in ("x", "y")]


async def test_old_suspects_are_forgotten_and_their_sums_kept() -> None:
    """What nobody reconciles does not pile up: it counts for ever, and is known singly no more."""
    ledger = MemoryLedger(kept=3)
    for number in range(6):
        await ledger.reserve(hold(f"a{number}"), (DOLLAR,))
        await take(ledger, Kind.DISPATCHED, Kind.SUSPECT, attempt=f"a{number}")
    await take(ledger, Kind.POSTED, attempt="a4")
    await ledger.reserve(hold("a6"), (DOLLAR,))
    await take(ledger, Kind.DISPATCHED, Kind.SUSPECT, attempt="a6")
    assert ["a3", "a5", "a6"] == [one.hold.attempt for one in await ledger.open_attempts()]
    balance = await ledger.balance(TEAM, Period.DAY, NOON)
    assert (100_000, 600_000) == (balance.posted, balance.suspect)
    assert [] == await ledger.audit()
    with pytest.raises(LedgerStepError):
        await take(ledger, Kind.POSTED, attempt="a0")


async def test_a_claim_is_as_quick_over_many_settled_attempts() -> None:
    """Attempts that have no job to collect are not looked at."""
    few, many = [await _steps_of_a_claim(settled) for settled in (1, 500)]
    assert few == many


async def _steps_of_a_claim(settled: int) -> int:
    """How many functions are called for one, beside so many attempts that are paid for."""
    ledger, calls = MemoryLedger(), 0
    for number in range(settled):
        await ledger.reserve(hold(f"a{number}"))
        await take(ledger, Kind.DISPATCHED, Kind.POSTED, attempt=f"a{number}")
    await ledger.reserve(hold("late"))
    await take(ledger, Kind.DISPATCHED, attempt="late")
    await ledger.mark(Mark(attempt="late", ticket="{}"))

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        (taken,) = await ledger.claim(claim())
    finally:
        sys.setprofile(before)
    assert "late" == taken.hold.attempt
    return calls


TestMemoryLedgerMachine = ledger_machine(MemoryLedger).TestCase
TestMemoryLedgerMachine.settings = settings(max_examples=100, stateful_step_count=40)
