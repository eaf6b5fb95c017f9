"""Budgets and prices under concurrency, change and the passing of midnight."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.faults.kit import CARD, Stage, images_api, jobs_api
from tests.serving import MODEL

from routercore.engine.collecting import Collected, Fate
from routercore.engine.setup import Caller, LedgerSetup
from routercore.engine.transport.fast import FastTransport
from routercore.provider import ModelCard, Row, bearer
from routercore.testing.faulty import FaultyUpstream, nonce_of, steps
from routercore.values.errors import BudgetError
from routercore.values.ledger import Account, Budget, Kind, Period, Scope
from routercore.values.money import usd

PRICE = 40_000
TEAM = Account(Scope.KEY, "team")


def team(images: int, per: Period = Period.DAY) -> Caller:
    """A caller whose budget is good for so many images."""
    return Caller(name="team", budget=Budget(images * PRICE, per))


@pytest.mark.fault("F57", how="1,100 requests at once on a budget for 1,000 images")
async def test_a_budget_under_a_crowd(first: FaultyUpstream) -> None:
    """Exactly 1,000 run, and exactly 1,000 are invoiced."""
    caller = team(1000)
    # A busy machine takes longer than usual to make a thousand connections at once.
    patient = {"transport": FastTransport(connect_timeout=900.0)}
    async with Stage(first, deadline=900.0, attempt_timeout=900.0, injected=patient) as stage:
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


def reporting(upstream: FaultyUpstream, card: ModelCard) -> Row:
    """A provider whose answers say what they cost."""
    return Row(name="first", auth=bearer("KEY"), origins=(upstream.base_url,), cards=(card,),
               reports_cost=True)  # fmt: skip


@pytest.mark.fault("F59", how="an upstream that charges two and a half times its list price")
async def test_more_than_was_set_aside(tmp_path: Path) -> None:
    """What it says that it charged is posted in full, reported, and counts against the budget."""
    with FaultyUpstream(tmp_path / "dear", price=100_000) as dear:
        dear.script(steps.serve(more={"cost": 0.10}, times=0))
        own = images_api("first", dear, provider=reporting(dear, CARD))
        async with Stage((own, dear)) as stage:
            result = await stage.ask(caller=team(2))
            assert Decimal("0.1") == result.cost.usd
            (attempt,) = await stage.attempts()
            assert (100_000, 60_000) == (attempt.last.micros, attempt.overage)
            (event,) = stage.named("ledger.overage")
            assert (40_000, 100_000) == (event.fields["held_micros"], event.fields["posted_micros"])
            assert "budget_exceeded" == (await stage.fails(caller=team(2))).code


DEARER = replace(CARD, prices=(usd("0.10"),))
"""The next price list of the same model."""


@pytest.mark.fault("F59", how="a new price list takes over under a call, and the vendor charges it")
async def test_a_price_that_rises_under_a_call(tmp_path: Path) -> None:
    """The call keeps the price that it was set aside at; what the vendor says it charged instead
    is posted in full and reported; the next call has the new price set aside."""
    ledger = LedgerSetup(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    with FaultyUpstream(tmp_path / "dear", price=100_000) as dear:
        dear.script(steps.serve(gate=True, more={"cost": 0.10}, times=0))
        old, new = (
            Stage((images_api("first", dear, provider=reporting(dear, card)), dear),
                  ledger=ledger) for card in (CARD, DEARER)
        )  # fmt: skip
        async with new, old:
            before = asyncio.create_task(old.ask())
            await dear.arrived(1)
            after = asyncio.create_task(new.ask())
            await dear.arrived(2)
            assert [40_000, 100_000] == [one.hold.micros for one in await new.attempts()]
            dear.release()
            for one in (await before, await after):
                assert Decimal("0.1") == one.cost.usd
            new.delivered = old.delivered = [*old.delivered, *new.delivered]
            posted = [(one.hold.micros, one.last.micros) for one in await new.attempts()]
            assert [(40_000, 100_000), (100_000, 100_000)] == posted
            assert [60_000, 0] == [one.overage for one in await new.attempts()]
            (event,) = old.named("ledger.overage")
            assert (40_000, 100_000) == (event.fields["held_micros"], event.fields["posted_micros"])
            assert [] == new.named("ledger.overage")


@pytest.mark.fault(
    "F59", how="a new price list takes over under a job, and the vendor says nothing"
)
async def test_a_job_under_an_older_price_list(first: FaultyUpstream, tmp_path: Path) -> None:
    """Whoever collects a job posts it at the price that it was accepted under."""
    ledger = LedgerSetup(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    first.script(steps.pending(gate=True))
    old = Stage((jobs_api("first", first), first), ledger=ledger)
    new = Stage((jobs_api("first", first, card=DEARER), first), ledger=ledger)
    asking = asyncio.create_task(old.ask())
    await first.arrived(1, "poll")
    asking.cancel()
    await asyncio.wait([asking])
    await old.router.close()
    first.release()
    new.hasty.leap(600)  # Until then it might be at work on its job.

    async def take(collected: Collected) -> None:
        new.delivered += [nonce_of(image.data) for image in collected.result.images]

    async with new:
        assert Decimal("0.10") == new.router.estimate("x", model=MODEL).first.high
        assert 1 == (await new.router.collect(take))[Fate.COLLECTED]
        (attempt,) = await new.attempts()
        assert (40_000, 40_000, 0) == (attempt.hold.micros, attempt.last.micros, attempt.overage)
        assert 1 == len(new.delivered) == len(new.invoice())


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
