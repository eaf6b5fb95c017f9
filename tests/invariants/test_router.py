"""What holds after every step that callers, upstreams and time may take."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.invariants.puppets import Exchange, Stage
from tests.invariants.quota_machine import QuotaMachine
from tests.invariants.router_machine import RouterMachine
from tests.invariants.twin_machine import TwinMachine

STEPS = settings(max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck))


@pytest.mark.invariant(
    "I1", "I2", "I3", "I5", "I6", "I10", "I13", "I14", "I15", "I16", "I18"
)  # fmt: skip
def test_a_router_in_any_weather() -> None:
    """Requests of two callers over two providers with two keys each: answered in sixteen ways,
    delayed, cancelled; every invariant is checked after every step, and the books at the end."""
    run_state_machine_as_test(RouterMachine, settings=STEPS)


@pytest.mark.invariant("I29")
def test_two_routers_of_one_seed() -> None:
    """To both the same happens, step by step; after each step all calls and their moments, all
    attempts and all rows of money are the same."""
    run_state_machine_as_test(TwinMachine, settings=settings(STEPS, max_examples=20))


@pytest.mark.invariant("I30")
def test_retries_and_hedges_in_an_outage() -> None:
    """Crowds ask, upstreams fail in many ways, slow calls get a copy: in every minute a provider is
    granted 1.2 calls for each of its requests and five at most, and a request has four calls at
    most, of which two are under way at one time."""
    run_state_machine_as_test(QuotaMachine, settings=settings(STEPS, max_examples=15))


@pytest.mark.invariant("I16")
async def test_who_waits_for_a_key_hears_of_it() -> None:
    """Calls that wait for their turn with a key are not sent once its upstream said when."""
    stage, early = Stage(), []

    def look(exchange: Exchange) -> None:
        if stage.clock.monotonic() < stage.puppets.told.get(exchange.key, 0.0):
            early.append(exchange.attempt)

    stage.puppets.on_send = look
    for _ in range(7):
        stage.ask(1)
    await stage.clock.run_until_idle()
    assert 4 == len(stage.puppets.open)
    stage.puppets.answer(stage.puppets.open[0], "limited", 30)
    await stage.clock.run_until_idle()
    assert [] == early
    for one in stage.asked:
        one.task.cancel()
    await stage.clock.run_until_idle()
    await stage.router.close()
