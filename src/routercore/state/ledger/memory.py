"""The ledger of one process, in its memory: what is not durable costs next to nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from routercore.state.ledger.book import Book, buckets, mismatches, total
from routercore.values.accounts import LOST, Asked, By, Ended, Logged, Mismatch, Used
from routercore.values.leases import Claim, Mark
from routercore.values.ledger import (
    EMPTY,
    OPEN,
    Account,
    Attempt,
    Balance,
    Bucket,
    Cap,
    Hold,
    Kind,
    LedgerStepError,
    Period,
    Step,
    Sweep,
    counted,
    expiry,
    period_name,
)

KEPT = 10_000
"""Requests, settled attempts and suspect ones that are remembered one by one, so many of each; the
sums remember all. A suspect attempt that is forgotten counts against budgets as before, and can
neither be reconciled nor collected any more."""

NAMES: dict[By, Callable[[Hold], str]] = {
    By.KEY: lambda hold: hold.caller,
    By.PROVIDER: lambda hold: hold.provider,
    By.MODEL: lambda hold: hold.model,
    By.DAY: lambda hold: hold.at.astimezone(UTC).date().isoformat(),
}


@dataclass(slots=True)
class _Page:
    """What is known of one request."""

    asked: Asked
    ended: Ended | None = None
    attempts: list[str] = field(default_factory=list)


class MemoryLedger:
    """See :class:`routercore.engine.ledger.Ledger`. Belongs to one event loop."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._book = Book()
        self._kept = kept
        self._pages: dict[str, _Page] = {}
        self._settled: deque[str] = deque()
        self._suspect: dict[str, None] = {}
        self._forgotten: dict[Bucket, Balance] = {}

    async def reserve(self, hold: Hold, caps: Sequence[Cap] = ()) -> Attempt:
        is_new = hold.attempt not in self._book.attempts
        attempt = self._book.reserve(hold, caps)
        page = self._pages.get(hold.request)
        if is_new and page is not None:
            page.attempts.append(hold.attempt)
        return attempt

    async def write(self, step: Step) -> Attempt:
        return self._write(step)

    def _write(self, step: Step) -> Attempt:
        before = self._book.attempts.get(step.attempt)
        after = self._book.write(step)
        if after is not before:
            self._file(step.attempt, after.last.kind)
        return after

    def _file(self, id: str, kind: Kind) -> None:
        """Count an attempt among those that are settled or suspect, and forget the oldest."""
        self._suspect.pop(id, None)
        if kind is Kind.SUSPECT:
            self._suspect[id] = None
            if len(self._suspect) > self._kept:
                oldest = next(iter(self._suspect))
                del self._suspect[oldest]
                self._forget(self._book.forget(oldest))
        elif kind not in OPEN:
            self._settled.append(id)
            if len(self._settled) > self._kept:
                self._forget(self._book.forget(self._settled.popleft()))

    def _forget(self, attempt: Attempt) -> None:
        """Keep the sums of an attempt, and nothing else of it."""
        for bucket in buckets(attempt.hold):
            stood = self._forgotten.get(bucket, EMPTY)
            self._forgotten[bucket] = stood.plus(counted(attempt.last))

    async def mark(self, mark: Mark) -> Attempt:
        return self._book.mark(mark)

    async def claim(self, claim: Claim) -> list[Attempt]:
        return self._book.claim(claim)

    def note(self, what: Asked | Ended | Step | Mark | Sweep) -> None:
        match what:
            case Asked():
                self._pages.setdefault(what.request, _Page(what))
                while len(self._pages) > self._kept:
                    del self._pages[next(iter(self._pages))]
            case Ended():
                if what.request in self._pages:
                    self._pages[what.request].ended = what
            case Step():
                with suppress(LedgerStepError):
                    self._write(what)
            case Mark():
                with suppress(LedgerStepError):
                    self._book.mark(what)
            case Sweep():
                self._sweep(what)

    async def balance(self, account: Account, per: Period, at: datetime) -> Balance:
        return self._book.balances.get(Bucket(account, period_name(per, at)), EMPTY)

    async def open_attempts(self) -> list[Attempt]:
        return self._open()

    def _open(self) -> list[Attempt]:
        still = [one for one in self._book.attempts.values() if one.last.kind in OPEN]
        return sorted(still, key=lambda one: (one.hold.at, one.hold.attempt))

    async def usage(self, by: By, since: datetime, until: datetime) -> list[Used]:
        lines: dict[str, Used] = {}
        for attempt in self._book.attempts.values():
            hold = attempt.hold
            if since <= hold.at < until:
                name = NAMES[by](hold)
                line = lines.get(name, Used(name=name, balance=EMPTY))
                lines[name] = Used(
                    name=name, balance=line.balance.plus(counted(attempt.last)),
                    attempts=line.attempts + 1, images=line.images + attempt.outcome.images,
                )  # fmt: skip
        return sorted(lines.values(), key=lambda line: (-line.balance.spent, line.name))

    async def log(
        self, *, limit: int = 50, caller: str | None = None, request: str | None = None
    ) -> list[Logged]:
        pages = [
            page
            for page in reversed(self._pages.values())
            if _fits(page.asked, caller=caller, request=request)
        ]
        return [self._logged(page) for page in pages[:limit]]

    def _logged(self, page: _Page) -> Logged:
        attempts = self._book.attempts
        known = tuple(attempts[id] for id in page.attempts if id in attempts)
        return Logged(asked=page.asked, ended=page.ended, attempts=known)

    async def audit(self) -> list[Mismatch]:
        expected = total(self._book.attempts.values())
        for bucket, balance in self._forgotten.items():
            expected[bucket] = expected.get(bucket, EMPTY).plus(balance)
        return mismatches(expected, self._book.balances)

    async def sweep(self, what: Sweep) -> int:
        return self._sweep(what)

    def _sweep(self, what: Sweep) -> int:
        steps = [step for one in self._open() if (step := expiry(one, what.now))]
        for step in steps:
            self._write(step)
        self._lose(what.now)
        before = what.forget_before
        if before is not None:
            self._blank(page for page in self._pages.values() if page.asked.at < before)
        return len(steps)

    def _lose(self, now: datetime) -> None:
        """End the requests of dead processes: nothing of them is under way or can be collected."""
        for page in self._pages.values():
            if page.ended is None and page.attempts:
                known = [self._book.attempts[id] for id in page.attempts
                         if id in self._book.attempts]  # fmt: skip
                if not any(one.hold.expires > now or one.ticket for one in known):
                    page.ended = Ended(request=page.asked.request, at=now, status=LOST)

    async def erase(
        self, *, request: str | None = None, caller: str | None = None, user: str | None = None
    ) -> int:
        if request is None and caller is None and user is None:
            raise ValueError("say whose requests are to be erased")
        pages = self._pages.values()
        return self._blank(
            p for p in pages if _fits(p.asked, caller=caller, request=request, user=user)
        )

    def _blank(self, pages: Iterable[_Page]) -> int:
        full = [p for p in pages if p.asked.prompt is not None or p.asked.user is not None]
        for page in full:
            page.asked = replace(page.asked, prompt=None, user=None)
        return len(full)

    async def close(self) -> None:
        """Nothing is waiting."""


def _fits(
    asked: Asked, *, caller: str | None, request: str | None, user: str | None = None
) -> bool:
    return (
        caller in (None, asked.caller)
        and request in (None, asked.request)
        and user in (None, asked.user)
    )
