"""The ledger's values and sums: rows that are only ever added, in whole micro-dollars.

An attempt is ``held`` (its worst case is set aside), ``dispatched`` (its first byte may leave), and
then ``posted`` (paid), ``voided`` (cost nothing) or ``suspect`` (nobody knows; counted in full
until it is posted or voided). Each step is a row of its own, and an attempt has at most one row of
each kind, so that a step that is repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from routercore.values.amounts import in_dollars
from routercore.values.money import MILLION


def micros(usd: Decimal) -> int:
    """Dollars in whole micro-dollars; a fraction of one counts as one.

    >>> micros(Decimal("0.04"))
    40000
    """
    return int((usd * MILLION).to_integral_value(ROUND_UP))


def dollars(amount: int) -> Decimal:
    """Micro-dollars in dollars, without loss.

    >>> dollars(40_000)
    Decimal('0.04')
    """
    return (Decimal(amount) / MILLION).normalize() + 0


def in_words(amount: int) -> str:
    """Micro-dollars as people write money: cents at least, and whatever else there is.

    >>> in_words(40_000)
    '$0.04'
    >>> in_words(7)
    '$0.000007'
    """
    return in_dollars(dollars(amount))


class Kind(StrEnum):
    """What a row says of its attempt."""

    HELD = "held"
    DISPATCHED = "dispatched"
    POSTED = "posted"
    VOIDED = "voided"
    SUSPECT = "suspect"


NEXT: Mapping[Kind, frozenset[Kind]] = {
    Kind.HELD: frozenset({Kind.DISPATCHED, Kind.VOIDED}),
    Kind.DISPATCHED: frozenset({Kind.POSTED, Kind.VOIDED, Kind.SUSPECT}),
    Kind.SUSPECT: frozenset({Kind.POSTED, Kind.VOIDED}),
    Kind.POSTED: frozenset(),
    Kind.VOIDED: frozenset(),
}
"""Which step may follow which."""
OPEN = frozenset(kind for kind, after in NEXT.items() if after)
"""Kinds that something must still follow."""


class Scope(StrEnum):
    """Whose money it is."""

    KEY = "key"
    PROVIDER = "provider"
    ROUTER = "router"


class Account(NamedTuple):
    """What money is counted against: a caller's key, a provider, or the whole router."""

    scope: Scope
    name: str = ""


ROUTER = Account(Scope.ROUTER)


def accounts_of(caller: str, provider: str) -> tuple[Account, ...]:
    """Whose money an attempt for a caller at a provider costs."""
    return Account(Scope.KEY, caller), Account(Scope.PROVIDER, provider), ROUTER


class Period(StrEnum):
    """How long a budget lasts; all begin at midnight UTC, and weeks on Mondays."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


def period_name(per: Period, at: datetime) -> str:
    """The period that a moment falls into.

    >>> moment = datetime(2026, 1, 2, tzinfo=UTC)
    >>> [period_name(per, moment) for per in Period]
    ['2026-01-02', '2026-W01', '2026-01', 'total']
    """
    day = at.astimezone(UTC).date()
    match per:
        case Period.DAY:
            return day.isoformat()
        case Period.WEEK:
            year, week, _ = day.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case Period.MONTH:
            return f"{day:%Y-%m}"
        case Period.TOTAL:
            return "total"


class Bucket(NamedTuple):
    """One account in one period."""

    account: Account
    period: str


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many micro-dollars in a period."""

    micros: int
    per: Period = Period.DAY


class Cap(NamedTuple):
    """A budget and the account that it binds."""

    account: Account
    budget: Budget


class Balance(NamedTuple):
    """What stands in a bucket, in micro-dollars."""

    held: int = 0
    posted: int = 0
    suspect: int = 0

    def __str__(self) -> str:
        parts = (("held", self.held), ("paid", self.posted), ("suspect", self.suspect))
        return ", ".join(f"{name} {in_words(amount)}" for name, amount in parts)

    @property
    def spent(self) -> int:
        """What counts against a budget: all of it."""
        return self.held + self.posted + self.suspect

    def plus(self, other: Balance) -> Balance:
        """Both together."""
        return Balance(
            self.held + other.held, self.posted + other.posted, self.suspect + other.suspect
        )

    def less(self, other: Balance) -> Balance:
        """What is left without the other."""
        return Balance(
            self.held - other.held, self.posted - other.posted, self.suspect - other.suspect
        )


