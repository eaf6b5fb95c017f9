"""The ledger in SQL keeps its contract on SQLite, across processes, failures and versions."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
import subprocess
import sys
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from routercore.state.ledger.database import Database, database_url
from routercore.state.ledger.sql import SqlLedger
from routercore.state.ledger.tables import metadata
from routercore.testing.contracts import LedgerContract, LedgerJobContract, LedgerLogContract
from routercore.testing.contracts.ledger import DOLLAR, NOON, TEAM, asked, hold, is_held, step
from routercore.testing.contracts.ledger_machine import LedgerMachine
from routercore.values.errors import LedgerUnavailableError
from routercore.values.ledger import Balance, Kind, Period


class OnSqlite:
    """A file of its own for each ledger."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder, self.numbers = tmp_path, count()

    def make(self) -> SqlLedger:
        return SqlLedger(f"sqlite:///{self.folder}/ledger-{next(self.numbers)}.db")


class TestSqliteLedger(OnSqlite, LedgerContract):
    pass


class TestSqliteLedgerJobs(OnSqlite, LedgerJobContract):
    pass


class TestSqliteLedgerLog(OnSqlite, LedgerLogContract):
    pass


class SqliteMachine(LedgerMachine):
    """On a copy of an empty ledger, because making the tables takes longer than the steps."""

    def make(self) -> SqlLedger:
        self.folder = TemporaryDirectory()
        shutil.copy(empty_ledger(), f"{self.folder.name}/ledger.db")
        return SqlLedger(f"sqlite:///{self.folder.name}/ledger.db")

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


EMPTY_LEDGERS = TemporaryDirectory()


def empty_ledger() -> Path:
    """A file with the tables and nothing in them."""
    path = Path(EMPTY_LEDGERS.name, "empty.db")
    if not path.exists():
        asyncio.run(make_empty(path))
    return path


async def make_empty(path: Path) -> None:
    """Make the tables in a file."""
    ledger = SqlLedger(f"sqlite:///{path}")
    assert [] == await ledger.audit()
    await ledger.close()


TestSqliteMachine: type[RuleBasedStateMachine.TestCase] = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(max_examples=8, stateful_step_count=25)


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    """Another process finds every row, and a budget that is as used up as before."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = SqlLedger(url)
    for number in range(10):
        await first.reserve(hold(f"a{number}"), (DOLLAR,))
    await first.write(step(Kind.DISPATCHED, "a0"))
    await first.close()
    second = SqlLedger(url)
    assert not await is_held(second, hold("b"), DOLLAR)
    assert Kind.DISPATCHED == (await second.open_attempts())[0].last.kind
    assert [] == await second.audit()
    await second.close()


WORKER = """
import asyncio, sys
from datetime import UTC, datetime
from routercore.state.ledger.sql import SqlLedger
from routercore.values.ledger import ROUTER, Budget, Cap, Hold, OverBudgetError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

async def is_held(ledger, id):
    what = Hold(attempt=id, request="r", caller="team", provider="vendor", model="m",
                target="t", micros=10_000, at=NOON, expires=NOON)
    try:
        await ledger.reserve(what, [Cap(ROUTER, Budget(1_000_000))])
    except OverBudgetError:
        return False
    return True

async def main():
    ledger = SqlLedger(sys.argv[1])
    tries = [is_held(ledger, f"{sys.argv[2]}-{n}") for n in range(60)]
    print(sum(await asyncio.gather(*tries)))
    await ledger.close()

asyncio.run(main())
"""


def test_processes_share_a_budget(tmp_path: Path) -> None:
    """Of 180 holds of a cent that three processes try at once on a dollar, a hundred are held."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, url, str(n)], stdout=subprocess.PIPE)
        for n in range(3)
    ]
    said = [worker.communicate(timeout=60)[0] for worker in workers]
    assert [0] * 3 == [worker.returncode for worker in workers]
    assert 100 == sum(map(int, said))


