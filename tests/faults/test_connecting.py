"""Upstreams that cannot be reached: nothing was bought, so trying again is free."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tests.faults.kit import Stage, by_target, faults, images_api

from routercore.engine.transport.base import Transport
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.providers import PNG
from routercore.values.images import InputImage

CONNECT = 0.2
"""Seconds that a transport of these tests has to connect."""
HEAVY = InputImage(data=PNG + bytes(16 * 1024 * 1024), media_type="image/png")
"""More than any kernel takes in one go."""

Transports = Callable[..., Transport]


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a socket whose queue is full: a further SYN is dropped, as by a firewall."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.fault("F01", how="the port is closed")
async def test_refused(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports
) -> None:
    """A refused connection is tried once more and then elsewhere; nothing stays set aside."""
    first.stop()
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        result = await stage.ask()
        assert {"first": 2, "second": 1} == by_target(result)
        assert ["voided", "voided", "posted"] == await stage.kinds()
        assert 1 == len(stage.invoice())
        assert all(pause <= 0.05 for pause in stage.hasty.slept)


@pytest.mark.fault("F02", how="a listening socket with a full queue, which drops every SYN")
async def test_black_hole(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports, black_hole: int
) -> None:
    """Connecting ends at its own time limit, costs nothing, and goes on elsewhere."""
    lost = replace(images_api("first", first), base_url=f"http://127.0.0.1:{black_hole}/v1")
    fast = transport(connect_timeout=CONNECT)
    async with Stage((lost, first), (images_api("second", second), second),
                     injected={"transport": fast}) as stage:  # fmt: skip
        result = await stage.ask()
        assert ["not_sent", "not_sent", None] == faults(result)
        assert ["voided", "voided", "posted"] == await stage.kinds()
        assert all(CONNECT <= one.duration_s < 5 * CONNECT for one in result.attempts[:2])


@pytest.mark.fault("F03", how="a RST as soon as the connection is accepted, under a large upload")
async def test_reset_on_accept(first: FaultyUpstream, transport: Transports) -> None:
    """A body that did not leave whole provably bought nothing, and is sent again."""
    first.script(steps.reset(on="accept"))
    async with Stage(first, injected={"transport": transport()}) as stage:
        result = await stage.ask(images=(HEAVY,))
        assert [("not_sent", "not_sent"), ("headers", None)] == [
            (one.phase, fault) for one, fault in zip(result.attempts, faults(result), strict=True)
        ]
        assert ["voided", "posted"] == await stage.kinds()


@pytest.mark.fault("F10", how="answers whose connection is reset by the next request on it, ×1000")
async def test_stale_connections(first: FaultyUpstream, transport: Transports) -> None:
    """No paid request travels on a used connection: 1,000 requests, 1,000 images, no duplicate."""
    first.script(steps.linger(times=0))
    async with Stage(first, injected={"transport": transport()}) as stage:
        gate = asyncio.Semaphore(20)

        async def one(number: int) -> int:
            async with gate:
                return len((await stage.ask(f"picture {number}")).attempts)

        tries = await asyncio.gather(*map(one, range(1000)))
        assert {1} == set(tries)
        assert (1000, 1000) == (len(stage.invoice()), first.connections)
