"""Streams of images as server-sent events, with the names that official clients know."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from routercore.server import log
from routercore.server.answers import NO_TOKENS, extras, shape_of, usage_body
from routercore.server.faults import InternalError, Redactor, error_body
from routercore.server.replies import Part, json_with, to_json
from routercore.values.errors import RouterError
from routercore.values.events import Completed, PartialImage, StreamItem
from routercore.values.images import ImageRequest, ImageResult

KEEPALIVE_SECONDS = 15.0
FIRST_EVENT_SECONDS = 40.0
"""The longest wait for a true status; after it the stream begins with comments."""
Frame = list[Part]
KEEPALIVE: Frame = [b": keepalive\n\n"]


class Feed:
    """A stream whose first item is awaited apart from the rest, and which can fall silent."""

    def __init__(
        self,
        items: AsyncIterator[StreamItem],
        *,
        patience: float = FIRST_EVENT_SECONDS,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._items = items
        self._patience, self._keepalive = patience, keepalive
        self._next = asyncio.ensure_future(_one(items))

    async def begin(self) -> None:
        """Wait for the first item, or until a client should wait no longer for a status.

        Raises:
            RouterError: what is asked for cannot be had.
        """
        done, _ = await asyncio.wait({self._next}, timeout=self._patience)
        if done:
            self._next.result()

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> StreamItem | None:
        """The next item, or ``None`` when it is time for a sign of life."""
        done, _ = await asyncio.wait({self._next}, timeout=self._keepalive)
        if not done:
            return None
        item = self._next.result()
        if item is None:
            raise StopAsyncIteration
        self._next = asyncio.ensure_future(_one(self._items))
        return item

    async def close(self) -> None:
        """Stop; work that is still going on behind the stream is cancelled."""
        self._next.cancel()
        await asyncio.wait({self._next})
        if not self._next.cancelled():
            self._next.exception()  # Looked at, so that it is not reported as lost.
        if isinstance(self._items, AsyncGenerator):
            with contextlib.suppress(RouterError):
                await self._items.aclose()


async def _one(items: AsyncIterator[StreamItem]) -> StreamItem | None:
    return await anext(items, None)


async def frames(
    feed: Feed, request: ImageRequest, redactor: Redactor, request_id: str
) -> AsyncIterator[Frame]:
    """The stream as frames; an error ends it as an ``error`` event."""
    try:
        async for item in feed:
            if item is None:
                yield KEEPALIVE
                continue
            for frame in item_frames(item, request, redactor):
                yield frame
    except RouterError as error:
        yield error_frame(error, redactor)
    except Exception as error:  # noqa: BLE001 - a face: the client is told, whatever it is
        log.crashed(request_id, error)
        yield error_frame(InternalError(), redactor)


def error_frame(error: RouterError, redactor: Redactor) -> Frame:
    """An error inside a stream; nested, because the Python SDK overlooks a flat one."""
    body = to_json({"error": error_body(error, redactor)})
    return [b"event: error\ndata: ", body, b"\n\n"]


def item_frames(item: StreamItem, request: ImageRequest, redactor: Redactor) -> Iterator[Frame]:
    """One item of a stream as the events that tell it."""
    if isinstance(item, PartialImage):
        yield _frame(f"{_kind(request)}.partial_image", item.data, _partial(item, request))
        return
    assert isinstance(item, Completed)
    yield from completed_frames(item.result, request, redactor)


def _kind(request: ImageRequest) -> str:
    return "image_edit" if request.images else "image_generation"


def _partial(item: PartialImage, request: ImageRequest) -> dict[str, Any]:
    return {
        "created_at": int(time.time()),
        "size": str(request.size) if request.size else "auto",
        "quality": request.quality or "auto",
        "background": request.background or "auto",
        "output_format": item.format,
        "partial_image_index": item.index,
    }


def completed_frames(
    result: ImageResult, request: ImageRequest, redactor: Redactor
) -> Iterator[Frame]:
    """One event an image. Tokens and what this router adds are told once, in the last."""
    last = len(result.images) - 1
    for index, image in enumerate(result.images):
        fields: dict[str, Any] = {
            "created_at": int(result.created.timestamp()),
            "quality": "auto",
            "background": "auto",
            **shape_of(result),
            "size": str(image.size) if image.size else "auto",
            "output_format": image.format,
        }
        usage = result.usage if index == last else None
        fields["usage"] = usage_body(usage or NO_TOKENS)
        del fields["usage"]["output_tokens_details"]
        if result.safety_identifier is not None:
            fields["safety_identifier"] = result.safety_identifier
        if index == last:
            fields |= extras(result, request, redactor)
        yield _frame(f"{_kind(request)}.completed", image.data, fields)


def _frame(event: str, data: bytes, fields: dict[str, Any]) -> Frame:
    body = json_with({"type": event, **fields}, b64_json=data)
    return [b"event: %s\ndata: " % event.encode(), *body, b"\n\n"]
