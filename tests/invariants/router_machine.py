"""A state machine over a whole router: callers, upstreams and time do as they like."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.invariants.puppets import (
    BUDGET,
    CALLERS,
    DEADLINE,
    FINAL,
    HOW,
    MOST,
    PERMITS,
    Exchange,
    Stage,
    is_over,
)
from tests.invoices import name_of

from routercore.routing.policy import charge_of
from routercore.values.faults import Charge
from routercore.values.ledger import ROUTER, Account, Attempt, Kind, Period, Scope, Step

T = TypeVar("T")


class RouterMachine(RuleBasedStateMachine):
    """Holds everything that money, attempts, keys and time must obey, after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stage = self.run(self.begun())
        self.early: list[str] = []
        """Calls on a key before the moment that its upstream named."""
        self.unwritten: list[str] = []
        """Calls that were not on the ledger as dispatched."""
        self.stage.puppets.on_send = self.look

    async def begun(self) -> Stage:
        return Stage()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    def look(self, exchange: Exchange) -> None:
        """What must be true at the moment that a call leaves."""
        puppets, ledger = self.stage.puppets, self.stage.ledger
        if self.stage.clock.monotonic() < puppets.told.get(exchange.key, 0.0):
            self.early.append(exchange.attempt)
        rows = [one for one in ledger._book.attempts.values() if name_of(one) == exchange.attempt]
        if [Kind.DISPATCHED] != [one.last.kind for one in rows]:
            self.unwritten.append(exchange.attempt)

    async def idle(self) -> None:
        await self.stage.clock.run_until_idle()

    @rule(caller=st.integers(0, len(CALLERS) - 1))
    def ask(self, caller: int) -> None:
        """A caller asks for an image."""

        async def work() -> None:
            self.stage.ask(caller)
            await self.idle()

        self.run(work())

    @precondition(lambda self: self.stage.puppets.open)
    @rule(which=st.integers(0, 99), how=st.sampled_from(HOW), seconds=st.sampled_from([2, 30, 90]))
    def answer(self, which: int, how: str, seconds: int) -> None:
        """An upstream answers, or its answer is lost."""

        async def work() -> None:
            puppets = self.stage.puppets
            puppets.answer(puppets.open[which % len(puppets.open)], how, seconds)
            await self.idle()

        self.run(work())

    @precondition(lambda self: self.stage.puppets.open)
    @rule(which=st.integers(0, 99))
    def accept(self, which: int) -> None:
        """An upstream accepts the work, and nothing ever comes of it."""
        puppets = self.stage.puppets
        exchange = puppets.open[which % len(puppets.open)]
        if not puppets.invoice[exchange.attempt]:
            puppets.bill(exchange)
            puppets.open.remove(exchange)

    @rule(seconds=st.sampled_from([0.5, 5.0, 31.0, 121.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.run(self.stage.clock.advance(seconds))

    @precondition(lambda self: any(not one.task.done() for one in self.stage.asked))
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        """A caller leaves."""

        async def work() -> None:
            running = [one.task for one in self.stage.asked if not one.task.done()]
            running[which % len(running)].cancel()
            await self.idle()

        self.run(work())

    @invariant()
    def budgets_hold(self) -> None:
        """I1."""
        for account, budget in ((ROUTER, BUDGET), (Account(Scope.KEY, "red"), CALLERS[0].budget)):
            assert budget is not None
            balance = self.run(self.stage.ledger.balance(account, Period.TOTAL, self.now))
            assert balance.posted + balance.held + balance.suspect <= budget.micros

    @property
    def now(self) -> Any:
        return self.stage.clock.now()

    @property
    def rows(self) -> list[Attempt]:
        return self.run(self.stage.attempts())

    @invariant()
    def attempts_have_one_end(self) -> None:
        """I3: one row of a kind, one end, and what has ended is no longer under way."""
        for attempt in self.rows:
            kinds = Counter(entry.kind for entry in attempt.entries)
            assert {1} == set(kinds.values())
            assert kinds[Kind.POSTED] + kinds[Kind.VOIDED] <= 1

    @invariant()
    def nothing_void_was_invoiced(self) -> None:
        """I5, and I14: whatever is invoiced is known, and never as void."""
        invoice, rows = self.stage.puppets.invoice, {name_of(one): one for one in self.rows}
        assert set() == set(invoice) - set(rows)
        assert all(
            one.last.micros >= invoice[name] for name, one in rows.items() if is_over(one)
        ), "what is settled covers what was invoiced"
        sent = {name for name, one in rows.items() if one.row(Kind.DISPATCHED) and is_over(one)}
        free = {name for name in sent if rows[name].last.kind is Kind.VOIDED}
        assert sent - free <= {call.attempt for call in self.stage.puppets.calls}

    @invariant()
    def it_is_written_before_it_is_sent(self) -> None:
        """I6."""
        assert [] == self.unwritten

    @invariant()
    def no_key_is_used_early(self) -> None:
        """I16."""
        assert [] == self.early

    @invariant()
    def permits_are_kept(self) -> None:
        """I10: no more calls than permits, and the gauge is what is under way."""
        by_key = Counter(exchange.key for exchange in self.stage.puppets.open)
        assert all(count <= PERMITS for count in by_key.values())
        under_way = sum(not one.task.done() for one in self.stage.asked)
        assert sum(self.stage.gauges()) <= under_way

    @invariant()
    def attempts_and_time_are_bounded(self) -> None:
        """I13."""
        for one in self.stage.asked:
            assert len(one.attempts) <= MOST
            age = (self.stage.clock.monotonic() if one.ended is None else one.ended) - one.began
            assert age <= DEADLINE + 0.5

    @invariant()
    def some_things_are_tried_once(self) -> None:
        """I15: what may be paid is not sent there again, what is final is final."""
        for one in self.stage.asked:
            for number, record in enumerate(one.attempts):
                later = one.attempts[number + 1 :]
                if record.failure is None or record.failure.is_ours:
                    continue
                if record.failure.fault.value in FINAL:
                    assert () == later
                if charge_of(record.failure) is not Charge.NONE:
                    assert record.target not in [next_one.target for next_one in later]

    def teardown(self) -> None:
        """I2 and I18: cancelled, all comes to rest; reconciled, the books are the invoice."""
        try:
            self.run(self.at_rest())
        finally:
            self.loop.close()

    async def at_rest(self) -> None:
        stage = self.stage
        for one in stage.asked:
            one.task.cancel()
        await self.idle()
        assert all(one.task.done() for one in stage.asked)
        assert {0} == set(stage.gauges())
        assert [] == stage.puppets.open
        assert {asyncio.current_task()} == asyncio.all_tasks()
        for attempt in await stage.attempts():
            assert is_over(attempt)
            if attempt.last.kind is Kind.SUSPECT:
                billed = stage.puppets.invoice[name_of(attempt)]
                kind = Kind.POSTED if billed else Kind.VOIDED
                await stage.ledger.write(
                    Step(attempt=attempt.hold.attempt, kind=kind, at=self.now, micros=billed)
                )
        balance = await stage.ledger.balance(ROUTER, Period.TOTAL, self.now)
        assert (0, 0) == (balance.held, balance.suspect)
        assert sum(stage.puppets.invoice.values()) == balance.posted
        assert [] == await stage.ledger.audit()
        await stage.router.close()
