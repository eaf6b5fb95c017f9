"""Every test of the contract runs on both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from routercore.engine.transport.base import Transport
from routercore.engine.transport.portable import PortableTransport

MakeTransport = Callable[..., Transport]


@pytest.fixture(params=["portable", "fast"])
def make_transport(request: pytest.FixtureRequest) -> MakeTransport:
    if request.param == "portable":
        return PortableTransport
    pytest.importorskip("aiohttp")
    from routercore.engine.transport.fast import FastTransport

    return FastTransport


@pytest.fixture
async def transport(make_transport: MakeTransport) -> AsyncIterator[Transport]:
    """One that must have left no task behind when the test is over."""
    before = asyncio.all_tasks()
    made = make_transport()
    yield made
    await made.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert {asyncio.current_task()} == asyncio.all_tasks() - before
