"""Calls that can be asked for again, in the ledger's database: rows, keys, leases, bounds.

Whoever makes a call holds a lease on its row and renews it. A row whose lease has run out belongs
to a process that is gone; what became of its money is told by the ledger's attempts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from routercore.state.ledger import tables
from routercore.values.leases import COLLECTABLE
from routercore.values.ledger import Kind

RUNNING = "in_progress"
SWEPT = 1000
"""Rows at most that are forgotten for one reason in one transaction."""
_CALLS = tables.calls.c
_ATTEMPTS = tables.attempts.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One row."""

    id: str
    owner: str
    key: str | None
    reference: str | None
    request_hash: str
    created: datetime
    state: str
    alive_until: datetime | None
    """Where it is under way, until when its process is taken to live."""
    is_unwanted: bool = False
    shape: str = "{}"
    answer: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Which rows there may be at a moment."""

    now: datetime
    created_after: datetime
    """Older ones are forgotten."""
    unsent_before: datetime
    """A call of then that was not sent by now never will be."""
    max_calls: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Sent:
    """How far the attempts of a call came."""

    is_paid: bool
    """Or may be."""
    is_pending: bool
    """An upstream has accepted a job that can still be collected."""


def claim(connection: Connection, call: Call, bounds: Bounds) -> Call:
    """Add a call, unless its owner has one of the same key: that is returned instead."""
    known = None if call.key is None else _keyed(connection, call.owner, call.key)
    if known is not None:
        if not _is_over(connection, known, bounds):
            return known
        forget(connection, known.id)
    connection.execute(insert(tables.calls).values(**asdict(call)))
    return call


def _keyed(connection: Connection, owner: str, key: str) -> Call | None:
    return _one(connection, _CALLS.owner == owner, _CALLS.key == key)


def _is_over(connection: Connection, known: Call, bounds: Bounds) -> bool:
    """Whether a call no longer stands in the way of another one with its key."""
    if known.state != RUNNING:
        return known.created < bounds.created_after
    if known.alive_until is not None and bounds.now < known.alive_until:
        return False
    if known.created >= bounds.unsent_before:
        return False
    return not sent(connection, known.id).is_paid


def sent(connection: Connection, id: str) -> Sent:
    """How far the attempts of a call came, as the ledger has it."""
    is_paid = _ATTEMPTS.kind.not_in((Kind.HELD, Kind.VOIDED))
    is_pending = (
        _ATTEMPTS.kind.in_(COLLECTABLE)
        & _ATTEMPTS.ticket.is_not(None)
        & _ATTEMPTS.given_up.is_(None)
    )
    rows = connection.execute(select(is_paid, is_pending).where(_ATTEMPTS.request == id)).all()
    return Sent(any(row[0] for row in rows), any(row[1] for row in rows))


def settle(connection: Connection, call: Call) -> None:
    """Write down how a call ended, once."""
    ended = {name: value for name, value in asdict(call).items() if name not in ("id", "owner")}
    connection.execute(
        update(tables.calls).where(_CALLS.id == call.id, _CALLS.state == RUNNING).values(**ended)
    )


def complete(connection: Connection, call: Call, state: str | None, shape: str | None) -> bool:
    """Put a late end in the place of the call as it was, or of nothing; false if it is not so."""
    if state is None:
        if get(connection, call.id) is not None:
            return False
        connection.execute(insert(tables.calls).values(**asdict(call)))
        return True
    as_it_was = _CALLS.id == call.id, _CALLS.state == state, _CALLS.shape == shape
    done = connection.execute(update(tables.calls).where(*as_it_was).values(**asdict(call)))
    return done.rowcount > 0


def free_left(connection: Connection, now: datetime) -> None:
    """Let the jobs of calls be claimed whose lease has run out: nobody is at work on them."""
    nobody = or_(_CALLS.alive_until.is_(None), _CALLS.alive_until <= now)
    is_left = (_CALLS.state == RUNNING) & nobody
    connection.execute(
        update(tables.attempts)
        .where(_ATTEMPTS.request.in_(select(_CALLS.id).where(is_left)))
        .where(_ATTEMPTS.kind.in_(COLLECTABLE), _ATTEMPTS.ticket.is_not(None))
        .where(_ATTEMPTS.leased_until.is_(None))
        .values(leased_until=now)
    )


def get(connection: Connection, id: str) -> Call | None:
    """The call of that id."""
    return _one(connection, _CALLS.id == id)


def find(connection: Connection, owner: str, name: str) -> Call | None:
    """An owner's call of that id, or else the last that its client called so."""
    is_it = _CALLS.owner == owner, or_(_CALLS.id == name, _CALLS.reference == name)
    return _one(connection, *is_it, order=(_CALLS.id != name, _CALLS.created.desc()))


