"""Work that is done in groups on a thread of its own, and what comes while it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from routercore.state.ledger.group import GroupWriter


async def test_work_that_comes_while_it_closes() -> None:
    """It is done after what came before, on another thread; both threads end."""
    begun, may_go_on = threading.Event(), threading.Event()
    told: list[object] = []

    def perform(group: Sequence[str]) -> Sequence[object]:
        if "first" in group:
            begun.set()
            assert may_go_on.wait(60)
        told.extend(group)
        return group

    writer = GroupWriter(perform, lambda: told.append("closed"))
    async with asyncio.timeout(60):
        first = asyncio.create_task(writer.do("first"))
        await asyncio.to_thread(begun.wait)
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        second = asyncio.create_task(writer.do("second"))
        await asyncio.sleep(0)
        may_go_on.set()

        assert ["first", "second"] == [await first, await second]
        await closing
        await writer.close()
    assert ["first", "closed", "second", "closed"] == told
