"""Answers that never come, or not whole: what was sent may have been bought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.faults.kit import Stage, by_target, faults

from routercore.engine.transport.base import Transport
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.faulty.steps import Step
from routercore.values.images import ImageResult

Transports = Callable[..., Transport]


async def lost(stage: Stage, first: FaultyUpstream, step: Step, fault: str) -> ImageResult:
    """A request whose first try is lost that way, and what holds of every such loss."""
    first.script(step)
    result = await stage.ask()
    assert [fault, None] == faults(result)
    assert {"first": 1, "second": 1} == by_target(result)
    assert (1, 2) == (len(first.invoice()), len(stage.invoice()))
    assert ["suspect", "posted"] == await stage.kinds()
    return result


async def waited_out(stage: Stage, upstream: FaultyUpstream) -> ImageResult:
    """A request whose first try takes as long as an attempt may."""
    asking = asyncio.create_task(stage.ask())
    await upstream.arrived()
    stage.hasty.leap(stage.setup.attempt_timeout)
    return await asking


@pytest.mark.fault("F04", how="a RST after the request was read and invoiced")
async def test_reset(first: FaultyUpstream, second: FaultyUpstream, transport: Transports) -> None:
    """A reset request is never sent there again; it is suspect, and goes on elsewhere once."""
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        result = await lost(stage, first, steps.reset(), "reply_lost")
        assert "sent" == result.attempts[0].phase


@pytest.mark.fault("F05", how="a FIN after the request was read and invoiced")
async def test_closed(first: FaultyUpstream, second: FaultyUpstream, transport: Transports) -> None:
    """A connection that closes without a byte is the same: sent, unknown, suspect."""
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        await lost(stage, first, steps.close(), "reply_lost")


@pytest.mark.fault("F06", how="the request is read and never answered")
async def test_silence(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports
) -> None:
    """Silence ends at the attempt's time limit; the answer then comes from elsewhere."""
    first.script(steps.hang())
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        result = await waited_out(stage, first)
        assert ["deadline", None] == faults(result)
        assert abs(120 - result.attempts[0].duration_s) < 0.5
        assert ["suspect", "posted"] == await stage.kinds()


@pytest.mark.fault("F06", how="both upstreams are silent")
async def test_silence_everywhere(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """However many are silent, the caller's deadline is kept to half a second."""
    for upstream in (first, second):
        upstream.script(steps.hang())
    async with Stage(first, second) as stage:
        began = stage.clock.monotonic()
        asking = asyncio.create_task(stage.fails())
        await first.arrived()
        stage.hasty.leap(120)
        await second.arrived()
        stage.hasty.leap(60)
        error = await asking
        assert (504, "deadline_exceeded", False) == (error.status, error.code, error.may_retry)
        assert abs(180 - (stage.clock.monotonic() - began)) < 0.5
        assert ["suspect", "suspect"] == await stage.kinds()


@pytest.mark.fault("F07", how="the answer comes byte by byte and does not end in time")
async def test_trickle(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports
) -> None:
    """The time limit is one of the whole answer: bytes that keep coming do not extend it."""
    first.script(steps.trickle(every=0.01))
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        result = await waited_out(stage, first)
        assert ["deadline", None] == faults(result)
        assert abs(120 - result.attempts[0].duration_s) < 0.5
        assert ["suspect", "posted"] == await stage.kinds()


@pytest.mark.fault("F08", how="half of a body of known length, then a FIN or a RST")
@pytest.mark.parametrize("how", [{}, {"reset": True}], ids=["closed", "reset"])
async def test_cut(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports, how: dict[str, bool]
) -> None:
    """An answer that breaks off was begun, so most likely bought: suspect, and not asked again."""
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        result = await lost(stage, first, steps.cut(**how), "reply_cut")
        assert "headers" == result.attempts[0].phase


@pytest.mark.fault("F09", how="half of a body without length, then a FIN")
async def test_truncated(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports
) -> None:
    """Half an answer that the wire calls whole is found out by reading it."""
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        await lost(stage, first, steps.truncate(), "reply_cut")
