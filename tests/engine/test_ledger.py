"""Every call is on the ledger before it leaves, and settled whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, priced, provider, status

from routercore.engine.setup import CacheSetup, Caller, LedgerSetup, Limits
from routercore.engine.transport.base import Phase
from routercore.provider.flow import Wait, call, refused
from routercore.provider.http import post_json
from routercore.state.ledger.memory import MemoryLedger
from routercore.testing.providers import PNG, one_call
from routercore.testing.transport import Hanging, lost
from routercore.values.accounts import Logged, Prompts
from routercore.values.errors import BudgetError, LedgerUnavailableError, RouterError
from routercore.values.faults import Charge
from routercore.values.images import Generated, RawImage, Task
from routercore.values.ledger import (
    ROUTER,
    Attempt,
    Balance,
    Budget,
    Cap,
    Hold,
    Kind,
    Period,
    Step,
    dollars,
    micros,
)
from routercore.values.money import usd

DOLLAR = Budget(1_000_000)
TEAM = Caller(name="team", budget=DOLLAR)


async def balance(kit: Kit) -> Balance:
    """All that was ever spent; and the books balance."""
    assert [] == await kit.ledger.audit()
    return await kit.ledger.balance(ROUTER, Period.TOTAL, kit.clock.now())


async def last(kit: Kit) -> Logged:
    """The latest request."""
    (logged,) = await kit.ledger.log(limit=1)
    return logged


async def kinds(kit: Kit) -> list[list[Kind]]:
    """The rows of every attempt of the latest request."""
    return [[row.kind for row in attempt.entries] for attempt in (await last(kit)).attempts]


HELD, SENT = Kind.HELD, Kind.DISPATCHED


async def test_a_picture_is_posted_at_its_price() -> None:
    """What a call cost is posted, with what was asked, tried and delivered."""
    kit = Kit("a")
    await kit.generate(caller=TEAM, n=2, prompt="a heron")
    logged = await last(kit)
    (attempt,) = logged.attempts
    assert ("team", "art", 2) == (logged.asked.caller, logged.asked.model, logged.asked.n)
    assert [HELD, SENT, Kind.POSTED] == [row.kind for row in attempt.entries]
    assert (80_000, 2, "table") == (attempt.last.micros, attempt.outcome.images,
                                    attempt.outcome.basis)  # fmt: skip
    assert ("completed", "a:poster", 2) == (logged.ended and logged.ended.status,
                                            logged.ended and logged.ended.target,
                                            logged.ended and logged.ended.images)  # fmt: skip
    assert Balance(posted=80_000) == await balance(kit)


async def test_the_row_comes_before_the_first_byte() -> None:
    """When the upstream sees a request, the ledger has it as dispatched already."""
    seen: list[Kind] = []

    class Watching(Kit):
        def _answer(self, request: Any) -> Any:
            seen.extend(one.last.kind for one in self.ledger._open())  # type: ignore[attr-defined]
            return super()._answer(request)

    await Watching("a").generate()
    assert [Kind.DISPATCHED] == seen


async def test_a_used_up_budget_sends_nothing() -> None:
    """A key without money is told so, and no upstream hears of it."""
    kit = Kit("a", "b")
    poor = Caller(name="poor", budget=Budget(30_000))
    with pytest.raises(BudgetError) as caught:
        await kit.generate(caller=poor)
    assert (402, "budget_exceeded", False) == (caught.value.status, caught.value.code,
                                               caught.value.may_retry)  # fmt: skip
    assert "the key 'poor' is $0.03 a day; $0.03 is left, and this may cost $0.04" in str(
        caught.value
    )
    assert ([], Balance()) == (kit.asked, await balance(kit))
    logged = await last(kit)
    assert ("failed", "budget_exceeded") == (logged.ended and logged.ended.status,
                                             logged.ended and logged.ended.code)  # fmt: skip


async def test_a_cheaper_target_may_still_do() -> None:
    """A target that a budget has no room for is passed over; one that it has room for is used."""
    dear = provider("dear", cards=(priced(usd("0.50")),))
    kit = Kit(dear, "cheap", budget=Budget(100_000))
    assert "cheap:poster" == (await kit.generate()).target
    assert ["cheap"] == kit.asked


async def test_a_providers_budget_is_its_own() -> None:
    """Where one provider's money is used up the next one is asked."""
    kit = Kit(provider("a", budget=Budget(50_000)), "b")
    assert ["a:poster", "b:poster"] == [(await kit.generate()).target for _ in range(2)]


