"""Any order of steps, crashes and repetitions, held against an upstream's own invoice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from routercore.engine.ledger import Ledger
from routercore.testing.contracts.ledger import LEASE, NOON, TEAM, hold
from routercore.values.ledger import (
    ROUTER,
    Account,
    Attempt,
    Budget,
    Cap,
    Hold,
    Kind,
    LedgerStepError,
    OverBudgetError,
    Period,
    Scope,
    Step,
    Sweep,
)

T = TypeVar("T")

VENDOR = Account(Scope.PROVIDER, "vendor")
CAPS = (
    Cap(TEAM, Budget(1_000_000)),
    Cap(VENDOR, Budget(1_500_000, Period.WEEK)),
    Cap(ROUTER, Budget(2_000_000, Period.TOTAL)),
)
AMOUNTS = st.sampled_from([0, 1, 40_000, 100_000, 333_333, 900_000])
CALLERS = st.sampled_from(["team", "else"])
DAYS = st.integers(0, 2)


@dataclass(slots=True)
class Known:
    """What the test itself knows of an attempt."""

    hold: Hold
    rows: list[Kind]
    charged: int = 0
    """What the upstream's invoice says."""
    posted: int = 0


def ledger_machine(make: Callable[[], Ledger]) -> type[RuleBasedStateMachine]:
    """A state machine over ledgers that ``make`` makes; run its ``TestCase``."""

    class Machine(LedgerMachine):
        def make(self) -> Ledger:
            return make()

    return Machine


