"""What callers may not ask of anybody: requests that make no sense, and options beside settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from decimal import Decimal

from routercore.values.charging import COUNTS, SIZES, plain
from routercore.values.errors import RequestError
from routercore.values.images import ImageRequest, Settings

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
    """Refuse what makes no sense whoever is asked.

    Raises:
        RequestError: something is missing, or does not go together.
    """
    if not request.prompt and not request.images:
        raise RequestError("the prompt is empty", param="prompt", code="invalid_value")
    for overlay in ("mask", "markup"):
        if getattr(request, overlay) is not None and not request.images:
            message = f"a {overlay} needs an image to lie on"
            raise RequestError(message, param=overlay, code="invalid_value")
    for name, options in request.options.items():
        refuse_reserved(name, options)
    if request.n < 1:
        raise RequestError("n is less than 1", param="n", code="invalid_value")
    if request.max_price is not None and not _is_amount(request.max_price):
        message = f"max_price is {request.max_price!r:.80}, not a number of US dollars from 0 on"
        raise RequestError(message, param="max_price", code="invalid_value")


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        return False
    return math.isfinite(value) and value >= 0


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
