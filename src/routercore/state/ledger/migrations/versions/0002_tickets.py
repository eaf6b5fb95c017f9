"""How accepted jobs can be collected, and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what a version without them leaves empty."""
    for name, kind in (
        ("ticket", sa.Text()),
        ("owner", sa.String()),
        ("leased_until", sa.BigInteger()),
        ("given_up", sa.Text()),
    ):
        op.add_column("routercore_attempts", sa.Column(name, kind))
    is_there = sa.text("ticket IS NOT NULL")
    op.create_index(
        "routercore_attempts_ticket", "routercore_attempts", ["at"],
        sqlite_where=is_there, postgresql_where=is_there,
    )  # fmt: skip
