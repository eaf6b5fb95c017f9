"""Calls that can be asked for again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "routercore_calls",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("key", sa.String()),
        sa.Column("reference", sa.String()),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("alive_until", sa.BigInteger()),
        sa.Column("is_unwanted", sa.Boolean(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )
    for name, columns in (("reference", ["owner", "reference"]), ("created", ["created"])):
        op.create_index(f"routercore_calls_{name}", "routercore_calls", columns)
    op.create_index("routercore_calls_key", "routercore_calls", ["owner", "key"], unique=True)