def forget(connection: Connection, id: str) -> Call | None:
    """Remove a call; returns what was there."""
    call = get(connection, id)
    connection.execute(delete(tables.calls).where(_CALLS.id == id))
    return call


def renew(connection: Connection, ids: Collection[str], until: datetime) -> list[str]:
    """Hold calls until then; returns those of them that nobody wants any more."""
    held = _CALLS.id.in_(list(ids)), _CALLS.state == RUNNING
    connection.execute(update(tables.calls).where(*held).values(alive_until=until))
    unwanted = select(_CALLS.id).where(*held, _CALLS.is_unwanted)
    return list(connection.scalars(unwanted))


def release(connection: Connection, id: str) -> None:
    """Let a call be in nobody's hands."""
    running = _CALLS.id == id, _CALLS.state == RUNNING
    connection.execute(update(tables.calls).where(*running).values(alive_until=None))


def call_off(connection: Connection, id: str) -> None:
    """Say that nobody wants a call any more."""
    running = _CALLS.id == id, _CALLS.state == RUNNING
    connection.execute(update(tables.calls).where(*running).values(is_unwanted=True))


def sweep(connection: Connection, bounds: Bounds) -> list[Call]:
    """Forget some calls beyond the bounds, and results beyond theirs; returns what had been kept.

    As long as there were any there may be more.
    """
    is_over = or_(
        _CALLS.state != RUNNING,
        _CALLS.alive_until.is_(None),
        _CALLS.alive_until < bounds.created_after,
    )
    newest = select(_CALLS.id).where(_CALLS.state != RUNNING).order_by(_CALLS.created.desc())
    beyond = connection.scalars(newest.offset(bounds.max_calls).limit(SWEPT)).all()
    gone = [*_all(connection, is_over, _CALLS.created < bounds.created_after),
            *_all(connection, _CALLS.id.in_(beyond))]  # fmt: skip
    connection.execute(delete(tables.calls).where(_CALLS.id.in_([call.id for call in gone])))
    return [*gone, *_shrink(connection, bounds.max_bytes)]


def _shrink(connection: Connection, most: int) -> list[Call]:
    """Drop the oldest results until the rest is small enough; that they were made stays known."""
    kept = _CALLS.answer.is_not(None)
    held = connection.scalar(select(func.coalesce(func.sum(_CALLS.size), 0)).where(kept)) or 0
    dropped: list[Call] = []
    if held <= most:
        return dropped
    oldest = select(tables.calls).where(kept).order_by(_CALLS.created).limit(SWEPT)
    for row in connection.execute(oldest):
        if held <= most:
            break
        dropped.append(_call(row))
        held -= row.size
    ids = [call.id for call in dropped]
    smaller = update(tables.calls).where(_CALLS.id.in_(ids)).values(answer=None, size=0)
    connection.execute(smaller)
    return dropped


def _all(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Call]:
    query = select(tables.calls).where(*conditions).limit(SWEPT)
    return [_call(row) for row in connection.execute(query)]


def _one(
    connection: Connection, *conditions: ColumnElement[bool], order: Sequence[Any] = ()
) -> Call | None:
    query = select(tables.calls).where(*conditions).order_by(*order).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _call(row)


def _call(row: Row[Any]) -> Call:
    return Call(**{field.name: getattr(row, field.name) for field in fields(Call)})


def left(call: Call, now: datetime) -> bool:
    """Whether a call is under way and its process is gone."""
    return call.state == RUNNING and (call.alive_until is None or call.alive_until <= now)
