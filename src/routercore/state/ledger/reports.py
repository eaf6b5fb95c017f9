"""What the SQL ledger answers: questions over many rows, none of which changes anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    case,
    func,
    select,
    type_coerce,
)

from routercore.state.ledger import tables
from routercore.state.ledger.book import mismatches, total
from routercore.state.ledger.rows import (
    CHUNK,
    attempt_of,
    bucket_of,
    load_attempts,
)
from routercore.state.ledger.tables import DAY, EPOCH, MICROSECOND
from routercore.values.accounts import Asked, By, Ended, Logged, Mismatch, Used
from routercore.values.leases import COLLECTABLE, Claim
from routercore.values.ledger import OPEN, Attempt, Balance, Bucket, Entry, Kind, in_words

ATTEMPTS = tables.attempts.c
REQUESTS = tables.requests.c

GROUPS: Mapping[By, ColumnElement[Any]] = {
    By.KEY: ATTEMPTS.caller,
    By.PROVIDER: ATTEMPTS.provider,
    By.MODEL: ATTEMPTS.model,
    By.DAY: type_coerce(ATTEMPTS.at, BigInteger) // DAY,
}


def open_attempts(connection: Connection, before: datetime | None = None) -> list[Attempt]:
    """All that are open, or those alone that are neither settled nor suspect at their expiry."""
    query = select(ATTEMPTS.id).order_by(ATTEMPTS.at, ATTEMPTS.id)
    if before is None:
        query = query.where(ATTEMPTS.kind.in_(OPEN))
    else:
        under_way = ATTEMPTS.kind.in_((Kind.HELD, Kind.DISPATCHED))
        query = query.where(under_way, ATTEMPTS.expires <= before)
    ids = connection.scalars(query).all()
    found = load_attempts(connection, ids)
    return [found[id] for id in ids]


def claimable(connection: Connection, claim: Claim) -> dict[str, Attempt]:
    """Attempts that a claim may fall to; the book decides."""
    query = (
        select(ATTEMPTS.id)
        .where(ATTEMPTS.kind.in_(COLLECTABLE), ATTEMPTS.ticket.is_not(None))
        .where(ATTEMPTS.given_up.is_(None))
        .order_by(ATTEMPTS.at, ATTEMPTS.id)
        .limit(claim.limit)
    )
    is_free = func.coalesce(ATTEMPTS.leased_until, ATTEMPTS.expires) <= claim.now
    if claim.even_if_leased:
        is_free |= ATTEMPTS.owner.is_(None)
    query = query.where(is_free)
    if claim.attempt is not None:
        query = query.where(ATTEMPTS.id == claim.attempt)
    return load_attempts(connection, connection.scalars(query).all())


def usage(connection: Connection, by: By, since: datetime, until: datetime) -> list[Used]:
    """See :meth:`routercore.engine.ledger.Ledger.usage`."""
    group = GROUPS[by]
    query = (
        select(
            group.label("name"), _sum(Kind.HELD, Kind.DISPATCHED), _sum(Kind.POSTED),
            _sum(Kind.SUSPECT), func.count(), func.sum(ATTEMPTS.images),
        )
        .where(ATTEMPTS.at >= since, ATTEMPTS.at < until)
        .group_by(group)
    )  # fmt: skip
    lines = [
        Used(name=_name(by, name), balance=Balance(int(held), int(posted), int(suspect)),
             attempts=count, images=int(images))
        for name, held, posted, suspect, count, images in connection.execute(query)
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (-line.balance.spent, line.name))


def _sum(*kinds: Kind) -> ColumnElement[Any]:
    return func.sum(case((ATTEMPTS.kind.in_(kinds), ATTEMPTS.micros), else_=0))


def _name(by: By, value: Any) -> str:
    if by is By.DAY:
        return (EPOCH + int(value) * DAY * MICROSECOND).date().isoformat()
    return str(value)


def log(
    connection: Connection, limit: int, caller: str | None, request: str | None
) -> list[Logged]:
    """See :meth:`routercore.engine.ledger.Ledger.log`."""
    query = select(tables.requests).order_by(REQUESTS.number.desc()).limit(limit)
    if caller is not None:
        query = query.where(REQUESTS.caller == caller)
    if request is not None:
        query = query.where(REQUESTS.id == request)
    pages = connection.execute(query).all()
    attempts = _of_requests(connection, [page.id for page in pages])
    return [
        Logged(asked=_asked(page), ended=_ended(page), attempts=tuple(attempts[page.id]))
        for page in pages
    ]


def _of_requests(connection: Connection, requests: list[str]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    for start in range(0, len(requests), CHUNK):
        some = ATTEMPTS.request.in_(requests[start : start + CHUNK])
        query = select(ATTEMPTS.id).where(some)
        for attempt in load_attempts(connection, connection.scalars(query).all()).values():
            found[attempt.hold.request].append(attempt)
    for attempts in found.values():
        attempts.sort(key=lambda one: (one.hold.at, one.hold.attempt))
    return found


def _asked(row: Row[Any]) -> Asked:
    return Asked(
        request=row.id, caller=row.caller, model=row.model, operation=row.operation, n=row.n,
        at=row.at, size=row.size, quality=row.quality, prompt=row.prompt, user=row.user,
    )  # fmt: skip


def _ended(row: Row[Any]) -> Ended | None:
    if row.ended_at is None:
        return None
    return Ended(
        request=row.id, at=row.ended_at, status=row.status, code=row.code, target=row.target,
        images=row.images, seconds=row.seconds, cache=row.cache,
    )  # fmt: skip


def audit(connection: Connection) -> list[Mismatch]:
    """See :meth:`routercore.engine.ledger.Ledger.audit`."""
    wrong: list[Mismatch] = []
    expected = total(_checked(connection, wrong))
    actual: dict[Bucket, Balance] = {
        bucket_of(row): Balance(row.held, row.posted, row.suspect)
        for row in connection.execute(select(tables.balances))
    }
    return [*wrong, *mismatches(expected, actual)]


def _checked(connection: Connection, wrong: list[Mismatch]) -> Iterator[Attempt]:
    """Every attempt with its rows; notes those whose rows contradict it, or each other."""
    query = (
        select(tables.attempts, tables.entries.c.place, tables.entries.c.attempt,
               tables.entries.c.kind.label("entry_kind"),
               tables.entries.c.micros.label("entry_micros"),
               tables.entries.c.at.label("entry_at"), tables.entries.c.reason)
        .join(tables.entries, tables.entries.c.attempt == ATTEMPTS.id, isouter=True)
        .order_by(ATTEMPTS.id, tables.entries.c.place)
    )  # fmt: skip
    rows = connection.execution_options(yield_per=1000).execute(query)
    for id, group in groupby(rows, key=lambda row: row.id):
        attempt, first = _rebuilt(group)
        if attempt is None:
            wrong.append(Mismatch(f"attempt {id}", "rows", "none"))
            continue
        if (attempt.last.kind, attempt.last.micros) != (first.kind, first.micros):
            stands = f"{first.kind} {in_words(first.micros)}"
            should = f"{attempt.last.kind} {in_words(attempt.last.micros)}"
            wrong.append(Mismatch(f"attempt {id}", should, stands))
        yield attempt


def _rebuilt(rows: Iterable[Row[Any]]) -> tuple[Attempt | None, Row[Any]]:
    every = list(rows)
    first = every[0]
    if first.attempt is None:
        return None, first
    return attempt_of(first, [_joined(row) for row in every]), first


def _joined(row: Row[Any]) -> Entry:
    """The entry's half of a joined row."""
    return Entry(
        attempt=row.attempt, kind=Kind(row.entry_kind), micros=row.entry_micros, at=row.entry_at,
        reason=row.reason,
    )  # fmt: skip
