"""The book: attempts and balances in memory, whole or as much of them as a step needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache

from routercore.values.accounts import Mismatch
from routercore.values.ledger import (
    EMPTY,
    Account,
    Attempt,
    Balance,
    Bucket,
    Cap,
    Hold,
    Kind,
    LedgerStepError,
    OverBudgetError,
    Period,
    Step,
    advanced,
    counted,
    first_row,
    period_name,
)

NOON = time(12)


@dataclass(slots=True)
class Changes:
    """What steps have changed, for a backend that writes it down elsewhere."""

    begun: dict[str, Attempt] = field(default_factory=dict)
    """Attempts that are new, as they are now."""
    advanced: dict[str, Attempt] = field(default_factory=dict)
    """Attempts that were there before, as they are now."""
    rows: dict[str, int] = field(default_factory=dict)
    """How many rows of an attempt were there before."""
    balances: dict[Bucket, Balance] = field(default_factory=dict)
    """By how much each bucket has changed."""


class Book:
    """Takes steps, all of one or nothing of it."""

    def __init__(self, changes: Changes | None = None) -> None:
        self.attempts: dict[str, Attempt] = {}
        self.balances: dict[Bucket, Balance] = {}
        self.changes = changes

    def reserve(self, hold: Hold, caps: Sequence[Cap]) -> Attempt:
        """See :meth:`routercore.engine.ledger.Ledger.reserve`."""
        known = self.attempts.get(hold.attempt)
        if known is not None:
            if known.last.kind is not Kind.HELD or known.hold != hold:
                raise LedgerStepError(f"there is an attempt {hold.attempt!r} already")
            return known
        if hold.micros:
            self._refuse_beyond(hold, caps)
        attempt = first_row(hold)
        self._take(None, attempt)
        return attempt

    def write(self, step: Step) -> Attempt:
        """See :meth:`routercore.engine.ledger.Ledger.write`."""
        before = self.attempts.get(step.attempt)
        if before is None:
            raise LedgerStepError(f"there is no attempt {step.attempt!r}")
        after = advanced(before, step)
        if after is not before:
            self._take(before, after)
        return after

    def _refuse_beyond(self, hold: Hold, caps: Sequence[Cap]) -> None:
        for cap in caps:
            bucket = Bucket(cap.account, period_name(cap.budget.per, hold.at))
            left = cap.budget.micros - self.balances.get(bucket, EMPTY).spent
            if hold.micros > left:
                raise OverBudgetError(cap, max(0, left), hold.micros)

    def _take(self, before: Attempt | None, after: Attempt) -> None:
        self.attempts[after.hold.attempt] = after
        change = counted(after.last) + (-counted(before.last) if before else EMPTY)
        if change != EMPTY:
            for bucket in buckets(after.hold):
                self.balances[bucket] = self.balances.get(bucket, EMPTY) + change
        if self.changes is not None:
            self._record(self.changes, before, after, change)

    def _record(
        self, changes: Changes, before: Attempt | None, after: Attempt, change: Balance
    ) -> None:
        id = after.hold.attempt
        if before is None or id in changes.begun:
            changes.begun[id] = after
        else:
            changes.advanced[id] = after
        changes.rows.setdefault(id, len(before.entries) if before else 0)
        if change != EMPTY:
            for bucket in buckets(after.hold):
                changes.balances[bucket] = changes.balances.get(bucket, EMPTY) + change


def buckets(hold: Hold) -> tuple[Bucket, ...]:
    """Where a hold counts; attempts of one day and accounts share the answer."""
    return _buckets(hold.accounts, hold.at.astimezone(UTC).date())


@lru_cache(maxsize=1024)
def _buckets(accounts: tuple[Account, ...], day: date) -> tuple[Bucket, ...]:
    noon = datetime.combine(day, NOON, UTC)
    periods = [period_name(per, noon) for per in Period]
    return tuple(Bucket(account, period) for account in accounts for period in periods)


def total(attempts: Iterable[Attempt]) -> dict[Bucket, Balance]:
    """The balances that a set of attempts makes."""
    balances: dict[Bucket, Balance] = {}
    for attempt in attempts:
        for bucket in buckets(attempt.hold):
            balances[bucket] = balances.get(bucket, EMPTY) + counted(attempt.last)
    return balances


def mismatches(expected: dict[Bucket, Balance], actual: dict[Bucket, Balance]) -> list[Mismatch]:
    """Balances that differ; one that is not there is empty."""
    return [
        Mismatch(f"{bucket.account.scope} {bucket.account.name} {bucket.period}",
                 str(should), str(stands))
        for bucket in sorted({*expected, *actual})
        if (should := expected.get(bucket, EMPTY)) != (stands := actual.get(bucket, EMPTY))
    ]  # fmt: skip
