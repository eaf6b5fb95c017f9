"""Keys and targets that rest: who steps in, how long is waited, and who may not ask before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engine.kit import CARD, Kit, provider, status

from routercore.engine.setup import Limits
from routercore.values.faults import Fault


async def test_another_key_takes_over() -> None:
    """A rate-limited key is left alone, and the next key of the same provider is used."""
    kit = Kit(provider("a", keys=("k1", "k2")), "b", answers={"a": [status(429)]})
    assert "a:poster" == (await kit.generate()).target
    assert 2 == len(set(kit.keys_used))
    for _ in range(4):
        await kit.generate()
    assert {kit.keys_used[1]} == set(kit.keys_used[1:])


async def test_keys_take_turns() -> None:
    """Equally busy keys are used in turn."""
    kit = Kit(provider("a", keys=("k1", "k2", "k3")))
    for _ in range(6):
        await kit.generate()
    assert [2, 2, 2] == [kit.keys_used.count(key) for key in ("k1", "k2", "k3")]


async def test_retry_after_is_waited_for() -> None:
    """Where nobody else is left, the upstream's own time is waited for, and not a moment less."""
    kit = Kit("a", answers={"a": [status(429, retry_after="7")]})
    await kit.generate()
    assert (["a", "a"], 7.0) == (kit.asked, kit.clock.monotonic())


async def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    """A wait that the deadline does not allow is not begun; the client is told of it."""
    kit = Kit("a", answers={"a": [status(429, retry_after="40")]}, deadline=30.0)
    error = await kit.error()
    assert (429, 40.0, 0.0) == (error.status, error.retry_after, kit.clock.monotonic())


async def test_nobody_else_sends_before_retry_after() -> None:
    """Other requests respect the time, too: they wait, and nothing is sent before."""
    kit = Kit("a", answers={"a": [status(429, retry_after="40")]}, deadline=30.0)
    await kit.error()
    await kit.clock.advance(5)
    error = await kit.error()
    assert (["a"], 35.0) == (kit.asked, error.retry_after)
    await kit.clock.advance(20)
    await kit.generate()
    assert (["a", "a"], 40.0) == (kit.asked, kit.clock.monotonic())


async def test_a_parked_target_comes_last() -> None:
    """A target that asked for time is passed over while another is there."""
    kit = Kit("a", "b", answers={"a": [status(429, retry_after="40")]})
    await kit.generate()
    assert "b:poster" == (await kit.generate()).target
    assert ["a", "b", "b"] == kit.asked


@pytest.mark.parametrize("code", [401, 402])
async def test_a_key_that_is_turned_away_rests(code: int) -> None:
    """One call a rest and no more, however many ask; callers are told when it is tried again."""
    kit = Kit("a", answers={"a": [status(code)] * 2})
    errors = [await kit.error() for _ in range(20)]
    assert 1 == len(kit.asked)
    assert {(503, "provider_unavailable")} == {(one.status, one.code) for one in errors}
    assert 600.0 == errors[-1].retry_after
    assert "because the router's key for it rests for" in errors[-1].message
    await kit.clock.advance(601)
    await kit.error()
    await kit.clock.advance(601)
    await kit.error()
    assert 2 == len(kit.asked)
    await kit.clock.advance(600)
    assert 1 == len((await kit.generate()).images)


async def test_a_key_that_may_not_use_a_model_is_left_out_there_alone() -> None:
    """Another key steps in, and from then on it is the one that is used; elsewhere both are."""
    cards = (CARD, replace(CARD, id="sketch"))
    kit = Kit(provider("a", keys=("k1", "k2"), cards=cards), answers={"a": [status(403)]})
    for _ in range(4):
        await kit.generate()
    barred, other = kit.keys_used[0], kit.keys_used[1]
    assert [barred, *[other] * 4] == kit.keys_used
    for _ in range(2):
        await kit.generate(model="a:sketch")
    assert {"k1", "k2"} == set(kit.keys_used[-2:])


async def test_our_own_limit_moves_on() -> None:
    """Where our own limit leaves no room before the deadline, the next target is asked."""
    kit = Kit(provider("a", limits=Limits(images=1)), "b")
    result = await kit.generate(n=2)
    assert ["b"] == kit.asked
    assert [Fault.LIMITED] == [a.failure.fault for a in result.attempts if a.failure]
