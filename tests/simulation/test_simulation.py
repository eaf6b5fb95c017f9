"""Thousands of virtual hours of providers that come and go: what must hold, holds throughout.

``SIMULATIONS=500 SEED=12345 pytest tests/simulation`` plays other worlds, and more of them; a
failure names its seed.
"""

from __future__ import annotations

import os

import pytest
from tests.simulation.world import Seen, World

from routercore.routing.policy import charge_of
from routercore.values.events import AttemptRecord
from routercore.values.faults import Charge, Fault
from routercore.values.ledger import Kind

FIRST = int(os.environ.get("SEED", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("SIMULATIONS", "20")))
HOURS = 100.0
EVERY = 360.0
"""Seconds between requests, on average."""


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens(seed: int) -> None:
    """Whatever providers and callers do, nothing is paid twice, lost, overspent or late."""
    world = World(seed, hours=HOURS, every=EVERY)
    seen = world.play()
    assert seen.requests == seen.delivered + seen.hung_up + sum(seen.errors.values())
    assert [] == seen.overdue, f"seed {seed}: requests outlived their deadline"
    assert [] == seen.over_budget, f"seed {seed}: a budget was overspent"
    assert 0 == seen.mismatches, f"seed {seed}: balances differ from their rows"
    assert 0 == seen.left_held, f"seed {seed}: attempts were left open"
    check_money(seed, world, seen)
    for attempts in seen.attempts:
        check_attempts(seed, world, attempts)


def check_money(seed: int, world: World, seen: Seen) -> None:
    """Every image that a provider bills is in the ledger, and none that it does not."""
    posted = sum(logged.balance.posted for logged in seen.log)
    suspect = sum(logged.balance.suspect for logged in seen.log)
    billed = world.billed()
    assert posted <= billed <= posted + suspect, f"seed {seed}: the books differ from the invoices"
    voided = [
        attempt.hold.attempt
        for logged in seen.log
        for attempt in logged.attempts
        if attempt.last.kind is Kind.VOIDED
    ]
    free = [name for name in voided if name.rpartition(".")[0] in seen.invoice]
    assert [] == free, f"seed {seed}: attempts in the books as free were billed"


def check_attempts(seed: int, world: World, attempts: tuple[AttemptRecord, ...]) -> None:
    """Few enough, none at a target that may have been paid already, none after a refusal."""
    most = world.config["router"]["max_attempts"]
    assert len(attempts) <= most, f"seed {seed}: more than {most} attempts"
    route = world.config["models"]["poster"]
    for number, record in enumerate(attempts):
        later = attempts[number + 1 :]
        failure = record.failure
        if failure is None:
            continue
        if charge_of(failure) is not Charge.NONE:
            again = [x.target for x in later if x.target == record.target]
            assert [] == again, f"seed {seed}: sent again what may be paid"
        if failure.fault is Fault.REFUSED and route["on_refusal"] == "stop":
            assert () == later, f"seed {seed}: carried a refused prompt on"


def test_one_seed_one_world() -> None:
    """The same seed gives the same hours, to the last attempt."""
    first, again = (World(7, hours=10, every=120.0).play() for _ in range(2))
    assert first.errors == again.errors
    assert [a.duration_s for x in first.attempts for a in x] == [
        a.duration_s for x in again.attempts for a in x
    ]
    assert first.invoice == again.invoice


def test_worlds_are_worth_playing() -> None:
    """The first worlds have pictures, failures of many kinds, callers that hang up, and doubt."""
    worlds = [World(seed, hours=20, every=120.0) for seed in range(6)]
    seen = [world.play() for world in worlds]
    faults = {
        a.failure.fault for one in seen for attempts in one.attempts for a in attempts if a.failure
    }
    assert {
        Fault.NOT_SENT, Fault.SERVER_ERROR, Fault.RATE_LIMITED, Fault.QUOTA, Fault.REFUSED,
        Fault.DEADLINE, Fault.NO_IMAGE, Fault.OVER_BUDGET,
    } <= faults  # fmt: skip
    assert all(one.delivered for one in seen)
    assert any(one.hung_up for one in seen)
    assert any(logged.balance.suspect for one in seen for logged in one.log)
