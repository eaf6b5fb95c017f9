"""Between the book and the tables: load what steps need, and store what they changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from routercore.state.ledger import tables
from routercore.state.ledger.book import Changes
from routercore.values.accounts import Asked, Ended
from routercore.values.ledger import (
    Account,
    Attempt,
    Balance,
    Bucket,
    Entry,
    Hold,
    Kind,
    Outcome,
    Scope,
)

CHUNK = 500
"""Values in one IN; databases bound them."""


def load_attempts(connection: Connection, ids: Collection[str]) -> dict[str, Attempt]:
    """The attempts with these ids, as far as they are there."""
    rows: dict[str, list[Entry]] = defaultdict(list)
    found: dict[str, Attempt] = {}
    for some in _chunks(ids):
        query = select(tables.entries).where(tables.entries.c.attempt.in_(some))
        for row in connection.execute(query.order_by(tables.entries.c.place)):
            rows[row.attempt].append(entry_of(row))
        for row in connection.execute(
            select(tables.attempts).where(tables.attempts.c.id.in_(some))
        ):
            found[row.id] = attempt_of(row, rows[row.id])
    return found


def entry_of(row: Row[Any]) -> Entry:
    """One row of the entries."""
    return Entry(
        attempt=row.attempt, kind=Kind(row.kind), micros=row.micros, at=row.at, reason=row.reason
    )


def attempt_of(row: Row[Any], entries: Iterable[Entry]) -> Attempt:
    """One row of the attempts, with its entries."""
    return Attempt(
        hold=Hold(
            attempt=row.id, request=row.request, caller=row.caller, provider=row.provider,
            model=row.model, target=row.target, micros=row.held, at=row.at, expires=row.expires,
            n=row.n, is_priced=row.is_priced,
        ),
        entries=tuple(entries),
        outcome=Outcome(
            images=row.images, fault=row.fault, upstream_id=row.upstream_id, seconds=row.seconds,
            basis=row.basis,
        ),
        ticket=row.ticket, owner=row.owner or "", leased_until=row.leased_until,
        given_up=row.given_up,
    )  # fmt: skip


def load_balances(connection: Connection, wanted: Collection[Bucket]) -> dict[Bucket, Balance]:
    """The balances of these buckets, as far as they are there."""
    table, found = tables.balances.c, {}
    key = tuple_(table.scope, table.name, table.period)
    for some in _chunks(wanted):
        values = [(bucket.account.scope, bucket.account.name, bucket.period) for bucket in some]
        for row in connection.execute(select(tables.balances).where(key.in_(values))):
            found[bucket_of(row)] = Balance(row.held, row.posted, row.suspect)
    return found


def bucket_of(row: Row[Any]) -> Bucket:
    """Whose balance a row is."""
    return Bucket(Account(Scope(row.scope), row.name), row.period)


def store(connection: Connection, changes: Changes) -> None:
    """Write down what steps have changed."""
    begun, after = changes.begun.values(), changes.advanced.values()
    if begun:
        rows = [_row(attempt) | _state(attempt) for attempt in begun]
        connection.execute(insert(tables.attempts), rows)
    if after:
        states = [{"which": one.hold.attempt, **_state(one)} for one in after]
        connection.execute(_ADVANCE, states)
    added = [
        _entry(entry, place)
        for attempt in (*begun, *after)
        for place, entry in enumerate(attempt.entries)
        if place >= changes.rows[attempt.hold.attempt]
    ]
    if added:
        connection.execute(insert(tables.entries), added)
    if changes.sums:
        rows = [_change(bucket, by) for bucket, by in changes.balances.items()]
        connection.execute(_CHANGE[connection.dialect.name], rows)


def store_notes(connection: Connection, asked: list[Asked], ended: list[Ended]) -> None:
    """Write down requests and their ends; one whose id is there already keeps its first row."""
    if asked:
        connection.execute(_ASK[connection.dialect.name], [_request(one) for one in asked])
    if ended:
        connection.execute(_END, [_end(one) for one in ended])


def _request(asked: Asked) -> dict[str, Any]:
    return {
        "id": asked.request, "caller": asked.caller, "model": asked.model,
        "operation": asked.operation, "n": asked.n, "at": asked.at, "size": asked.size,
        "quality": asked.quality, "prompt": asked.prompt, "user": asked.user,
    }  # fmt: skip


def _end(ended: Ended) -> dict[str, Any]:
    return {
        "which": ended.request, "ended_at": ended.at, "status": ended.status, "code": ended.code,
        "target": ended.target, "images": ended.images, "seconds": ended.seconds,
        "cache": ended.cache,
    }  # fmt: skip


def _row(attempt: Attempt) -> dict[str, Any]:
    hold = attempt.hold
    return {
        "id": hold.attempt, "request": hold.request, "caller": hold.caller,
        "provider": hold.provider, "model": hold.model, "target": hold.target, "n": hold.n,
        "held": hold.micros, "is_priced": hold.is_priced, "at": hold.at, "expires": hold.expires,
    }  # fmt: skip


def _state(attempt: Attempt) -> dict[str, Any]:
    last, outcome = attempt.last, attempt.outcome
    return {
        "kind": last.kind, "micros": last.micros, "images": outcome.images,
        "fault": outcome.fault, "upstream_id": outcome.upstream_id, "seconds": outcome.seconds,
        "basis": outcome.basis, "ticket": attempt.ticket, "owner": attempt.owner or None,
        "leased_until": attempt.leased_until, "given_up": attempt.given_up,
    }  # fmt: skip


def _entry(entry: Entry, place: int) -> dict[str, Any]:
    return {
        "attempt": entry.attempt, "kind": entry.kind, "place": place, "micros": entry.micros,
        "at": entry.at, "reason": entry.reason,
    }  # fmt: skip


def _change(bucket: Bucket, by: Balance) -> dict[str, Any]:
    return {
        "scope": bucket.account.scope, "name": bucket.account.name, "period": bucket.period,
        "held": by.held, "posted": by.posted, "suspect": by.suspect,
    }  # fmt: skip


def _chunks(values: Collection[Any]) -> Iterable[list[Any]]:
    every = list(values)
    return (every[at : at + CHUNK] for at in range(0, len(every), CHUNK))


def _added(dialect: Any) -> Any:
    """Add to a balance, or begin it."""
    begin = dialect.insert(tables.balances)
    sums = {name: tables.balances.c[name] + begin.excluded[name]
            for name in ("held", "posted", "suspect")}  # fmt: skip
    return begin.on_conflict_do_update(index_elements=["scope", "name", "period"], set_=sums)


_DIALECTS: Mapping[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
_CHANGE = {name: _added(dialect) for name, dialect in _DIALECTS.items()}
_ASK = {
    name: dialect.insert(tables.requests).on_conflict_do_nothing(index_elements=["id"])
    for name, dialect in _DIALECTS.items()
}
_END = (
    update(tables.requests)
    .where(tables.requests.c.id == bindparam("which"))
    .values({name: bindparam(name) for name in
             ("ended_at", "status", "code", "target", "images", "seconds", "cache")})
)  # fmt: skip
_ADVANCE = (
    update(tables.attempts)
    .where(tables.attempts.c.id == bindparam("which"))
    .values({name: bindparam(name) for name in
             ("kind", "micros", "images", "fault", "upstream_id", "seconds", "basis", "ticket",
              "owner", "leased_until", "given_up")})
)  # fmt: skip
