"""One database: how it is opened, migrated, locked for writing, and read meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "routercore_ledger_version"
BUSY_SECONDS = 10
"""How long a writer waits for another process to finish its group."""
ASK_AGAIN_SECONDS = 0.02
LOCK = 0x726F7574
"""The advisory lock under which every PostgreSQL writer takes its turn."""
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def database_url(url: str) -> URL:
    """The address of a database that can hold the ledger.

    Raises:
        ValueError: it is not one.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("expected a URL such as 'sqlite:///ledger.db'") from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise ValueError(f"expected sqlite or postgresql, not {kind!r}")
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("expected a file, such as 'sqlite:///ledger.db', or 'memory:'")
    return parsed


class Database:
    """Holds one connection for writing; :meth:`write` and :meth:`close` belong to one thread."""

    def __init__(self, url: str) -> None:
        self._url = database_url(url)
        self._engine: Engine | None = None
        self._connection: Connection | None = None

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` alone and in one transaction; opens the database if it is not.

        Raises:
            SQLAlchemyError: it could not be done, and nothing of it was.
        """
        try:
            connection = self._connection or self._open()
            with connection.begin():
                return work(connection)
        except SQLAlchemyError:
            self._disconnect()  # What is wrong with a connection rarely heals; a new one is cheap.
            raise

    def read(self, question: Callable[[Connection], T]) -> T:
        """Answer a question from a connection of its own; writers need not wait."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        with self._engine.connect().execution_options(is_reading=True) as connection:
            return question(connection)

    def close(self) -> None:
        """Let go of the database."""
        self._disconnect()
        if self._engine is not None:
            self._engine.dispose()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()

    def _open(self) -> Connection:
        if self._engine is None:
            engine = _engine(self._url)
            with engine.begin() as connection:
                _migrate(connection)
            self._engine = engine
        self._connection = self._engine.connect()
        return self._connection


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
        event.listen(engine, "begin", _lock_postgresql)
    else:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        waiting = {"timeout": BUSY_SECONDS}
        engine = create_engine(url, poolclass=NullPool, connect_args=waiting)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _lock_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: object) -> None:
    """Write ahead, and wait for the disk at every commit; begin transactions when told to."""
    connection.isolation_level = None
    _write_ahead(connection)
    for pragma in ("synchronous = FULL", "wal_autocheckpoint = 4000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the journal, and wait for whoever is at it.

    The driver's own timeout does not count here: SQLite refuses this one statement at once where
    another process writes a new file, such as the other workers of a server that just began.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(ASK_AGAIN_SECONDS)  # In the writer's own thread: no event loop waits.
        else:
            return


def _lock_sqlite(connection: Connection) -> None:
    is_reading = connection.get_execution_options().get("is_reading")
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _lock_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get("is_reading"):
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def _migrate(connection: Connection) -> None:
    """Bring the tables to what this version needs; does nothing where they are.

    Revisions of one thousand only add what older versions leave empty, so that routers of several
    versions work on one ledger. Tables of a later thousand are refused.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    options = {"version_table": VERSION_TABLE}
    stands = MigrationContext.configure(connection, opts=options).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if stands is None or stands in known or stands[0] != max(known)[0]:
        command.upgrade(config, "head")
