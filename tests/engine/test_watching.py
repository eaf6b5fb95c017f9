"""How far a request has come is known from outside while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.serving import provider, router_of, setup
from tests.upstreams import Upstream, error

from routercore.engine.transport.fast import FastTransport
from routercore.engine.transport.portable import PortableTransport
from routercore.engine.watching import Watch
from routercore.values.errors import RouterError
from routercore.values.images import ImageRequest

ASKED = ImageRequest(prompt="x", model="poster")


class Mute:
    """A transport of somebody else's, which does not tell when a request leaves."""

    def __init__(self) -> None:
        self._inner = PortableTransport()
        self.name = "mute"
        self.send, self.open, self.close = self._inner.send, self._inner.open, self._inner.close


CAREFUL = pytest.param(Mute, True, id="mute")


@pytest.mark.parametrize("transport", [FastTransport, PortableTransport, Mute])
async def test_what_was_sent_is_at_stake(transport: Any, tmp_path: Path) -> None:
    """From the moment the request has left until it is known to have cost nothing."""
    watch = Watch()
    with Upstream() as upstream:
        what = setup(tmp_path, provider("near", upstream.base_url))
        async with router_of(what, transport=transport()) as router:
            upstream.hold()
            task = asyncio.create_task(router.engine.generate(ASKED, watch=watch))
            await asyncio.to_thread(upstream.wait_for_calls, 1)
            assert watch.is_at_stake
            upstream.script.extend([error(400, "no")] * 3)
            upstream.release()
            with pytest.raises(RouterError):
                await task

    assert not watch.is_at_stake


@pytest.mark.parametrize(
    ("transport", "is_at_stake"), [(FastTransport, False), (PortableTransport, False), CAREFUL]
)
async def test_a_handshake_costs_nothing(transport: Any, is_at_stake: bool, tmp_path: Path) -> None:
    """While a connection is made nothing is at stake; a transport that cannot tell is careful."""
    watch, heard = Watch(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)  # The client's first word of the handshake, which is never answered.
        heard.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        what = setup(tmp_path, provider("near", url))
        async with router_of(what, transport=transport()) as router:
            task = asyncio.create_task(router.engine.generate(ASKED, watch=watch))
            await heard.wait()
            assert is_at_stake is watch.is_at_stake
            task.cancel()
            await asyncio.wait([task])