async def test_the_failure_before_the_budget_is_told() -> None:
    """A caller whose request failed hears why, not that the next target was too dear."""
    dear = provider("b", cards=(priced(usd("5")),))
    error = await Kit("a", dear, answers={"a": [status(401)]}, budget=DOLLAR).error()
    assert (503, "provider_unavailable") == (error.status, error.code)


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
async def test_exactly_the_budget_runs(backend: str, tmp_path: Path) -> None:
    """Of fifty concurrent requests of 0.10 on a budget of 1.00, exactly ten run."""
    pytest.importorskip("sqlalchemy")
    from routercore.state.ledger.sql import SqlLedger

    on_disk = backend == "sqlite"
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db") if on_disk else MemoryLedger()
    kit = Kit(provider("a", cards=(priced(usd("0.10")),)), books=ledger)
    assert (10, 40) == await fifty(kit)


async def fifty(kit: Kit) -> tuple[int, int]:
    """How many of fifty requests ran, and how many were over the budget."""
    work = (kit.engine.generate(asking(), TEAM) for _ in range(50))
    results = await asyncio.gather(*work, return_exceptions=True)
    ran = sum(not isinstance(result, BaseException) for result in results)
    refused = sum(isinstance(result, BudgetError) for result in results)
    assert ran == len(kit.asked)
    assert Balance(posted=1_000_000) == await balance(kit)
    await kit.engine.close()
    return ran, refused


def hesitating(task: Task) -> Any:
    yield Wait(60)
    return (yield from one_call(task))


def bad_image(task: Task) -> Any:
    yield from call(post_json(task.url("/images"), {"n": 1}))
    return Generated(images=(RawImage(data=b"<html>"),))


def charged_refusal(task: Task) -> Any:
    yield from call(post_json(task.url("/images"), {"n": 1}))
    raise refused("withheld", after_work=True, charge=Charge.CERTAIN)


@pytest.mark.parametrize(
    ("upstream", "answers", "ends", "expected"),
    [
        (provider("a"), [status(401)], Kind.VOIDED, Balance()),
        (provider("a"), [lost(Phase.NOT_SENT)] * 2, Kind.VOIDED, Balance()),
        (provider("a"), [lost(Phase.SENT)], Kind.SUSPECT, Balance(suspect=40_000)),
        (provider("a"), [status(500)], Kind.SUSPECT, Balance(suspect=40_000)),
        (provider("a", flow=bad_image), [], Kind.POSTED, Balance(posted=40_000)),
        (provider("a", flow=charged_refusal), [], Kind.POSTED, Balance(posted=40_000)),
    ],
)
async def test_failures_cost_what_they_cost(
    upstream: Any, answers: Sequence[Any], ends: Kind, expected: Balance
) -> None:
    """What failed is voided, suspect at its full price, or paid and lost, by its class."""
    kit = Kit(upstream, answers={"a": answers}, max_attempts=1)
    error = await kit.error()
    assert ([[HELD, SENT, ends]], expected) == (await kinds(kit), await balance(kit))
    (attempt,) = (await last(kit)).attempts
    assert error.attempts[0].failure.fault == attempt.outcome.fault
    assert (ends is Kind.POSTED) == attempt.last.reason.startswith("paid and lost")


