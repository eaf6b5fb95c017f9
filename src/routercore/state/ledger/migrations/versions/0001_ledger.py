"""The ledger's first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _requests()
    _attempts()
    op.create_table(
        "routercore_entries",
        sa.Column("attempt", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "routercore_balances",
        sa.Column("scope", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("period", sa.String(), primary_key=True),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("suspect", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _requests() -> None:
    op.create_table(
        "routercore_requests",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.String()),
        sa.Column("quality", sa.String()),
        sa.Column("prompt", sa.Text()),
        sa.Column("user", sa.String()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("status", sa.String()),
        sa.Column("code", sa.String()),
        sa.Column("target", sa.String()),
        sa.Column("images", sa.Integer()),
        sa.Column("seconds", sa.Float()),
        sa.Column("cache", sa.String()),
    )
    op.create_index("routercore_requests_at", "routercore_requests", ["at"])
    op.create_index("routercore_requests_caller", "routercore_requests", ["caller", "number"])


def _attempts() -> None:
    op.create_table(
        "routercore_attempts",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("is_priced", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String()),
        sa.Column("upstream_id", sa.String()),
        sa.Column("seconds", sa.Float()),
        sa.Column("basis", sa.String()),
    )
    for name, columns in (("request", ["request"]), ("at", ["at"]), ("kind", ["kind", "expires"])):
        op.create_index(f"routercore_attempts_{name}", "routercore_attempts", columns)
