"""The book: attempts and balances in memory, whole or as much of them as a step needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache

from routercore.values.accounts import Mismatch
from routercore.values.leases import Claim, Mark, claimed, is_claimable, marked
from routercore.values.ledger import (
    EMPTY,
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
    accounts_of,
    advanced,
    counted,
    first_row,
    period_name,
)

NOON = time(12)


Where = tuple[str, str, date]
"""A caller, a provider and a day: what counts in the same buckets."""


@dataclass(slots=True)
class Changes:
    """What steps have changed, for a backend that writes it down elsewhere."""

    begun: dict[str, Attempt] = field(default_factory=dict)
    """Attempts that are new, as they are now."""
    advanced: dict[str, Attempt] = field(default_factory=dict)
    """Attempts that were there before, as they are now."""
    rows: dict[str, int] = field(default_factory=dict)
    """How many rows of an attempt were there before."""
    sums: dict[Where, Balance] = field(default_factory=dict)
    """By how much the buckets of a day and its accounts have changed."""

    @property
    def balances(self) -> dict[Bucket, Balance]:
        """By how much each bucket has changed."""
        changed: dict[Bucket, Balance] = {}
        for where, change in self.sums.items():
            for bucket in _buckets(where):
                changed[bucket] = changed.get(bucket, EMPTY).plus(change)
        return changed


class Book:
    """Takes steps, all of one or nothing of it."""

    def __init__(
        self, changes: Changes | None = None, watched: Collection[Bucket] | None = None
    ) -> None:
        """An empty book.

        Args:
            changes: where to note what steps have changed.
            watched: the only buckets whose balances are kept; all of them unless given.
        """
        self.attempts: dict[str, Attempt] = {}
        self._with_ticket: dict[str, None] = {}
        """Those among them that can be collected: a claim looks at no other."""
        self.balances: dict[Bucket, Balance] = {}
        self.changes = changes
        self._watched = watched

    def know(self, attempts: Iterable[Attempt]) -> None:
        """Go by attempts that were written down before."""
        for attempt in attempts:
            self._put(attempt)

    def forget(self, attempt: str) -> Attempt:
        """Know an attempt no more; what it counts stays in the balances."""
        self._with_ticket.pop(attempt, None)
        return self.attempts.pop(attempt)

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

    def mark(self, mark: Mark) -> Attempt:
        """See :meth:`routercore.engine.ledger.Ledger.mark`."""
        before = self.attempts.get(mark.attempt)
        if before is None:
            raise LedgerStepError(f"there is no attempt {mark.attempt!r}")
        after = marked(before, mark)
        self._take(before, after)
        return after

    def claim(self, claim: Claim) -> list[Attempt]:
        """See :meth:`routercore.engine.ledger.Ledger.claim`."""
        ids = self._with_ticket if claim.attempt is None else [claim.attempt]
        known = [self.attempts[id] for id in ids if id in self._with_ticket]
        free = [one for one in known if is_claimable(one, claim)]
        free.sort(key=lambda one: (one.hold.at, one.hold.attempt))
        taken = [(one, claimed(one, claim)) for one in free[: claim.limit]]
        for before, after in taken:
            self._take(before, after)
        return [after for _, after in taken]

    def _refuse_beyond(self, hold: Hold, caps: Sequence[Cap]) -> None:
        for cap in caps:
            bucket = Bucket(cap.account, period_name(cap.budget.per, hold.at))
            left = cap.budget.micros - self.balances.get(bucket, EMPTY).spent
            if hold.micros > left:
                raise OverBudgetError(cap, max(0, left), hold.micros)

    def _take(self, before: Attempt | None, after: Attempt) -> None:
        self._put(after)
        change = counted(after.last).less(counted(before.last) if before else EMPTY)
        if change != EMPTY:
            for bucket in buckets(after.hold):
                if self._watched is None or bucket in self._watched:
                    self.balances[bucket] = self.balances.get(bucket, EMPTY).plus(change)
        if self.changes is not None:
            self._record(self.changes, before, after, change)

    def _put(self, attempt: Attempt) -> None:
        id = attempt.hold.attempt
        self.attempts[id] = attempt
        if attempt.ticket is None or attempt.given_up is not None:
            self._with_ticket.pop(id, None)
        else:
            self._with_ticket[id] = None

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
            where = _where(after.hold)
            changes.sums[where] = changes.sums.get(where, EMPTY).plus(change)


def buckets(hold: Hold) -> tuple[Bucket, ...]:
    """Where a hold counts."""
    return _buckets(_where(hold))


def _where(hold: Hold) -> Where:
    return hold.caller, hold.provider, hold.at.astimezone(UTC).date()


@lru_cache(maxsize=1024)
def _buckets(where: Where) -> tuple[Bucket, ...]:
    caller, provider, day = where
    noon = datetime.combine(day, NOON, UTC)
    periods = [period_name(per, noon) for per in Period]
    accounts = accounts_of(caller, provider)
    return tuple(Bucket(account, period) for account in accounts for period in periods)


def total(attempts: Iterable[Attempt]) -> dict[Bucket, Balance]:
    """The balances that a set of attempts makes."""
    balances: dict[Bucket, Balance] = {}
    for attempt in attempts:
        for bucket in buckets(attempt.hold):
            balances[bucket] = balances.get(bucket, EMPTY).plus(counted(attempt.last))
    return balances


def mismatches(expected: dict[Bucket, Balance], actual: dict[Bucket, Balance]) -> list[Mismatch]:
    """Balances that differ; one that is not there is empty."""
    return [
        Mismatch(f"{bucket.account.scope} {bucket.account.name} {bucket.period}",
                 str(should), str(stands))
        for bucket in sorted({*expected, *actual})
        if (should := expected.get(bucket, EMPTY)) != (stands := actual.get(bucket, EMPTY))
    ]  # fmt: skip
