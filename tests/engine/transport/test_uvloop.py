"""The phases are the same on the other event loop, whose writes are queued differently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from routercore.engine.transport.base import Phase, TransportError
from routercore.provider.http import HttpRequest

from .conftest import MakeTransport
from .faults import (
    Behaviour,
    FaultServer,
    answering,
    never_reading,
    reset_after_request,
    reset_on_accept,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LARGE = bytes(20_000_000)


def run(scenario: Callable[[], Awaitable[object]]) -> object:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> object:
        return await scenario()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize(
    ("behaviour", "body", "phase"),
    [
        (reset_on_accept, LARGE, Phase.NOT_SENT),
        (reset_after_request, LARGE, Phase.SENT),
        (reset_after_request, b"{}", Phase.SENT),
        (None, LARGE, Phase.NOT_SENT),
    ],
)
def test_phases(
    make_transport: MakeTransport, behaviour: Behaviour | None, body: bytes, phase: Phase
) -> None:
    """Whether the body left is told as on asyncio's own loop."""

    async def scenario() -> Phase:
        until = asyncio.Event()
        transport = make_transport(write_timeout=30.0 if behaviour else 0.3)
        async with FaultServer(behaviour or never_reading(until)) as server:
            with pytest.raises(TransportError) as caught:
                await transport.send(HttpRequest(method="POST", url=server.url(), content=body))
            until.set()
            await server.all_closed()
            await transport.close()
        return caught.value.phase

    assert phase == run(scenario)


def test_a_large_exchange(make_transport: MakeTransport) -> None:
    """A large body arrives, and its answer comes back."""

    async def scenario() -> tuple[int, int]:
        transport = make_transport()
        async with FaultServer(answering(OK)) as server:
            request = HttpRequest(method="POST", url=server.url(), content=LARGE)
            response = await transport.send(request)
            await transport.close()
        return response.status, len(server.requests[0].partition(b"\r\n\r\n")[2])

    assert (200, len(LARGE)) == run(scenario)
