"""Requests that have not ended, and those whose words are still kept, found without the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Index them."""
    for name, which in (
        ("unended", "ended_at IS NULL"),
        ("worded", 'prompt IS NOT NULL OR "user" IS NOT NULL'),
    ):
        op.create_index(
            f"routercore_requests_{name}", "routercore_requests", ["at"],
            sqlite_where=sa.text(which), postgresql_where=sa.text(which),
        )  # fmt: skip