async def test_each_call_has_its_own_line() -> None:
    """Ten images in three calls are three attempts; what fails of them is told apart."""
    kit = Kit("a", answers={"a": [made(4), status(500), made(2)]}, max_attempts=1)
    await kit.generate(n=10)
    assert Balance(posted=240_000, suspect=160_000) == await balance(kit)
    assert [4, 4, 2] == [attempt.hold.n for attempt in (await last(kit)).attempts]


async def test_what_costs_more_is_posted_in_full_and_told() -> None:
    """A price beyond what was held is neither cut nor kept quiet."""

    def flow(task: Task) -> Any:
        made = yield from call(post_json(task.url("/images"), {"n": 1}))
        assert made
        return Generated(images=(RawImage(data=PNG),), cost_usd=Decimal("0.5"))

    kit = Kit(provider("a", flow=flow))
    await kit.generate(caller=TEAM)
    (told,) = [event for event in kit.events if event.name == "ledger.overage"]
    assert {"target": "a:poster", "held_micros": 40_000, "posted_micros": 500_000} == told.fields
    assert Balance(posted=500_000) == await balance(kit)


async def test_a_price_that_nobody_knows() -> None:
    """It is refused under a budget, free without one, and what was laid down where that is."""
    unknown = provider("a", cards=(replace(CARD, prices=()),))
    kit = Kit(unknown)
    await kit.generate()
    assert Balance() == await balance(kit)
    with pytest.raises(BudgetError) as caught:
        await kit.generate(caller=TEAM)
    assert "price_unknown" == caught.value.code
    assert "the price of 'a:poster' is unknown" in caught.value.message
    kit = Kit(unknown, ledger=LedgerSetup(unknown_price=Decimal("0.25")))
    await kit.generate(caller=TEAM, n=3)
    (attempt,) = (await last(kit)).attempts
    assert (False, 750_000) == (attempt.hold.is_priced, attempt.last.micros)
    await kit.error(caller=TEAM, n=2)


async def test_the_worst_case_is_held() -> None:
    """Where the price may be higher than expected the most of it is set aside."""
    line = replace(usd("0.04"), low=Decimal("0.02"), high=Decimal("0.09"))
    kit = Kit(provider("a", cards=(priced(line),)))
    await kit.generate(n=2)
    (attempt,) = (await last(kit)).attempts
    assert (180_000, 80_000) == (attempt.hold.micros, attempt.last.micros)


# Cancellation


async def cancelled(kit: Kit) -> None:
    """A request that is cancelled once nothing moves any more."""
    task = asyncio.create_task(kit.engine.generate(asking()))
    await kit.clock.run_until_idle()
    task.cancel()
    await asyncio.wait([task])


async def test_a_cancelled_call_is_suspect() -> None:
    """What had left when its caller went away may be paid for."""
    kit = Kit("a", answers={"a": [Hanging()]})
    await cancelled(kit)
    assert [[HELD, SENT, Kind.SUSPECT]] == await kinds(kit)
    logged = await last(kit)
    assert "cancelled" == (logged.ended and logged.ended.status)
    assert "CancelledError before its end" == logged.attempts[0].last.reason


async def test_a_call_that_had_not_left_is_voided() -> None:
    """What was cancelled before it left cost nothing: in our queue, and while it was prepared."""
    slow = provider("a", limits=Limits(concurrency=1))
    kit = Kit(slow, answers={"a": [Hanging()]})
    first = asyncio.create_task(kit.engine.generate(asking()))
    await kit.clock.run_until_idle()
    await cancelled(kit)
    assert [[HELD, Kind.VOIDED]] == await kinds(kit)
    first.cancel()
    await asyncio.wait([first])
    kit = Kit(provider("a", flow=hesitating))
    await cancelled(kit)
    assert [[HELD, SENT, Kind.VOIDED]] == await kinds(kit)


async def test_our_own_limit_gives_the_money_back() -> None:
    """Where our own limit leaves no room, nothing stays held."""
    kit = Kit(provider("a", limits=Limits(images=1)))
    await kit.error(n=2)
    assert ([[HELD, Kind.VOIDED]], Balance()) == (await kinds(kit), await balance(kit))


