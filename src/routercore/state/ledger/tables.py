"""The ledger's tables. Amounts are micro-dollars, moments are microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1) // MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware moment; the same on every database, and in the right order."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


metadata = MetaData()

requests = Table(
    "routercore_requests",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("caller", String, nullable=False),
    Column("model", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("size", String),
    Column("quality", String),
    Column("prompt", Text),
    Column("user", String),
    Column("ended_at", Moment),
    Column("status", String),
    Column("code", String),
    Column("target", String),
    Column("images", Integer),
    Column("seconds", Float),
    Column("cache", String),
    Index("routercore_requests_at", "at"),
    Index("routercore_requests_caller", "caller", "number"),
)

for _name, _which in (
    ("unended", requests.c.ended_at.is_(None)),
    ("worded", requests.c.prompt.is_not(None) | requests.c.user.is_not(None)),
):
    Index(f"routercore_requests_{_name}", requests.c.at,
          sqlite_where=_which, postgresql_where=_which)  # fmt: skip

attempts = Table(
    "routercore_attempts",
    metadata,
    Column("id", String, primary_key=True),
    Column("request", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("target", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("is_priced", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    # What its last entry says, for questions over many attempts; the audit compares them.
    Column("kind", String, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("images", Integer, nullable=False),
    Column("fault", String),
    Column("upstream_id", String),
    Column("seconds", Float),
    Column("basis", String),
    # How its accepted job can be collected, and by whom.
    Column("ticket", Text),
    Column("owner", String),
    Column("leased_until", Moment),
    Column("given_up", Text),
    Index("routercore_attempts_request", "request"),
    Index("routercore_attempts_at", "at"),
    Index("routercore_attempts_kind", "kind", "expires"),
)
Index(
    "routercore_attempts_ticket", attempts.c.at,
    sqlite_where=attempts.c.ticket.is_not(None), postgresql_where=attempts.c.ticket.is_not(None),
)  # fmt: skip

entries = Table(
    "routercore_entries",
    metadata,
    Column("attempt", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Only ever added to."""

balances = Table(
    "routercore_balances",
    metadata,
    Column("scope", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("held", BigInteger, nullable=False),
    Column("posted", BigInteger, nullable=False),
    Column("suspect", BigInteger, nullable=False),
)
"""Sums of the entries, kept in the same transaction."""

calls = Table(
    "routercore_calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("key", String),
    Column("reference", String),
    Column("request_hash", String, nullable=False),
    Column("created", Moment, nullable=False),
    Column("state", String, nullable=False),
    Column("alive_until", Moment),
    Column("is_unwanted", Boolean, nullable=False),
    Column("shape", Text, nullable=False),
    Column("answer", Text),
    Column("size", BigInteger, nullable=False),
    Index("routercore_calls_key", "owner", "key", unique=True),
    Index("routercore_calls_reference", "owner", "reference"),
    Index("routercore_calls_created", "created"),
)
"""Calls that can be asked for again, and what they came to; without the bytes of images."""
