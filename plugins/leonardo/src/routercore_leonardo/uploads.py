"""Pictures on their way to Leonardo: into the bucket that it names, by presigned forms.

Fields: leonardo-ai-sdk 7.0.0.
"""

from __future__ import annotations

import json
from typing import Any

from routercore.provider import (
    Charge,
    Fault,
    Flow,
    InputImage,
    Part,
    Task,
    at,
    call,
    fail,
    fields,
    post_form,
    post_json,
    text_at,
)


def uploaded(task: Task) -> Flow[dict[str, Any]]:
    """Upload the task's pictures; the reply is the fields by which a generation refers to them."""
    if task.mask is not None:
        return (yield from _canvas(task, task.images[0], task.mask))
    if not task.images:
        return {}
    (image,) = task.images
    wanted = post_json(task.url("/init-image"), {"extension": _kind(image)}, billable=False)
    place = at((yield from call(wanted)).object(), "uploadInitImage")
    return {"init_image_id": (yield from _put(image, place, "id", "url", "fields"))}


def _canvas(task: Task, image: InputImage, mask: InputImage) -> Flow[dict[str, Any]]:
    """A picture and its mask are uploaded together, for the canvas."""
    kinds = {"initExtension": _kind(image), "maskExtension": _kind(mask)}
    wanted = post_json(task.url("/canvas-init-image"), kinds, billable=False)
    place = at((yield from call(wanted)).object(), "uploadCanvasInitImage")
    init = yield from _put(image, place, "initImageId", "initUrl", "initFields")
    over = yield from _put(mask, place, "maskImageId", "maskUrl", "maskFields")
    return {
        "canvasRequest": True,
        "canvasRequestType": "INPAINT",
        "canvasInitId": init,
        "canvasMaskId": over,
    }


def _kind(image: InputImage) -> str:
    return image.media_type.rpartition("/")[2]


def _put(image: InputImage, place: Any, *names: str) -> Flow[str]:
    """Put a picture where the vendor has made room for it, and return its id."""
    id, url = text_at(place, names[0]), text_at(place, names[1])
    if id is None or url is None:
        raise fail(Fault.SERVER_ERROR, "no place to upload the image to", charge=Charge.NONE)
    file = Part("file", image.data, f"image.{_kind(image)}", image.media_type)
    form = [*fields(_signed(at(place, names[2]))), file]
    # Raw, because a bucket that refuses says nothing about the key of the API.
    stored = yield from call(post_form(url, form, billable=False), raw=True)
    if not stored.is_success:
        raise fail(Fault.SERVER_ERROR, "the bucket did not take the image", charge=Charge.NONE,
                   status=stored.status)  # fmt: skip
    return id


def _signed(given: Any) -> dict[str, Any]:
    """The fields of the presigned form, which come as JSON inside JSON."""
    try:
        given = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}
