"""Pictures on their way to a model: small ones go along, large ones are uploaded before."""

from __future__ import annotations

from routercore.provider import (
    Charge,
    Fault,
    Flow,
    InputImage,
    Task,
    call,
    fail,
    file_part,
    post_form,
    text_at,
)

INLINE_BYTES = 256 * 1024
"""Inputs up to this size go along as data URLs, larger ones are uploaded, as the vendor advises."""


def pictures(task: Task) -> list[InputImage]:
    return [*task.images, *([task.mask] if task.mask else [])]


def source(task: Task, image: InputImage) -> Flow[str]:
    """A URL by which the model can read a picture."""
    if len(image.data) <= INLINE_BYTES:
        return image.data_url
    form = [file_part("content", image)]
    response = yield from call(post_form(task.url("/files"), form, billable=False))
    url = text_at(response.object(), "urls", "get")
    if url is None:
        raise fail(Fault.SERVER_ERROR, "an upload was answered without a URL", charge=Charge.NONE)
    return url