# A ledger that fails


class Failing(MemoryLedger):
    """Cannot write some kinds of rows."""

    def __init__(self, *kinds: Kind) -> None:
        super().__init__()
        self.kinds = kinds

    async def reserve(self, hold: Hold, caps: Sequence[Cap] = ()) -> Attempt:
        if Kind.HELD in self.kinds:
            raise LedgerUnavailableError("the ledger cannot be used: disk full")
        return await super().reserve(hold, caps)

    async def write(self, step: Step) -> Attempt:
        if step.kind in self.kinds:
            raise LedgerUnavailableError("the ledger cannot be used: disk full")
        return await super().write(step)


@pytest.mark.parametrize("kind", [Kind.HELD, Kind.DISPATCHED])
async def test_nothing_is_sent_without_a_row(kind: Kind) -> None:
    """Where the ledger cannot be written the request fails with 503, and nothing has left."""
    kit = Kit("a", "b", books=Failing(kind))
    error = await kit.error()
    assert (503, "ledger_unavailable", []) == (error.status, error.code, kit.asked)
    assert Balance() == await balance(kit)


async def test_a_picture_is_not_lost_for_a_line_in_a_book() -> None:
    """Where only the last row cannot be written the picture is delivered, and that is told."""
    kit = Kit("a", books=Failing(Kind.POSTED))
    assert 1 == len((await kit.generate()).images)
    assert "ledger.failed" in [event.name for event in kit.events]


# The log


async def test_a_cached_result_costs_nothing() -> None:
    """What the cache answers is in the log, without an attempt."""
    kit = Kit("a", cache=CacheSetup(ttl=60.0))
    await kit.generate(seed=1)
    await kit.generate(seed=1)
    logged = await last(kit)
    assert ((), "hit") == (logged.attempts, logged.ended and logged.ended.cache)
    assert Balance(posted=40_000) == await balance(kit)


@pytest.mark.parametrize(
    ("prompts", "kept"),
    [
        (Prompts.FULL, "a heron"),
        (
            Prompts.HASH,
            "sha256:2befaa10dc2e11ce8ef0d78142da4107b92d9eaeefe8dbd7663a9ae944877fed",
        ),
        (Prompts.NONE, None),
    ],
)
async def test_prompts_are_kept_as_configured(prompts: Prompts, kept: str | None) -> None:
    """Prompts are written down in full, as a hash, or not at all."""
    kit = Kit("a", ledger=LedgerSetup(prompts=prompts))
    await kit.generate()
    assert kept == (await last(kit)).asked.prompt


async def test_what_was_asked_is_forgotten_in_time() -> None:
    """After the retention the next request has older prompts and users erased."""
    kit = Kit("a", ledger=LedgerSetup(prompts=Prompts.FULL, retention=3600.0))
    await kit.generate(user="ada")
    await kit.clock.advance(3700)
    await kit.generate()
    second, first = await kit.ledger.log()
    assert ("a heron", None, None) == (second.asked.prompt, first.asked.prompt, first.asked.user)


async def test_one_request_id_twice_is_two_bookings() -> None:
    """An id that a caller uses again gets no second picture for the money of the first."""
    kit = Kit("a")
    for _ in range(2):
        await kit.clock.run(kit.engine.generate(asking(), request_id="same\0\ud800"))
    assert Balance(posted=80_000) == await balance(kit)


async def test_an_unknown_model_is_not_in_the_log() -> None:
    """What is refused before any work leaves no line."""
    kit = Kit("a")
    with pytest.raises(RouterError):
        await kit.generate(model="nobody's")
    assert [] == await kit.ledger.log()


def test_micros_round_against_the_budget() -> None:
    """A fraction of a micro-dollar counts as one, and dollars come back without loss."""
    assert 1 == micros(Decimal("0.0000001"))
    assert Decimal("0.04") == dollars(micros(Decimal("0.04")))
