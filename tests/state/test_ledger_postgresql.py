"""The ledger keeps its contract on PostgreSQL: a real one, started here from a wheel."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from tests.engine.kit import Kit, priced, provider
from tests.engine.test_ledger import fifty
from tests.postgresql import new_schema

from routercore.state.ledger.sql import SqlLedger
from routercore.testing.contracts import LedgerContract, LedgerJobContract, LedgerLogContract
from routercore.testing.contracts.ledger import DOLLAR, NOON, TEAM, hold, is_held
from routercore.values.ledger import Period
from routercore.values.money import usd


class OnPostgresql:
    """A schema of its own for each ledger."""

    @pytest.fixture(autouse=True)
    def _server(self, postgresql_server: str) -> None:
        self.server = postgresql_server

    def make(self) -> SqlLedger:
        return SqlLedger(new_schema(self.server))


class TestPostgresqlLedger(OnPostgresql, LedgerContract):
    pass


class TestPostgresqlLedgerJobs(OnPostgresql, LedgerJobContract):
    pass


class TestPostgresqlLedgerLog(OnPostgresql, LedgerLogContract):
    pass


async def test_routers_share_a_budget(postgresql_server: str) -> None:
    """Of 90 holds that three routers try at once on a budget for ten, ten are held."""
    url = new_schema(postgresql_server)
    ledgers = [SqlLedger(url) for _ in range(3)]
    tries = [
        is_held(ledger, hold(f"{which}-{n}"), DOLLAR)
        for n in range(30)
        for which, ledger in enumerate(ledgers)
    ]
    assert 10 == sum(await asyncio.gather(*tries))
    assert 1_000_000 == (await ledgers[0].balance(TEAM, Period.DAY, NOON)).spent
    for ledger in ledgers:
        assert [] == await ledger.audit()
        await ledger.close()


async def test_a_lost_connection_is_made_again(postgresql_server: str) -> None:
    """After the server has thrown every client out, the next group finds its way back."""
    ledger = SqlLedger(new_schema(postgresql_server))
    await ledger.reserve(hold("a"))
    with psycopg.connect(postgresql_server) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    outcomes = await asyncio.gather(ledger.reserve(hold("b")), return_exceptions=True)
    assert "LedgerUnavailableError" == type(outcomes[0]).__name__
    await ledger.reserve(hold("b"))
    assert ["a", "b"] == [one.hold.attempt for one in await ledger.open_attempts()]
    await ledger.close()


async def test_exactly_the_budget_runs(postgresql_server: str) -> None:
    """Of fifty concurrent requests of 0.10 on a budget of 1.00, exactly ten run."""
    dime = provider("a", cards=(priced(usd("0.10")),))
    assert (10, 40) == await fifty(Kit(dime, books=SqlLedger(new_schema(postgresql_server))))
