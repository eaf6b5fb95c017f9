"""Circuits at work: a target that fails is left alone, probed once, and taken back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.engine.kit import CARD, Kit, asking, provider, status

from routercore.testing.providers import PNG
from routercore.values.images import InputImage, Operation

BOTH = replace(CARD, operations=frozenset({Operation.GENERATE, Operation.EDIT}), max_images=1)
PICTURE = InputImage.of(PNG)


async def times(kit: Kit, count: int, **settings: object) -> None:
    for _ in range(count):
        await kit.generate(**settings)


async def test_a_target_that_fails_five_times_is_left_alone() -> None:
    """The sixth request goes straight to the second target."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 9})
    await times(kit, 8)
    assert 5 == kit.asked.count("a")
    assert 8 == kit.asked.count("b")


async def test_it_is_probed_once_and_taken_back() -> None:
    """When its time is over one request tries it, and after that success everybody does."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 5})
    await times(kit, 5)
    await kit.clock.advance(15)
    await times(kit, 3)
    assert ["a", "a", "a"] == kit.asked[-3:]


async def test_while_it_is_probed_others_go_elsewhere() -> None:
    """Of requests at one time a single one tries it."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 5})
    await times(kit, 5)
    await kit.clock.advance(15)
    await kit.clock.run(asyncio.gather(*[kit.engine.generate(asking()) for _ in range(4)]))
    assert ["a", "b", "b", "b"] == sorted(kit.asked[-4:])


async def test_a_failed_probe_closes_it_for_longer() -> None:
    """After a second failure it is left alone for twice as long."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 6})
    await times(kit, 5)
    await kit.clock.advance(15)
    await kit.generate()
    await kit.clock.advance(14.9)
    await kit.generate()
    assert "b" == kit.asked[-1]
    await kit.clock.advance(15.1)
    await kit.generate()
    assert "a" == kit.asked[-1]


async def test_an_outage_of_edits_leaves_generating_alone() -> None:
    """Each operation has a circuit of its own."""
    kit = Kit(provider("a", cards=(BOTH,)), provider("b", cards=(BOTH,)),
              answers={"a": [status(500)] * 5})  # fmt: skip
    await times(kit, 5, images=(PICTURE,))
    await kit.generate(images=(PICTURE,))
    await kit.generate()
    assert ["b", "a"] == kit.asked[-2:]


@pytest.mark.parametrize("code", [401, 402, 403, 404, 429])
async def test_what_is_not_the_target_s_fault_never_opens_it(code: int) -> None:
    """Keys, credit and rate limits say nothing of whether a target works."""
    kit = Kit("a", "b", answers={"a": [status(code, retry_after="0")] * 6})
    for _ in range(6):
        await kit.generate()
        await kit.clock.advance(601)
    await kit.generate()
    assert (7, "a") == (kit.asked.count("a"), kit.asked[-1])


async def test_the_last_target_is_tried_even_if_its_circuit_is_open() -> None:
    """A circuit orders targets; it never leaves a request with none."""
    kit = Kit("a", answers={"a": [status(500)] * 5})
    for _ in range(5):
        await kit.error()
    assert "a:poster" == (await kit.generate()).target


async def test_where_every_circuit_is_open_nobody_is_refused_for_it() -> None:
    """The target that may be tried soonest is asked first, and a success brings it back at once."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 5, "b": [status(500)] * 5})
    for _ in range(5):
        await kit.error()
    await kit.clock.advance(1)
    resting = [one.health.closed_for for one in kit.engine.plan(asking()).candidates]
    assert resting == sorted(resting)
    assert min(resting) > 0
    soonest = kit.engine.plan(asking()).candidates[0].name
    assert soonest == (await kit.generate()).target
    back = kit.engine.plan(asking()).candidates[0]
    assert (soonest, 0.0) == (back.name, back.health.closed_for)


async def test_the_plan_says_why_a_target_comes_last() -> None:
    """Health is part of every candidate."""
    kit = Kit("a", "b", answers={"a": [status(500)] * 5})
    await times(kit, 5)
    first, last = kit.engine.plan(asking()).candidates
    assert ("b:poster", "a:poster") == (first.name, last.name)
    assert "its circuit is open" == last.health.reason
