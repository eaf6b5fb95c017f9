"""A second copy of a slow call: both are paid for, and both are on the books."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from tests.faults.kit import Stage, faults

from routercore.routing.policy import Hedge
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.hasty import HastyClock

AFTER = 20.0
HEDGE = {"hedge": Hedge(AFTER, Decimal("0.05"))}


class Patient(HastyClock):
    """Leaps over the time that the first copy has to itself only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == AFTER:
            await self.slow.wait()
        await super().sleep(seconds)


@pytest.mark.fault("F38", how="a first upstream that is silent for twenty seconds, and a hedge")
async def test_both_copies_are_on_the_books(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The second copy delivers and is posted; the first is cancelled, and its money is suspect."""
    first.script(steps.hang())
    clock = Patient()
    async with Stage(first, second, clock=clock, route_more=HEDGE) as stage:
        asking = asyncio.create_task(stage.ask())
        await first.arrived()
        clock.slow.set()
        result = await asking
        assert "second:poster" == result.target
        assert ["cancelled", None] == faults(result)
        assert ["suspect", "posted"] == await stage.kinds()
    assert [1, 1] == [len(upstream.invoice()) for upstream in (first, second)]


@pytest.mark.fault("F38", how="a first upstream that answers before its twenty seconds are over")
async def test_a_quick_answer_is_alone(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Whoever answers in time is the only one that is asked."""
    async with Stage(first, second, clock=Patient(), route_more=HEDGE) as stage:
        assert "first:poster" == (await stage.ask()).target
        assert ["posted"] == await stage.kinds()
    assert 0 == second.connections
