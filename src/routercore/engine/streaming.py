"""Notices of a running request, turned into an iterator that its caller can stop at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from routercore.engine.deliver import decode_base64
from routercore.values.events import Completed, Notice, Partial, PartialImage, StreamItem
from routercore.values.faults import ProviderFailed
from routercore.values.images import ImageResult, sniff_format

MAX_WAITING_PARTIALS = 16
"""A caller that reads slower than this loses intermediate images, never the result."""

Listener = Callable[[str, Notice], None]


async def stream_items(
    produce: Callable[[Listener], Awaitable[ImageResult]],
) -> AsyncIterator[StreamItem]:
    """Partial images as they arrive, then the completed result; leaving early cancels the work."""
    queue: asyncio.Queue[PartialImage | None] = asyncio.Queue()

    def listen(target: str, notice: Notice) -> None:
        if isinstance(notice, Partial) and queue.qsize() < MAX_WAITING_PARTIALS:
            item = _partial(target, notice)
            if item is not None:
                queue.put_nowait(item)

    async def work() -> ImageResult:
        try:
            return await produce(listen)
        finally:
            queue.put_nowait(None)

    task = asyncio.ensure_future(work())
    try:
        while (item := await queue.get()) is not None:
            yield item
        yield Completed(result=await task)
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # Seen, also where the caller has left before it.


def _partial(target: str, notice: Partial) -> PartialImage | None:
    """The intermediate image; one that cannot be decoded is left out, it was a courtesy."""
    try:
        data = notice.image.data or decode_base64(notice.image.base64 or "")
    except ProviderFailed:
        return None
    format = sniff_format(data)
    return (
        PartialImage(index=notice.index, data=data, format=format, target=target)
        if format
        else None
    )
