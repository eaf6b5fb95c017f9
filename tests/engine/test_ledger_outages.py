"""A ledger that fails while something is under way: nothing that is paid for is given up for it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.jobs import Desk, collect
from tests.engine.jobs import kit as jobs_kit
from tests.engine.kit import Kit, asking, made, provider, status

from routercore.engine.setup import Limits
from routercore.engine.transport.base import Phase
from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.transport import lost
from routercore.values.errors import LedgerUnavailableError
from routercore.values.ledger import ROUTER, Attempt, Balance, Kind, Period, Step


class Breaking(MemoryLedger):
    """Breaks down before a call is dispatched, after so many that were."""

    def __init__(self, after: int = 0) -> None:
        super().__init__()
        self.left = after

    async def write(self, step: Step) -> Attempt:
        if step.kind is Kind.DISPATCHED:
            self.left -= 1
            if self.left < 0:
                raise LedgerUnavailableError("the ledger cannot be used: disk full")
        return await super().write(step)

    async def claim(self, claim: Any) -> list[Attempt]:
        raise LedgerUnavailableError("the ledger cannot be used: disk full")


async def test_no_call_of_several_leaves() -> None:
    """A request that is split fails as any other does: with 503, and nothing has left."""
    kit = Kit("a", "b", books=Breaking())
    error = await kit.error(n=10)
    assert (503, "ledger_unavailable", []) == (error.status, error.code, kit.asked)


async def test_what_other_calls_brought_is_kept() -> None:
    """Of several calls those that have left come to their end, and their images are delivered."""
    kit = Kit(provider("a", limits=Limits(concurrency=1)), books=Breaking(after=1))
    result = await kit.generate(n=6)
    assert ([4], 4, 2) == (
        [request.json["n"] for request in kit.transport.requests],
        len(result.images),
        len(result.missing),
    )
    assert Balance(posted=160_000) == await kit.ledger.balance(
        ROUTER, Period.TOTAL, kit.clock.now()
    )


async def test_what_an_earlier_attempt_brought_is_kept() -> None:
    """Images that are paid for are delivered, although the next attempt cannot be written down."""
    kit = Kit("a", "b", answers={"a": [made(4), status(503)]}, books=Breaking(after=2))
    result = await kit.generate(n=6)
    assert (["a", "a"], 4, 2) == (kit.asked, len(result.images), len(result.missing))


async def test_what_may_be_paid_for_is_not_asked_for_again() -> None:
    """After an attempt whose outcome nobody knows no client is told that it may simply retry."""
    kit = Kit("a", "b", answers={"a": [lost(Phase.SENT)]}, books=Breaking(after=1))
    error = await kit.error()
    assert (["a"], 503, False) == (kit.asked, error.status, error.may_retry)
    assert "disk full" in error.message


async def test_who_collects_is_told() -> None:
    """Collecting fails with one plain error, which those who try again later can catch."""
    with pytest.raises(LedgerUnavailableError, match="disk full"):
        await collect(jobs_kit(books=Breaking()), Desk())


async def test_a_lone_call() -> None:
    """What cannot be written is not sent, and no other target is tried."""
    kit = Kit("a", "b", books=Breaking())
    with pytest.raises(LedgerUnavailableError):
        await kit.clock.run(kit.engine.generate(asking()))
    assert [] == kit.asked
