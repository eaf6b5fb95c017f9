"""The ledger in a SQL database: SQLite in a file, or PostgreSQL for many machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, exists, or_, update
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from routercore.engine.observers import logger
from routercore.state.ledger import reports, tables
from routercore.state.ledger.book import Book, Changes
from routercore.state.ledger.database import Database
from routercore.state.ledger.group import GroupWriter
from routercore.state.ledger.rows import load_attempts, load_balances, store, store_notes
from routercore.values.accounts import LOST, Asked, By, Ended, Logged, Mismatch, Used
from routercore.values.errors import LedgerUnavailableError
from routercore.values.leases import Claim, Mark
from routercore.values.ledger import (
    EMPTY,
    Account,
    Attempt,
    Balance,
    Bucket,
    Cap,
    Hold,
    LedgerStepError,
    OverBudgetError,
    Period,
    Step,
    Sweep,
    expiry,
    period_name,
)

T = TypeVar("T")

LOOK_BACK = timedelta(days=7)
"""How old a request may be that is still looked at for whether its process has died."""


@dataclass(frozen=True, slots=True)
class _Reserve:
    hold: Hold
    caps: tuple[Cap, ...]


_Work = _Reserve | Step | Mark | Asked | Ended | Callable[[Connection], object]


class SqlLedger:
    """See :class:`routercore.engine.ledger.Ledger`.

    One thread writes: whatever is waiting shares one transaction, and so one wait for the disk.
    Several processes may use one database; each group takes the write lock for as long as it
    takes. The database is opened, and its tables are made or migrated, with the first question.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._writer = GroupWriter[_Work](self._perform, self._database.close)

    async def reserve(self, hold: Hold, caps: Sequence[Cap] = ()) -> Attempt:
        attempt: Attempt = await self._writer.do(_Reserve(hold, tuple(caps)))
        return attempt

    async def write(self, step: Step) -> Attempt:
        attempt: Attempt = await self._writer.do(step)
        return attempt

    async def mark(self, mark: Mark) -> Attempt:
        attempt: Attempt = await self._writer.do(mark)
        return attempt

    async def claim(self, claim: Claim) -> list[Attempt]:
        taken: list[Attempt] = await self._writer.do(partial(_claim, claim=claim))
        return taken

    def note(self, what: Asked | Ended | Step | Mark | Sweep) -> None:
        self._writer.note(partial(_sweep, what=what) if isinstance(what, Sweep) else what)

    async def balance(self, account: Account, per: Period, at: datetime) -> Balance:
        bucket = Bucket(account, period_name(per, at))
        return await self._read(lambda c: load_balances(c, [bucket]).get(bucket, EMPTY))

    async def open_attempts(self) -> list[Attempt]:
        return await self._read(reports.open_attempts)

    async def usage(self, by: By, since: datetime, until: datetime) -> list[Used]:
        return await self._read(lambda c: reports.usage(c, by, since, until))

    async def log(
        self, *, limit: int = 50, caller: str | None = None, request: str | None = None
    ) -> list[Logged]:
        return await self._read(lambda c: reports.log(c, limit, caller, request))

    async def audit(self) -> list[Mismatch]:
        return await self._read(reports.audit)

    async def sweep(self, what: Sweep) -> int:
        swept: int = await self._writer.do(partial(_sweep, what=what))
        return swept

    async def erase(
        self, *, request: str | None = None, caller: str | None = None, user: str | None = None
    ) -> int:
        given = {"id": request, "caller": caller, "user": user}
        columns = tables.requests.c
        whose = [columns[name] == value for name, value in given.items() if value is not None]
        if not whose:
            raise ValueError("say whose requests are to be erased")
        erased: int = await self._writer.do(lambda connection: _erase(connection, *whose))
        return erased

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` on the ledger's database, in a transaction that others may share.

        Raises:
            LedgerUnavailableError: it could not be done, and nothing of it was.
        """
        done: T = await self._writer.do(work)
        return done

    async def close(self) -> None:
        await self._writer.close()

    async def _read(self, question: Callable[[Connection], T]) -> T:
        """Answer from a connection of its own, after all that was written before."""
        await self._writer.do(_nothing)
        try:
            return await asyncio.to_thread(self._database.read, question)
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    def _perform(self, group: Sequence[_Work]) -> Sequence[object]:
        """Do a group in one transaction; one that fails for its contents, piece by piece."""
        try:
            return self._database.write(lambda connection: _do(connection, group))
        except (OperationalError, InterfaceError) as error:
            return [_unavailable(error)] * len(group)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            if len(group) == 1:
                return [_unavailable(error)]
            return [result for work in group for result in self._perform([work])]


def _do(connection: Connection, group: Sequence[_Work]) -> list[object]:
    """Take all steps of a group in the book, and write down what has changed."""
    changes, deciding = Changes(), _buckets(group)
    book = Book(changes, watched=deciding)
    ids = {w.hold.attempt if isinstance(w, _Reserve) else w.attempt
           for w in group if isinstance(w, _Reserve | Step | Mark)}  # fmt: skip
    book.know(load_attempts(connection, ids).values())
    book.balances = load_balances(connection, deciding)
    results = [_step(book, work) for work in group]
    store(connection, changes)
    store_notes(
        connection,
        [work for work in group if isinstance(work, Asked)],
        [work for work in group if isinstance(work, Ended)],
    )
    return [
        work(connection) if callable(work) else result
        for work, result in zip(group, results, strict=True)
    ]


def _buckets(group: Sequence[_Work]) -> set[Bucket]:
    """The balances that decide over a group."""
    return {
        Bucket(cap.account, period_name(cap.budget.per, work.hold.at))
        for work in group
        if isinstance(work, _Reserve)
        for cap in work.caps
    }


def _step(book: Book, work: _Work) -> Attempt | Exception | None:
    try:
        match work:
            case _Reserve():
                return book.reserve(work.hold, work.caps)
            case Step():
                return book.write(work)
            case Mark():
                return book.mark(work)
            case _:
                return None
    except (OverBudgetError, LedgerStepError) as error:
        return error


def _claim(connection: Connection, claim: Claim) -> list[Attempt]:
    changes = Changes()
    book = Book(changes, watched=())
    book.know(reports.claimable(connection, claim).values())
    taken = book.claim(claim)
    store(connection, changes)
    return taken


def _sweep(connection: Connection, what: Sweep) -> int:
    changes = Changes()
    book = Book(changes, watched=())
    left = reports.open_attempts(connection, before=what.now)
    book.know(left)
    for attempt in left:
        step = expiry(attempt, what.now)
        if step is not None:
            with suppress(LedgerStepError):
                book.write(step)
    store(connection, changes)
    _lose(connection, what.now)
    if what.forget_before is not None:
        _erase(connection, tables.requests.c.at < what.forget_before)
    return len(left)


def _lose(connection: Connection, now: datetime) -> None:
    """End the requests of dead processes: nothing of them is under way or can be collected."""
    asked, tried = tables.requests.c, tables.attempts.c
    theirs = exists().where(tried.request == asked.id)
    is_alive = or_(tried.expires > now, tried.ticket.is_not(None))
    connection.execute(
        update(tables.requests)
        .where(asked.ended_at.is_(None), asked.at > now - LOOK_BACK)
        .where(theirs, ~theirs.where(is_alive))
        .values(ended_at=now, status=LOST, images=0)
    )


def _erase(connection: Connection, *whose: Any) -> int:
    columns = tables.requests.c
    is_there = columns.prompt.is_not(None) | columns.user.is_not(None)
    erasing = update(tables.requests).where(is_there, *whose).values(prompt=None, user=None)
    return connection.execute(erasing).rowcount


def _nothing(connection: Connection) -> None:
    """Come after whatever was written before."""


def _unavailable(error: Exception) -> LedgerUnavailableError:
    """What clients are told, who need not know where the database is; the log has the cause."""
    cause = getattr(error, "orig", None) or error
    why = f"{type(cause).__name__}: {cause}".partition("\n")[0][:300]  # Below it may quote a row.
    logger().error("ledger.unavailable", error=why)
    failed = LedgerUnavailableError("the ledger cannot be used; the router's log says why")
    failed.add_note(why)
    failed.__cause__ = error
    return failed
