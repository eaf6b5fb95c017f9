"""The models, as other SDKs knew them on 21 November 2026.

Prices are well known and could not be checked; what a picture cost comes with the answer.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    MaskPolarity,
    ModelCard,
    Operation,
    Per,
    Price,
    SizeRange,
    usd,
)

EDITS = frozenset({Operation.EDIT, Operation.INPAINT})
SIZES = SizeRange(min_edge=256, max_edge=1440, multiple_of=16)
UNVERIFIED = frozenset({"sizes", "formats", "max_n", "prices", "latency"})


def _card(id: str, name: str, *aliases: str, price: Price | None = None,
          **details: Any) -> ModelCard:  # fmt: skip
    common: dict[str, Any] = {
        "aliases": aliases,
        "sizes": SIZES,
        "formats": ("png", "jpeg"),
        "choose_format": False,
        "seed": True,
        "unverified": UNVERIFIED,
    }
    if price is not None:
        common["prices"] = (price,)
        common["price_source"] = "https://deepinfra.com/pricing"
        common["price_date"] = date(2026, 11, 21)
    return ModelCard(id=id, name=name, **{**common, **details})


def _flux(variant: str, name: str, *aliases: str, **details: Any) -> ModelCard:
    return _card(f"black-forest-labs/FLUX{variant}", name, *aliases, **details)


def _kontext(kind: str, operations: frozenset[Operation], **details: Any) -> ModelCard:
    return _flux(f".1-Kontext-{kind}", f"flux-kontext-{kind}", f"flux-1-kontext-{kind}",
                 operations=operations, max_images=1, mask=MaskPolarity.ALPHA, seed=False,
                 latency=10.0, unverified=UNVERIFIED | {"operations", "max_images", "mask"},
                 **details)  # fmt: skip


CARDS = (
    _flux("-1-schnell", "flux-schnell", "flux-1-schnell", price=usd("0.0005", Per.MEGAPIXEL),
          charged_options={"num_inference_steps": None}, latency=2.0),
    _flux("-1-dev", "flux-dev", "flux-1-dev", latency=6.0),
    _flux("-1.1-pro", "flux-pro-1.1", "flux-1.1-pro", price=usd("0.04"), latency=6.0),
    _flux("-pro", "flux-pro"),
    _kontext("pro", EDITS | {Operation.GENERATE}, price=usd("0.04")),
    _kontext("dev", EDITS),
    _card("stabilityai/sd3.5", "sd3.5-large", "stable-diffusion-3.5-large", negative_prompt=True),
    _card("stabilityai/sd3.5-medium", "sd3.5-medium", "stable-diffusion-3.5-medium",
          negative_prompt=True),
    _card("stabilityai/sdxl-turbo", "sdxl-turbo", latency=2.0),
    _card(WILDCARD, "", sizes=AnySize(), operations=frozenset(Operation), max_images=1,
          mask=MaskPolarity.ALPHA, seed=False,
          unverified=UNVERIFIED | {"operations", "max_images", "mask"}),
)  # fmt: skip
