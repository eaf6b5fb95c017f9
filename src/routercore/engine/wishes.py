"""What callers may not ask of anybody: requests that make no sense, and options beside settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal

from routercore.engine.kinds import refuse_kinds, refuse_unsendable
from routercore.values.bounds import BOUNDS, WORDS
from routercore.values.charging import COUNTS, SIZES, plain
from routercore.values.errors import RequestError
from routercore.values.headers import size_of
from routercore.values.images import ImageRequest, InputImage, Settings
from routercore.values.sizes import parse_ratio, tier_pixels

RESERVED = COUNTS | SIZES | {f.name.replace("_", "") for f in fields(Settings)} | {
    "model", "stream", "image", "messages", "modalities",
}  # fmt: skip
"""Settings with a place of their own: as options they would pass by limits, prices and the check
of what a model can do."""
ELSEWHERE = frozenset(
    {"apibase", "endpoint", "extraheaders", "extraquery", "headers", "organization", "proxy",
     "url", "models"}
)  # fmt: skip
FORBIDDEN_WORDS = (
    "webhook", "callback", "apikey", "baseurl", "authorization", "deployment", "apiversion",
    "inferenceprofile", "uploadendpoint", "accountid", "billto", "providerid", "workflow", "slots",
    "checkpoint",
)  # fmt: skip
"""What, as a whole name or a part of one, at any depth, would send a prompt, a picture or a key
where the configuration does not, have somebody else pay, or ask for another model or workflow than
the one that is configured. A ``model`` further down may be that of a LoRA."""


def refuse_wrong(request: ImageRequest) -> None:
    """Refuse what makes no sense whoever is asked. Every way to ask goes through here.

    Raises:
        RequestError: something is missing, of the wrong kind, out of bounds, or does not go
            together.
    """
    refuse_kinds(request)
    if not request.prompt.strip() and not request.images:
        raise _wrong("prompt", "the prompt is empty")
    if any(map(_is_empty, request.images)):
        raise _wrong("image", "the image is empty")
    for overlay in ("mask", "markup"):
        picture = getattr(request, overlay)
        if picture is not None and not request.images:
            raise _wrong(overlay, f"a {overlay} needs an image to lie on")
        if picture is not None and _is_empty(picture):
            raise _wrong(overlay, f"the {overlay} is empty")
    if request.mask is not None and request.markup is not None:
        raise _wrong("markup", "give a mask or a markup, not both")
    refuse_unsendable("svg", request.svg or {})
    for name, options in request.options.items():
        refuse_unsendable(f"options.{name}", options)
        refuse_reserved(name, options)
    for name, (least, most) in BOUNDS.items():
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            raise _wrong(name, f"{name} is a whole number from {least} to {most}")
    for name, words in WORDS.items():
        word = getattr(request, name)
        if word is not None and word not in words:
            raise _wrong(name, f"{name} is one of {', '.join(words)}")
    refuse_misfits(request)
    _refuse_shape(request)
    if request.max_price is not None and not _is_amount(request.max_price):
        raise _wrong("max_price", "max_price is a number of US dollars from 0 on")


def refuse_imageless(images: Sequence[InputImage]) -> None:
    """Refuse an edit of nothing, which would make a picture from its prompt alone.

    Raises:
        RequestError: there is no image.
    """
    if not images:
        raise _wrong("image", "an edit needs an image")


def refuse_misfits(request: ImageRequest) -> None:
    """Refuse a mask or a markup of another size than the first image; what is not at hand yet
    passes.

    Raises:
        RequestError: names the one that does not fit.
    """
    size = size_of(request.images[0].data) if request.images else None
    for overlay in ("mask", "markup"):
        picture = getattr(request, overlay)
        other = size_of(picture.data) if picture is not None else None
        # A camera may lay a picture on its side, and note how to turn it.
        if size and other and {size.width, size.height} != {other.width, other.height}:
            raise _wrong(overlay, f"the {overlay} is {other}, and the image that it lies on {size}")


def _refuse_shape(request: ImageRequest) -> None:
    """A shape is said in pixels or as a ratio with a tier, and so that it can be read."""
    if request.size is not None and (request.aspect_ratio or request.resolution):
        raise _wrong("aspect_ratio", "give size, or aspect_ratio with resolution, not both")
    for name, read in (("aspect_ratio", parse_ratio), ("resolution", tier_pixels)):
        if text := getattr(request, name):
            try:
                read(text)
            except ValueError as error:
                raise _wrong(name, str(error)) from None


def _is_empty(picture: InputImage) -> bool:
    return not (picture.data or picture.url)


def _wrong(param: str, message: str) -> RequestError:
    return RequestError(message, param=param, code="invalid_value")


def _is_amount(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value >= 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < math.inf


def refuse_reserved(provider: str, options: Mapping[str, object]) -> None:
    """Hold a caller's options to what the provider alone understands.

    An operator's options, in the configuration, are not restricted.

    Raises:
        RequestError: an option has a place of its own, or would redirect the request.
    """
    for name, value in options.items():
        word, inner = plain(name), {plain(one) for one in _names_in(value)}
        if word in RESERVED or inner & {*COUNTS, "imagesize"}:
            message = f"{name!r} is no option of {provider!r}: ask for it as a setting of its own"
            raise RequestError(message, param=f"options.{provider}.{name}", code="invalid_value")
        if any(_leads_elsewhere(one) for one in (word, *inner)):
            message = f"{name!r} may not be set by a request; it belongs into the configuration"
            raise RequestError(message, param=f"options.{provider}.{name}", code="invalid_value")


def _leads_elsewhere(name: str) -> bool:
    return name in ELSEWHERE or any(word in name for word in FORBIDDEN_WORDS)


def _names_in(value: object) -> Iterator[str]:
    """All names inside an option, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _names_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names_in(inner)