async def test_a_new_file_that_others_write_is_waited_for(tmp_path: Path) -> None:
    """Whoever comes while another process makes the file takes its turn, and is not refused."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    waiting = asyncio.ensure_future(ledger.reserve(hold()))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert set() == done
    other.close()
    assert "a" == (await waiting).hold.attempt
    await ledger.close()


def why(error: BaseException) -> str:
    """What the operator is told of an error, and the client is not."""
    return " ".join(error.__notes__)


async def test_where_the_database_is_is_told_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Host, port and user of a database that is away are not in the error, and are in the log."""
    with socket.socket() as nobody:  # Its port is taken, and nobody listens there.
        nobody.bind(("127.0.0.1", 0))
        port = str(nobody.getsockname()[1])
        ledger = SqlLedger(f"postgresql://jo@127.0.0.1:{port}/books")
        with pytest.raises(LedgerUnavailableError) as caught:
            await ledger.reserve(hold())
        await ledger.close()

    assert "the ledger cannot be used; the router's log says why" == str(caught.value)
    assert port in caplog.text
    assert port in why(caught.value)


async def test_a_file_that_stays_locked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting ends: who never gets a turn is refused, with the reason."""
    monkeypatch.setattr("routercore.state.ledger.database.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(LedgerUnavailableError) as caught:
        await ledger.reserve(hold())
    assert "locked" in why(caught.value)
    other.close()
    await ledger.close()


async def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Where nothing can be written everything is refused, with the reason, and recovers."""
    (tmp_path / "ledger.db").mkdir()
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(LedgerUnavailableError) as caught:
        await ledger.reserve(hold())
    assert "unable to open" in why(caught.value)
    assert 503 == caught.value.status
    (tmp_path / "ledger.db").rmdir()
    await ledger.reserve(hold())
    await ledger.close()


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A group that the disk has no room for is refused whole, and the books still balance."""
    path = tmp_path / "ledger.db"
    ledger = SqlLedger(f"sqlite:///{path}")
    await ledger.reserve(hold())
    connection = ledger._database._connection
    assert connection is not None
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.rollback()
    connection.connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]
    holds = (ledger.reserve(hold(f"b{n}" * 50)) for n in range(200))
    results = await asyncio.gather(*holds, return_exceptions=True)
    refused = [one for one in results if isinstance(one, LedgerUnavailableError)]
    assert refused
    assert all("full" in why(one) for one in refused)
    kept = 1 + len(results) - len(refused)  # A group that came early may still have had room.
    assert [] == await ledger.audit()
    assert Balance(held=100_000 * kept) == await ledger.balance(TEAM, Period.DAY, NOON)
    await ledger.close()


async def test_one_bad_piece_does_not_spoil_its_group(tmp_path: Path) -> None:
    """What a database cannot write is refused alone; the rest of its group is written."""
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    results = await asyncio.gather(
        *(ledger.reserve(hold(name)) for name in ("a", "\ud800", "b")), return_exceptions=True
    )
    assert [False, True, False] == [isinstance(r, LedgerUnavailableError) for r in results]
    assert ["a", "b"] == [one.hold.attempt for one in await ledger.open_attempts()]
    await ledger.close()


async def test_a_cancelled_wait_undoes_nothing(tmp_path: Path) -> None:
    """A step whose caller went away is taken all the same, and closing waits for it."""
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    task = asyncio.ensure_future(ledger.reserve(hold()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await ledger.close()
    await ledger.close()
    again = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    assert 1 == len(await again.open_attempts())
    await again.close()


async def test_a_ledger_that_was_tampered_with_is_found_out(tmp_path: Path) -> None:
    """The audit names the attempt, and every balance, that the rows contradict."""
    path = tmp_path / "ledger.db"
    ledger = SqlLedger(f"sqlite:///{path}")
    await ledger.reserve(hold("a"))
    await ledger.reserve(hold("b"))
    await ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE routercore_attempts SET micros = 1 WHERE id = 'a'")
        connection.execute("DELETE FROM routercore_entries WHERE attempt = 'b'")
    connection.close()
    ledger = SqlLedger(f"sqlite:///{path}")
    first, second, *balances = await ledger.audit()
    assert ("attempt a", "held $0.10", "held $0.000001") == (
        first.what, first.expected, first.actual,
    )  # fmt: skip
    assert "attempt b" == second.what
    assert 12 == len(balances)
    await ledger.close()


def test_migrations_make_the_tables(tmp_path: Path) -> None:
    """What the migrations make is what the code asks of: nothing is left to migrate."""
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    try:
        options = {"opts": {"version_table": "routercore_ledger_version"}}
        differences = database.write(
            lambda connection: compare_metadata(
                MigrationContext.configure(connection, **options), metadata
            )
        )
        assert [] == differences
    finally:
        database.close()


async def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    """Tables of a version that this one does not know are refused, not guessed at."""
    await make_empty(tmp_path / "ledger.db")
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE routercore_ledger_version SET version_num = '9999'")
    connection.close()
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.note(asked("r"))
    with pytest.raises(LedgerUnavailableError) as caught:
        await ledger.reserve(hold())
    assert "9999" in why(caught.value)
    await ledger.close()


@pytest.mark.fault("F72", how="tables of a version that added a column")
async def test_versions_share_a_ledger(tmp_path: Path) -> None:
    """Tables of a later version that only added to them are worked on as they are."""
    path = tmp_path / "ledger.db"
    await make_empty(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE routercore_ledger_version SET version_num = '0999'")
        connection.execute("ALTER TABLE routercore_attempts ADD COLUMN novelty TEXT")
    connection.close()
    ledger = SqlLedger(f"sqlite:///{path}")
    await ledger.reserve(hold())
    await ledger.write(step(Kind.DISPATCHED))
    await ledger.write(step(Kind.POSTED))
    assert [] == await ledger.audit()
    await ledger.close()
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT version_num FROM routercore_ledger_version").fetchall()
        assert [("0999",)] == rows
    connection.close()


@pytest.mark.fault("F72", how="rows of the version before, and a process that goes on writing them")
async def test_rows_of_the_version_before_are_read(tmp_path: Path) -> None:
    """What a router without tickets wrote, and goes on writing, is read and settled."""
    path = tmp_path / "ledger.db"
    old = SqlLedger(f"sqlite:///{path}")
    await old.reserve(hold("a"))
    await old.write(step(Kind.DISPATCHED, "a"))
    await old.close()
    with sqlite3.connect(path) as connection:
        for index in ("attempts_ticket", "requests_unended", "requests_worded"):
            connection.execute(f"DROP INDEX routercore_{index}")
        for column in ("ticket", "owner", "leased_until", "given_up"):
            connection.execute(f"ALTER TABLE routercore_attempts DROP COLUMN {column}")
        connection.execute("DROP TABLE routercore_calls")
        connection.execute("UPDATE routercore_ledger_version SET version_num = '0001'")
    connection.close()
    new = SqlLedger(f"sqlite:///{path}")
    assert [None] == [one.ticket for one in await new.open_attempts()]
    with sqlite3.connect(path) as connection:  # The old version inserts the columns that it knows.
        known = "id, request, caller, provider, model, target, n, held, is_priced, at, expires"
        copy = f"SELECT 'b', {known[4:]}, kind, micros, images FROM routercore_attempts"
        connection.execute(
            f"INSERT INTO routercore_attempts ({known}, kind, micros, images) {copy}"
        )
    connection.close()
    assert {"a", "b"} == {one.hold.attempt for one in await new.open_attempts()}
    assert Kind.POSTED is (await new.write(step(Kind.POSTED, "a"))).last.kind
    await new.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ledger.db", "expected a URL"),
        ("mysql://host/db", "not 'mysql'"),
        ("sqlite://", "expected a file"),
        ("sqlite:///:memory:", "expected a file"),
    ],
)
def test_addresses_that_hold_no_ledger_are_refused(url: str, problem: str) -> None:
    """A URL that is not a file or a server is refused before anything is opened."""
    with pytest.raises(ValueError, match=problem):
        database_url(url)
