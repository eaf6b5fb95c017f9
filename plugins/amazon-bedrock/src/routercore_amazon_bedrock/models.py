"""Stability's models on Bedrock, as data; the prices were read on 21 November 2026.

Amazon's own, Titan and Nova Canvas, are at their end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from routercore.provider import (
    InputSize,
    MaskPolarity,
    ModelCard,
    Operation,
    RatioSizes,
    date_at,
    text_at,
    usd,
)

RATIOS = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
STYLED = frozenset({"style"})
EDIT = frozenset({Operation.EDIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How a model calls its fields, as far as models differ."""

    images: tuple[str, ...] = ("image",)
    needs: tuple[str, ...] = ()
    """Options without which the request is refused."""
    has_modes: bool = False
    """Whether it must be told if there is an input image."""


def _card(id: str, name: str, price: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "formats": ("png", "jpeg"),
        "max_prompt": 10_000,
        "seed": True,
        "negative_prompt": True,
        "price_source": "https://aws.amazon.com/bedrock/pricing/",
        "price_date": date(2026, 11, 21),
        "unverified": frozenset({"formats", "max_prompt"}),
    }
    return ModelCard(id=id, name=name, prices=(usd(price),), **{**common, **details})


def _editor(service: str, name: str, price: str, **details: Any) -> ModelCard:
    """One of Stability's image services, which keep the size of their input."""
    common: dict[str, Any] = {"operations": EDIT, "sizes": InputSize(), "max_images": 1}
    id = f"stability.stable-{service}-v1:0"
    return _card(id, f"stable-image-{name}", price, **{**common, **details})


def _masked(service: str, name: str, price: str, **details: Any) -> ModelCard:
    return _editor(service, name, price, operations=frozenset({Operation.INPAINT}),
                   mask=MaskPolarity.WHITE, **details)  # fmt: skip


def _retired(id: str, shutdown: date) -> ModelCard:
    return ModelCard(id=id, shutdown=shutdown, successor="stable-image-core")


LIVE = (
    _card("stability.stable-image-ultra-v1:1", "stable-image-ultra", "0.14",
          sizes=RatioSizes(ratios=RATIOS), latency=12.0),
    _card("stability.stable-image-core-v1:1", "stable-image-core", "0.04",
          sizes=RatioSizes(ratios=RATIOS, tier_pixels={"1K": 1536 * 1024}), latency=5.0,
          unverified=frozenset({"formats", "max_prompt", "sizes"})),
    _card("stability.sd3-5-large-v1:0", "sd3.5-large", "0.08",
          aliases=("stable-diffusion-3.5-large",), sizes=RatioSizes(ratios=RATIOS),
          operations=EDIT | {Operation.GENERATE}, operation_sizes={Operation.EDIT: InputSize()},
          max_images=1, latency=10.0),
    _masked("image-inpaint", "inpaint", "0.07", accepts=STYLED),
    _masked("image-erase-object", "erase", "0.07", prompt=False, negative_prompt=False),
    _editor("outpaint", "outpaint", "0.06", accepts=STYLED, negative_prompt=False),
    _editor("image-search-replace", "search-and-replace", "0.07", accepts=STYLED),
    _editor("image-search-recolor", "search-and-recolor", "0.07", accepts=STYLED),
    _editor("image-remove-background", "remove-background", "0.07", formats=("png",),
            backgrounds=("transparent",), prompt=False, seed=False, negative_prompt=False),
    _editor("image-control-sketch", "sketch", "0.07", accepts=STYLED),
    _editor("image-control-structure", "structure", "0.07", accepts=STYLED),
    _editor("image-style-guide", "style", "0.07", sizes=RatioSizes(ratios=RATIOS)),
    _editor("style-transfer", "style-transfer", "0.08", max_images=2),
    _editor("fast-upscale", "upscale-fast", "0.03", prompt=False, seed=False,
            negative_prompt=False, latency=3.0),
    _editor("conservative-upscale", "upscale-conservative", "0.40", latency=20.0),
    _editor("creative-upscale", "upscale-creative", "0.60", accepts=STYLED, latency=60.0),
)  # fmt: skip
CARDS = (
    *LIVE,
    _retired("amazon.nova-canvas-v1:0", date(2026, 9, 30)),
    _retired("amazon.titan-image-generator-v2:0", date(2026, 6, 30)),
)
UNKNOWN = ModelCard(
    id="unknown",
    sizes=RatioSizes(ratios=RATIOS),
    seed=True,
    unverified=frozenset({"operations", "sizes", "formats", "seed", "prices"}),
)
"""A model of Stability's that Amazon lists and no card describes."""
DIFFERENT = {
    "stability.sd3-5-large-v1:0": Service(has_modes=True),
    "stability.stable-image-search-replace-v1:0": Service(needs=("search_prompt",)),
    "stability.stable-image-search-recolor-v1:0": Service(needs=("select_prompt",)),
    "stability.stable-style-transfer-v1:0": Service(images=("init_image", "style_image")),
}
SERVICES = {card.id: DIFFERENT.get(card.id, Service()) for card in CARDS}


def discovered(listed: Iterable[Any]) -> list[ModelCard]:
    """The cards of the listed models; those of Stability that are new count as generators.

    What others make has a schema of its own, and is left out.
    """
    known = {card.id: card for card in CARDS}
    cards = []
    for entry in listed:
        id = text_at(entry, "modelId")
        if id is None or not (id in known or id.startswith("stability.")):
            continue
        card = known.get(id) or replace(UNKNOWN, id=id, name=id)
        end = date_at(entry, "modelLifecycle", "endOfLifeTime")
        cards.append(replace(card, shutdown=end) if end else card)
    return cards
