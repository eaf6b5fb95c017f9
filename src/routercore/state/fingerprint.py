"""Which requests may share a result, and the key by which equal ones are known."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from routercore.values.images import ImageRequest, InputImage, ResponseFormat
from routercore.values.sizes import Size

NOT_IN_THE_PICTURE = frozenset(
    {"images", "mask", "markup", "user", "safety_identifier", "partial_images", "response_format",
     "max_price"}
)  # fmt: skip
"""Fields that change no pixel, and the input images, which go by their hashes."""
HASH_ON_LOOP = 1024 * 1024
"""Bytes of input that are hashed on the event loop; more of them go to a thread."""


def is_shareable(request: ImageRequest) -> bool:
    """Whether a result may be kept and shared: not an ephemeral one, nor one of remote inputs,
    because what is behind a URL today need not be there tomorrow."""
    inputs = (*request.images, request.mask, request.markup)
    return request.response_format is not ResponseFormat.B64_EPHEMERAL and not any(
        image is not None and image.url is not None for image in inputs
    )


def fingerprint(caller: str, request: ImageRequest) -> str:
    """SHA-256 over everything that decides what comes out, and over whose request it is."""
    settings = {
        field.name: value
        for field in fields(request)
        if field.name not in NOT_IN_THE_PICTURE
        and (value := getattr(request, field.name)) is not None
    }
    inputs = {
        "images": [image.digest for image in request.images],
        "mask": _digest(request.mask),
        "markup": _digest(request.markup),
    }
    text = json.dumps([caller, settings, inputs], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def hashed(request: ImageRequest, work: Callable[[], str]) -> str:
    """What ``work`` makes of a request, in a thread where there is much to hash."""
    inputs = (*request.images, request.mask, request.markup)
    size = sum(len(image.data) for image in inputs if image is not None)
    return await asyncio.to_thread(work) if size > HASH_ON_LOOP else work()


def _digest(image: InputImage | None) -> str | None:
    return None if image is None else image.digest


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [type(value).__qualname__, repr(value)]