class LedgerMachine(RuleBasedStateMachine):
    """Holds the ledger to a simple model of it."""

    held: Bundle[str] = Bundle("held")
    sent: Bundle[str] = Bundle("sent")
    unknown: Bundle[str] = Bundle("unknown")

    def make(self) -> Ledger:
        """A backend with nothing in it."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ledger = self.make()
        self.known: dict[str, Known] = {}
        self.done: list[Callable[[], Awaitable[Attempt]]] = []
        self.now = NOON

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    def teardown(self) -> None:
        """Reconcile whatever is open with the invoice; then both must come to the same."""
        try:
            for attempt in self.run(self.ledger.open_attempts()):
                self.reconcile(attempt.hold.attempt)
            for known in self.known.values():
                assert known.charged == known.posted
            spent = self.run(self.ledger.balance(ROUTER, Period.TOTAL, self.now))
            assert sum(known.charged for known in self.known.values()) == spent.posted
            assert (0, 0) == (spent.held, spent.suspect)
        finally:
            self.run(self.ledger.close())
            self.loop.close()

    def write(self, id: str, kind: Kind, amount: int | None = None) -> Attempt:
        """Take a step, and remember it for being repeated."""
        step = Step(attempt=id, kind=kind, at=self.now, micros=amount)
        attempt = self.run(self.ledger.write(step))
        self.known[id].rows.append(kind)
        if kind is Kind.POSTED:
            self.known[id].posted = attempt.last.micros
        self.done.append(lambda: self.ledger.write(step))
        return attempt

    @rule(target=held, amount=AMOUNTS, caller=CALLERS, days=DAYS)
    def reserve(self, amount: int, caller: str, days: int) -> Any:
        """An attempt begins, if every budget has room for it."""
        at = self.now + timedelta(days=days)
        what = hold(f"a{len(self.known)}", amount, caller=caller, at=at)
        caps = [cap for cap in CAPS if cap.account in what.accounts]
        room = min(cap.budget.micros - self.spent(cap, what) for cap in caps)
        try:
            self.run(self.ledger.reserve(what, caps))
        except OverBudgetError:
            assert amount > room
            return multiple()
        assert amount <= room or not amount
        self.known[what.attempt] = Known(what, [Kind.HELD])
        return what.attempt

    def spent(self, cap: Cap, what: Hold) -> int:
        return self.run(self.ledger.balance(cap.account, cap.budget.per, what.at)).spent

    @rule(target=sent, id=consumes(held), charge=st.sampled_from([None, 0.0, 0.5, 1.0, 1.7]))
    def dispatch(self, id: str, charge: float | None) -> Any:
        """The first byte leaves, after its row; the upstream may charge another price."""
        if self.known[id].rows[-1] is not Kind.HELD:
            return multiple()  # A crash has ended it.
        self.write(id, Kind.DISPATCHED)
        known = self.known[id]
        known.charged = 0 if charge is None else int(known.hold.micros * charge)
        return id

    @rule(id=consumes(held))
    def give_up(self, id: str) -> None:
        """An attempt ends before it has begun; a sweep may have said so already."""
        self.write(id, Kind.VOIDED)

    @rule(id=consumes(sent))
    def answer(self, id: str) -> None:
        """The answer says what it cost; that much is posted, and more than held as well."""
        charged = self.known[id].charged
        attempt = self.write(id, Kind.POSTED if charged else Kind.VOIDED, charged)
        assert max(0, charged - self.known[id].hold.micros) == attempt.overage

    @rule(target=unknown, id=consumes(sent))
    def lose(self, id: str) -> str:
        """The answer is lost: nobody knows what it cost."""
        self.write(id, Kind.SUSPECT)
        return id

    @rule(id=consumes(unknown))
    def reconcile(self, id: str) -> None:
        """The invoice comes."""
        charged = self.known[id].charged
        last = self.known[id].rows[-1]
        if last is Kind.HELD:
            charged = 0
        self.write(id, Kind.POSTED if charged else Kind.VOIDED, charged)

    @rule(which=st.randoms(use_true_random=False))
    def repeat(self, which: Any) -> None:
        """A step that was taken before comes again, and changes nothing."""
        if self.done:
            before = self.balances()
            self.run(which.choice(self.done)())
            assert before == self.balances()

    @rule(which=st.randoms(use_true_random=False), kind=st.sampled_from(Kind))
    def overreach(self, which: Any, kind: Kind) -> None:
        """A step that is not allowed is refused, and changes nothing."""
        ended = {Kind.POSTED, Kind.VOIDED}
        settled = [id for id, known in self.known.items() if known.rows[-1] in ended]
        if settled:
            before, id = self.balances(), which.choice(settled)
            try:
                self.run(self.ledger.write(Step(attempt=id, kind=kind, at=self.now, micros=7)))
            except LedgerStepError:
                assert kind not in self.known[id].rows
            else:
                assert kind in self.known[id].rows
            assert before == self.balances()

    def balances(self) -> list[object]:
        return [
            self.run(self.ledger.balance(account, per, self.now))
            for account in (TEAM, VENDOR, ROUTER)
            for per in Period
        ]

    @rule()
    def crash(self) -> None:
        """Nobody settles what is under way; long after, the next process sweeps it up."""
        swept = self.run(self.ledger.sweep(Sweep(now=self.now + timedelta(days=3) + LEASE)))
        left = [k for k in self.known.values() if k.rows[-1] in (Kind.HELD, Kind.DISPATCHED)]
        assert len(left) == swept
        for known in left:
            is_sent = known.rows[-1] is Kind.DISPATCHED
            known.rows.append(Kind.SUSPECT if is_sent else Kind.VOIDED)

    @invariant()
    def budgets_hold(self) -> None:
        """No budget is exceeded, but by what upstreams charged beyond what was held."""
        for cap in CAPS:
            for days in range(3):
                at = self.now + timedelta(days=days)
                over = sum(
                    max(0, known.posted - known.hold.micros)
                    for known in self.known.values()
                    if cap.account in known.hold.accounts
                )
                balance = self.run(self.ledger.balance(cap.account, cap.budget.per, at))
                assert balance.spent <= cap.budget.micros + over

    @invariant()
    def books_balance(self) -> None:
        """Every balance is the sum of the rows."""
        assert [] == self.run(self.ledger.audit())
