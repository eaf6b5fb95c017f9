"""Budgets and prices under concurrency, change and the passing of midnight."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.faults.kit import CARD, Stage, images_api
from tests.serving import KEY, MODEL

from routercore.engine.setup import Caller, LedgerSetup
from routercore.provider import Row, bearer
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.values.errors import BudgetError
from routercore.values.ledger import Account, Budget, Kind, Period, Scope

PRICE = 40_000
TEAM = Account(Scope.KEY, "team")


def team(images: int, per: Period = Period.DAY) -> Caller:
    """A caller whose budget is good for so many images."""
    return Caller(name="team", budget=Budget(images * PRICE, per))


@pytest.mark.fault("F57", how="1,100 requests at once on a budget for 1,000 images")
async def test_a_budget_under_a_crowd(first: FaultyUpstream) -> None:
    """Exactly 1,000 run, and exactly 1,000 are invoiced."""
    caller = team(1000)
    async with Stage(first, deadline=900.0) as stage:
        done = await asyncio.gather(
            *(stage.ask(f"picture {n}", caller=caller) for n in range(1100)),
            return_exceptions=True,
        )
        assert 100 == sum(isinstance(one, BudgetError) for one in done)
        assert 1000 == len(stage.invoice()) == len(set(stage.delivered))


@pytest.mark.fault("F57", how="60 requests at once on a budget for 25, on a durable ledger")
async def test_a_durable_budget_under_a_crowd(first: FaultyUpstream, tmp_path: Path) -> None:
    """The same holds where the ledger is a file."""
    caller, ledger = team(25), LedgerSetup(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    async with Stage(first, deadline=900.0, ledger=ledger) as stage:
        await asyncio.gather(
            *(stage.ask(f"picture {n}", caller=caller) for n in range(60)), return_exceptions=True
        )
        assert 25 == len(stage.invoice()) == len(set(stage.delivered))


@pytest.mark.fault("F59", how="a model without a price, under a budget")
async def test_unknown_price(first: FaultyUpstream) -> None:
    """Nothing is sent whose price nobody knows: a budget could not be kept."""
    own = images_api("first", first, card=replace(CARD, prices=()))
    async with Stage((own, first)) as stage:
        error = await stage.fails(caller=team(10))
        assert (402, "price_unknown") == (error.status, error.code)
    assert 0 == first.connections


@pytest.mark.fault("F59", how="an upstream that charges two and a half times its list price")
async def test_more_than_was_set_aside(tmp_path: Path) -> None:
    """What it says that it charged is posted in full, reported, and counts against the budget."""
    with FaultyUpstream(tmp_path / "dear", price=100_000) as dear:
        dear.script(steps.serve(more={"cost": 0.10}, times=0))
        row = Row(name="first", auth=bearer("KEY"), origins=(dear.base_url,), cards=(CARD,),
                  reports_cost=True)  # fmt: skip
        own = images_api("first", dear, provider=row, keys=(KEY,))
        async with Stage((own, dear)) as stage:
            result = await stage.ask(caller=team(2))
            assert Decimal("0.1") == result.cost.usd
            (attempt,) = await stage.attempts()
            assert (100_000, 60_000) == (attempt.last.micros, attempt.overage)
            (event,) = stage.named("ledger.overage")
            assert (40_000, 100_000) == (event.fields["held_micros"], event.fields["posted_micros"])
            assert "budget_exceeded" == (await stage.fails(caller=team(2))).code


@pytest.mark.fault("F60", how="midnight passes while the upstream works")
async def test_midnight(first: FaultyUpstream) -> None:
    """It is posted to the day that set it aside; the new day's budget is whole."""
    caller = team(1)
    async with Stage(first) as stage:
        now = stage.clock.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        stage.hasty.leap((midnight - now).total_seconds() - 30)
        first.script(steps.serve(gate=True))
        asking = asyncio.create_task(stage.ask(caller=caller))
        await first.arrived()
        stage.hasty.leap(60)
        first.release()
        await asking
        ledger = stage.router.engine.ledger
        before, after = midnight - timedelta(seconds=1), midnight + timedelta(seconds=1)
        days = [await ledger.balance(TEAM, Period.DAY, at) for at in (before, after)]
        assert [PRICE, 0] == [day.posted for day in days]
        await stage.ask(caller=caller)
        assert "budget_exceeded" == (await stage.fails(caller=caller)).code


@pytest.mark.fault("F60", how="a call that is lost before midnight and reconciled after it")
async def test_midnight_of_a_suspect(first: FaultyUpstream) -> None:
    """A suspect counts against the day that set it aside, also once it is settled."""
    first.script(steps.reset())
    async with Stage(first) as stage:
        at = stage.clock.now()
        await stage.fails(caller=team(1))
        stage.hasty.leap(86_400)
        (attempt,) = await stage.attempts()
        assert Kind.SUSPECT is attempt.last.kind
        ledger = stage.router.engine.ledger
        assert PRICE == (await ledger.balance(TEAM, Period.DAY, at)).suspect
        assert 1 == len((await stage.router.generate("x", model=MODEL, caller=team(1))).images)
        stage.delivered += [line.nonce for line in first.invoice()[1:]]
