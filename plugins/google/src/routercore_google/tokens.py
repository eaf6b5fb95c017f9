"""Google's token counts, by modality."""

from __future__ import annotations

from typing import Any

from routercore.provider import Usage, list_at, text_at, whole_at


def usage(body: Any) -> Usage | None:
    """What an answer counted; ``None`` where it counted nothing.

    Without a count by modality, a prompt is text and what comes is a picture. Thoughts are billed
    as text.
    """
    counted = body.get("usageMetadata") if isinstance(body, dict) else None
    total_in, total_out = (
        _count(counted, "promptTokenCount"),
        _count(counted, "candidatesTokenCount"),
    )
    if not total_in and not total_out:
        return None
    image_in = _images(counted, "promptTokensDetails", 0)
    image_out = min(_images(counted, "candidatesTokensDetails", total_out), total_out)
    return Usage(
        text_in=max(0, total_in - image_in),
        image_in=image_in,
        text_out=total_out - image_out + _count(counted, "thoughtsTokenCount"),
        image_out=image_out,
    )


def _images(counted: Any, name: str, otherwise: int) -> int:
    """The tokens of pictures in a count by modality."""
    details = list_at(counted, name)
    if not details:
        return otherwise
    return sum(_count(one, "tokenCount") for one in details if text_at(one, "modality") == "IMAGE")


def _count(value: Any, name: str) -> int:
    return max(0, whole_at(value, name) or 0)
