"""A result made an answer, for whoever asked: here and now, or in another process later."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from routercore.server.answers import answer_parts, result_headers
from routercore.server.events import completed_frames
from routercore.server.faults import Redactor
from routercore.server.files import Shelf
from routercore.server.records import Outcome
from routercore.server.store import NAME
from routercore.values.images import (
    ImageRequest,
    ImageResult,
    InputImage,
    ResponseFormat,
    Warning,
)
from routercore.values.sizes import Size

FORMS: Mapping[ResponseFormat, tuple[str, ...]] = {
    ResponseFormat.URL: ("url",),
    ResponseFormat.B64_JSON: ("b64_json",),
    ResponseFormat.B64_EPHEMERAL: ("b64_json",),
}
NOT_STORED = Warning(
    code="store_failed",
    param="response_format",
    message="the image was made and could not be stored, so it has no URL and is given as base64",
    requested="url",
    delivered="b64_json",
)
"""A picture that is paid for is answered whatever becomes of the store."""
_TOLD = ("model", "n", "aspect_ratio", "resolution", "quality", "output_format", "background",
         "seed")  # fmt: skip
"""What an answer repeats of its request; never what its caller worded freely."""
_A_PICTURE = (InputImage(data=b"", media_type="image/png"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that an answer takes beside the result. Its request may have no prompt or pictures."""

    request: ImageRequest
    origin: str
    """Where URLs begin."""

    @property
    def is_ephemeral(self) -> bool:
        return self.request.response_format is ResponseFormat.B64_EPHEMERAL

    def written(self) -> dict[str, Any]:
        """As JSON for another process, without anything private."""
        request = self.request
        told = {name: getattr(request, name) for name in _TOLD}
        form = request.response_format
        return {
            "origin": self.origin,
            "request": {name: value for name, value in told.items() if value is not None},
            "size": str(request.size) if request.size else None,
            "form": form.value if form else None,
            "is_edit": bool(request.images),
        }


def read_shape(written: Mapping[str, Any], *, model: str, origin: str) -> Shape:
    """What was written; a plain shape where nothing was."""
    size, form = written.get("size"), written.get("form")
    settings = {"model": model, **written.get("request", {})}
    request = ImageRequest(
        prompt="",
        size=Size.parse(size) if size else None,
        response_format=ResponseFormat(form) if form else None,
        images=_A_PICTURE if written.get("is_edit") else (),
        **settings,
    )
    return Shape(request=request, origin=written.get("origin") or origin)


class Answerer:
    """Makes answers as this server is configured to give them."""

    def __init__(self, shelf: Shelf, redactor: Redactor, default: tuple[str, ...]) -> None:
        self._shelf, self._redactor, self._default = shelf, redactor, default

    async def outcome(self, result: ImageResult, shape: Shape, owner: str) -> Outcome:
        """The answer in the form that was asked for; in base64 where the store fails.

        It has no events yet.
        """
        form = shape.request.response_format
        forms = FORMS[form] if form else self._default
        urls: list[str | None] = [None] * len(result.images)
        if "url" in forms:
            urls = await self._shelf.urls(result.images, shape.origin, owner)
            if None in urls:
                result = replace(result, warnings=(*result.warnings, NOT_STORED))
        inline = "b64_json" in forms or None in urls
        names = await asyncio.to_thread(_names, result, urls) if any(urls) else {}
        parts = answer_parts(result, shape.request, urls, self._redactor, inline=inline)
        return Outcome(
            status=200, headers=result_headers(result), parts=tuple(parts), frames=(),
            is_ephemeral=shape.is_ephemeral, names=names,
        )  # fmt: skip

    async def late(self, result: ImageResult, shape: Shape, owner: str) -> Outcome:
        """The answer with its events, for a result that nobody waits for."""
        outcome = await self.outcome(result, shape, owner)
        frames = completed_frames(result, shape.request, self._redactor)
        return replace(outcome, frames=tuple(frames))


def _names(result: ImageResult, urls: list[str | None]) -> Mapping[str, str]:
    """Where images are in the store that were put there for their URLs, by digest."""
    found = [NAME.search(url or "") for url in urls]
    pairs = zip(result.images, found, strict=True)
    return {hashlib.sha256(image.data).hexdigest(): name[0] for image, name in pairs if name}
