"""The endpoints of Stability AI's Stable Image API as model cards.

Fields: the vendor's OpenAPI as generated into ComfyUI, 2025-10-12. Prices: the vendor's price
update of 2025-08-01 for editing and upscaling; credits as read on 2026-11-21 for the rest.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    Form,
    InputSize,
    MaskPolarity,
    ModelCard,
    Operation,
    RatioSizes,
    usd,
)

RATIOS = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
STYLED = frozenset({"style"})
STYLES = (
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art",
    "analog-film", "neon-punk", "isometric", "low-poly", "origami", "modeling-compound",
    "cinematic", "3d-model", "pixel-art", "tile-texture",
)  # fmt: skip
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
SAME_SIZE = {Operation.EDIT: InputSize()}
"""What sd3 edits: with an input image it refuses a ratio."""
EDIT = frozenset({Operation.EDIT})
INPAINT = frozenset({Operation.INPAINT})


def _card(id: str, name: str, price: str, *aliases: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "formats": ("png", "jpeg", "webp"),
        "forms": (Form.BASE64, Form.BYTES),
        "max_prompt": 10_000,
        "seed": True,
        "negative_prompt": True,
        "styles": STYLES,
        "prices": (usd(price),),
        "price_source": "https://platform.stability.ai/pricing",
        "price_date": date(2026, 11, 21),
    }
    return ModelCard(id=id, name=name, aliases=aliases, **{**common, **details})


def _generator(id: str, name: str, price: str, *aliases: str, pixels: int = 1024 * 1024,
               **details: Any) -> ModelCard:  # fmt: skip
    sizes = RatioSizes(ratios=RATIOS, tier_pixels={"1K": pixels})
    return _card(id, name, price, *aliases, sizes=sizes, accepts=STYLED, **details)


def _editor(id: str, price: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "operations": EDIT,
        "sizes": InputSize(),
        "max_images": 1,
        "price_source": "https://stability.ai/api-pricing-update-25",
        "price_date": date(2025, 8, 1),
    }
    return _card(id, f"stable-image-{id}", price, **{**common, **details})


def _masked(id: str, price: str, **details: Any) -> ModelCard:
    return _editor(id, price, operations=INPAINT, mask=MaskPolarity.WHITE, **details)


CARDS = (
    _generator("ultra", "stable-image-ultra", "0.08", operations=BOTH, max_images=1, latency=12.0),
    _generator("core", "stable-image-core", "0.03", pixels=1536 * 1024, latency=5.0,
               unverified=frozenset({"sizes"})),
    _generator("sd3.5-large", "sd3.5-large", "0.065", "stable-diffusion-3.5-large",
               operations=BOTH, operation_sizes=SAME_SIZE, max_images=1, latency=10.0),
    _generator("sd3.5-large-turbo", "sd3.5-large-turbo", "0.04",
               "stable-diffusion-3.5-large-turbo", operations=BOTH, operation_sizes=SAME_SIZE,
               max_images=1, latency=4.0),
    _generator("sd3.5-medium", "sd3.5-medium", "0.035", "stable-diffusion-3.5-medium",
               operations=BOTH, operation_sizes=SAME_SIZE, max_images=1, latency=6.0),
    _masked("inpaint", "0.05", accepts=STYLED),
    _masked("erase", "0.05", prompt=False, negative_prompt=False),
    _editor("outpaint", "0.04", accepts=STYLED, negative_prompt=False,
            unverified=frozenset({"prices"})),
    _editor("search-and-replace", "0.05", accepts=STYLED),
    _editor("search-and-recolor", "0.05", accepts=STYLED, unverified=frozenset({"prices"})),
    _editor("remove-background", "0.05", formats=("png", "webp"), backgrounds=("transparent",),
            prompt=False, seed=False, negative_prompt=False),
    _editor("replace-background-and-relight", "0.08", max_images=2, latency=30.0,
            unverified=frozenset({"prices", "max_images"})),
    _editor("upscale-fast", "0.02", prompt=False, seed=False, negative_prompt=False, latency=3.0),
    _editor("upscale-conservative", "0.40", latency=20.0),
    _editor("upscale-creative", "0.60", accepts=STYLED, latency=60.0),
    _editor("sketch", "0.05", accepts=STYLED),
    _editor("structure", "0.05", accepts=STYLED),
    _editor("style", "0.05", sizes=RatioSizes(ratios=RATIOS)),
    _editor("style-transfer", "0.08", max_images=2, unverified=frozenset({"prices"})),
)  # fmt: skip