EMPTY = Balance()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What an attempt is, and the most it may cost."""

    attempt: str
    """Unique for all time."""
    request: str
    caller: str
    provider: str
    model: str
    target: str
    micros: int
    at: datetime
    expires: datetime
    """When no live process can still be at work on it."""
    n: int = 1
    is_priced: bool = True
    """False where nobody knows the price, and ``micros`` is what was laid down for that case."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Whose money it is: the caller's, the provider's and the router's."""
        return accounts_of(self.caller, self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row."""

    attempt: str
    kind: Kind
    micros: int
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt, beside money."""

    images: int = 0
    fault: str | None = None
    upstream_id: str | None = None
    seconds: float | None = None
    basis: str | None = None
    """Where the amount comes from."""


NO_OUTCOME = Outcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to write down of an attempt that is held."""

    attempt: str
    kind: Kind
    at: datetime
    micros: int | None = None
    """What it cost, or may have cost; what was held unless given."""
    reason: str = ""
    outcome: Outcome = NO_OUTCOME
    keeps_ticket: bool = False
    """Paid for, and not yet in the hands of who asked: its job can still be collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Time to void or suspect what dead processes left behind, and to erase what is old."""

    now: datetime
    forget_before: datetime | None = None
    """Prompts and users of requests before then are erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt with its rows, first to last."""

    hold: Hold
    entries: tuple[Entry, ...]
    outcome: Outcome = NO_OUTCOME
    ticket: str | None = None
    """What its accepted job can be collected by, until its pictures were handed over."""
    owner: str = ""
    """Who has claimed it; nobody but the process that holds it unless given."""
    leased_until: datetime | None = None
    """When somebody else may claim it; when its hold expires unless given."""
    given_up: str | None = None
    """Why its job will not be collected any more."""

    @property
    def last(self) -> Entry:
        return self.entries[-1]

    @property
    def overage(self) -> int:
        """How much more it cost than was held."""
        return max(0, self.last.micros - self.hold.micros) if self.last.kind is Kind.POSTED else 0

    def row(self, kind: Kind) -> Entry | None:
        """The row of a kind, if it is there."""
        return next((entry for entry in self.entries if entry.kind is kind), None)


class LedgerStepError(Exception):
    """A step that cannot follow what is written already."""


class OverBudgetError(Exception):
    """A budget has no room; ``cap`` is the one, ``left`` what it has left, in micro-dollars."""

    def __init__(self, cap: Cap, left: int, asked: int) -> None:
        scope, name = cap.account
        whose = f"the {scope} {name!r}" if name else "the router"
        per = "in total" if cap.budget.per is Period.TOTAL else f"a {cap.budget.per}"
        super().__init__(
            f"the budget of {whose} is {in_words(cap.budget.micros)} {per};"
            f" {in_words(left)} is left, and this may cost {in_words(asked)}"
        )
        self.cap, self.left, self.asked = cap, left, asked


def counted(entry: Entry) -> Balance:
    """What a row makes its attempt count for."""
    match entry.kind:
        case Kind.HELD | Kind.DISPATCHED:
            return Balance(held=entry.micros)
        case Kind.POSTED:
            return Balance(posted=entry.micros)
        case Kind.SUSPECT:
            return Balance(suspect=entry.micros)
        case Kind.VOIDED:
            return EMPTY


def first_row(hold: Hold) -> Attempt:
    """The attempt as it begins: with its first row."""
    held = Entry(attempt=hold.attempt, kind=Kind.HELD, micros=hold.micros, at=hold.at)
    return Attempt(hold=hold, entries=(held,))


def advanced(attempt: Attempt, step: Step) -> Attempt:
    """The attempt after a step; the same object where the step is there already.

    Raises:
        LedgerStepError: the step cannot follow the last one.
    """
    if attempt.row(step.kind) is not None:
        return attempt
    last = attempt.last.kind
    if step.kind not in NEXT[last]:
        raise LedgerStepError(f"{step.attempt!r} is {last} and cannot become {step.kind}")
    amount = attempt.hold.micros if step.micros is None else step.micros
    if step.kind is Kind.VOIDED:
        amount = 0
    elif step.kind is Kind.SUSPECT:
        amount = max(amount, attempt.hold.micros)  # What may be owed is never counted for less.
    elif step.kind is Kind.DISPATCHED:
        amount = attempt.hold.micros
    entry = Entry(
        attempt=step.attempt, kind=step.kind, micros=amount, at=step.at, reason=step.reason
    )
    outcome = attempt.outcome if step.outcome is NO_OUTCOME else step.outcome
    ticket = attempt.ticket if step.kind in OPEN or step.keeps_ticket else None
    return replace(attempt, entries=(*attempt.entries, entry), outcome=outcome, ticket=ticket)


def expiry(attempt: Attempt, now: datetime) -> Step | None:
    """What is written of an attempt that its process has left behind, or ``None`` so far.

    What never left cost nothing; what may have left may have been paid for.
    """
    if attempt.last.kind not in (Kind.HELD, Kind.DISPATCHED) or now < attempt.hold.expires:
        return None
    is_sent = attempt.last.kind is Kind.DISPATCHED
    return Step(
        attempt=attempt.hold.attempt,
        kind=Kind.SUSPECT if is_sent else Kind.VOIDED,
        at=now,
        reason="its process ended before it was settled",
    )
