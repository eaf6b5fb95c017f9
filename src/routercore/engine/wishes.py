"""What callers may not put among the options of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from routercore.values.errors import RequestError
from routercore.values.images import Settings

RESERVED = frozenset(f.name for f in fields(Settings)) | {
    "model", "stream", "image", "num_images", "num_outputs", "number_results", "batch_size",
    "samples", "max_images",
}  # fmt: skip
"""Settings with a place of their own, and the vendors' words for how many pictures: as options
they would pass by limits, prices and the check of what a model can do."""
FORBIDDEN_WORDS = (
    "webhook", "callback", "api_key", "base_url", "authorization", "deployment", "api_version",
    "inference_profile",
)  # fmt: skip
"""What would send a prompt, a picture or a key where the configuration does not, or ask for
another model than the one that is paid for."""


def refuse_reserved(provider: str, options: Mapping[str, object]) -> None:
    """Hold a caller's options to what the provider alone understands.

    An operator's options, in the configuration, are not restricted.

    Raises:
        RequestError: an option has a place of its own, or would redirect the request.
    """
    for name in options:
        plain = name.lower().replace("-", "_")
        if plain in RESERVED:
            message = f"{name!r} is no option of {provider!r}: ask for it as a setting of its own"
            raise RequestError(message, param=f"options.{provider}.{name}", code="invalid_value")
        if any(word in plain for word in FORBIDDEN_WORDS):
            message = f"{name!r} may not be set by a request; it belongs into the configuration"
            raise RequestError(message, param=f"options.{provider}.{name}", code="invalid_value")
