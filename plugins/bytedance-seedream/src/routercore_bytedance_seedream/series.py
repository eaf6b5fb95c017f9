"""Series of related pictures, and the stream in which the pictures of a call come one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routercore.provider import (
    Fault,
    Flow,
    HttpRequest,
    HttpResponse,
    Option,
    ProviderFailed,
    RawImage,
    Task,
    at,
    fail,
    next_event,
    open_stream,
    partial,
    text_at,
    whole_at,
)
from routercore_bytedance_seedream.models import URL_LIFETIME

SERIES = "sequential_image_generation"
OPTIONS = {
    SERIES: Option(words=("auto", "disabled")),
    f"{SERIES}_options": Option(kinds=(dict,)),
}
MOST_PICTURES = 15
"""Of one call, those that are sent along included."""
EVENT = "image_generation."


def is_series(task: Task) -> bool:
    """Whether several related pictures are asked for at once."""
    return bool(task.options.get(SERIES, "disabled") != "disabled")


def refuse_impossible(task: Task) -> None:
    """Refuse a series that the vendor would not make, before it is sent.

    Raises:
        ProviderFailed: the model makes none, or it would have too many pictures.
    """
    if not is_series(task):
        return
    if not task.card.partial_images:  # The same models refuse series and streams.
        raise fail(Fault.UNSUPPORTED, f"{task.model!r} makes no series of pictures",
                   param=SERIES, only_here=True)  # fmt: skip
    asked = whole_at(task.options, f"{SERIES}_options", "max_images") or 1
    if asked + len(task.images) > MOST_PICTURES:
        raise fail(Fault.INVALID_REQUEST, f"a series has {MOST_PICTURES} pictures at most, "
                   "input images included", param="max_images", only_here=True)  # fmt: skip


def streamed(task: Task, request: HttpRequest) -> Flow[tuple[HttpResponse, Mapping[str, Any]]]:
    """The head, and what the answer would be if it had come in one piece.

    When the stream breaks, the pictures that had come by then are the answer: they are paid for.
    """
    head = yield from open_stream(request)
    if head.body:  # It does not stream after all.
        return head, head.object()
    items: list[tuple[int, Mapping[str, Any]]] = []
    early = (task.partial_images or 0) if is_series(task) else 0
    try:
        while (event := (yield from next_event())) is not None and event.data != "[DONE]":
            data = event.json()
            kind = (text_at(data, "type") or event.event).removeprefix(EVENT)
            if kind == "completed" or (at(data, "error") and not kind.startswith("partial")):
                return head, _whole(items, data)
            index = whole_at(data, "image_index") or 0
            if kind in ("partial_succeeded", "partial_failed"):
                items.append((index, data))
            image = image_of(data)
            if image is not None and index < early:
                yield from partial(index, image)
    except (ProviderFailed, ValueError):
        if not _has_pictures(items):
            raise
    if not _has_pictures(items):
        raise fail(Fault.REPLY_CUT, "the stream ended before a picture")
    return head, _whole(items, {})


def image_of(item: Any) -> RawImage | None:
    """The picture in an entry of an answer, or in an event."""
    inline, url = text_at(item, "b64_json"), text_at(item, "url")
    if inline is not None:
        return RawImage(base64=inline)
    return RawImage(url=url, expires_in=URL_LIFETIME) if url is not None else None


def _has_pictures(items: list[tuple[int, Mapping[str, Any]]]) -> bool:
    return any(image_of(item) for _, item in items)


def _whole(items: list[tuple[int, Mapping[str, Any]]], last: Any) -> Mapping[str, Any]:
    """The answer out of its parts, in the order of the series."""
    data = [item for _, item in sorted(items, key=lambda one: one[0])]
    return {"data": data, "error": at(last, "error"), "model": text_at(last, "model")}
