"""Pictures in the answers of all backends, each of which has a place of its own for them."""

from __future__ import annotations

from typing import Any

from routercore.provider import (
    Fault,
    Generated,
    RawImage,
    at,
    fail,
    generated,
    list_at,
    refused,
    text_at,
    whole_at,
)

REFUSAL_WORDS = ("nsfw", "flagged", "sensitive")


def read(body: Any) -> Generated:
    """The picture of an answer in JSON, or what became of it."""
    flagged = any(flag is True for flag in list_at(body, "has_nsfw_concepts"))
    image = None if flagged else _image(body)
    if image is None and not flagged:
        raise _imageless(body)
    return generated([image], withheld=flagged)


def _image(body: Any) -> RawImage | None:
    """The picture, wherever a backend may have put it."""
    inline = text_at(body, "data", 0, "b64_json")
    output = at(body, "output")
    url = (
        text_at(body, "images", 0, "url")
        or text_at(body, "data", 0, "url")
        or text_at(body, "data", "outputs", 0)
        or text_at(body, "image_result", 0, "url")
        or text_at(output, 0)
        or (output if isinstance(output, str) and output else None)
    )
    if inline is None and url is None:
        return None
    is_inline = inline is not None or (url or "").startswith("data:")
    seed = whole_at(body, "seed")
    return RawImage(base64=inline or url, seed=seed) if is_inline else RawImage(url=url, seed=seed)


def _imageless(body: Any) -> Exception:
    """What became of an answer without a picture; Replicate says it in a success."""
    status, error = text_at(body, "status") or "", text_at(body, "error") or ""
    if status in ("starting", "processing"):
        return fail(Fault.GATEWAY, "the backend is still at work, and cannot be asked again here")
    if any(word in error.lower() for word in REFUSAL_WORDS):
        return refused(error)
    if error:
        return fail(Fault.JOB_FAILED, error)
    return fail(Fault.NO_IMAGE, "the answer has no image")
