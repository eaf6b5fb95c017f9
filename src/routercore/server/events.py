"""Streams of images as server-sent events, with the names that official clients know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from routercore.engine.jsons import dumps
from routercore.server.answers import NO_TOKENS, extras, maker_of, shape_of, usage_body
from routercore.server.faults import Redactor, attempt_bodies, error_body
from routercore.server.replies import Part, json_with
from routercore.values.errors import RouterError
from routercore.values.events import Completed, PartialImage, StreamItem
from routercore.values.images import ImageRequest, ImageResult

KEEPALIVE_SECONDS = 15.0
FIRST_EVENT_SECONDS = 40.0
"""The longest wait for a true status; after it the stream begins with comments."""
Frame = list[Part]
KEEPALIVE: Frame = [b": keepalive\n\n"]


def error_frame(error: RouterError, redactor: Redactor) -> Frame:
    """An error inside a stream; nested, because the Python SDK overlooks a flat one."""
    told = {**error_body(error, redactor),
            "failed_attempts": attempt_bodies(error.attempts, redactor)}  # fmt: skip
    body = dumps({"error": told})
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
        "provider": item.target.partition(":")[0],
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
            fields["failed_attempts"] = attempt_bodies(result.attempts, redactor)
        fields |= maker_of(image, result)
        yield _frame(f"{_kind(request)}.completed", image.data, fields)


def _frame(event: str, data: bytes, fields: dict[str, Any]) -> Frame:
    body = json_with({"type": event, **fields}, b64_json=data)
    return [b"event: %s\ndata: " % event.encode(), *body, b"\n\n"]
