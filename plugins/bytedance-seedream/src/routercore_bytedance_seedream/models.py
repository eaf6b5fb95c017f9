"""Seedream and SeedEdit, as data.

Fields: the vendor's SDK 5.0.54. Ids, sizes and prices: docs.apiyi.com and docs.comfy.org, read on
2026-11-21; the vendor's own price list could not be read.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    InputSize,
    ModelCard,
    Operation,
    SizeRange,
    usd,
)

URL_LIFETIME = 24 * 3600.0
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
ONE_MEGAPIXEL = 1280 * 720
FOUR_MEGAPIXELS = 2560 * 1440
STREAMS = {"partial_images": 3}
"""What models have that make series: the pictures of one come as they are done. The newest, Flash
and Pro of the fifth generation, refuse both."""
SOURCE = "https://docs.apiyi.com/en/api-capabilities/seedream-image/historical-versions"


def _pixels(least: int, most: int) -> SizeRange:
    return SizeRange(min_pixels=least, max_pixels=most, max_ratio=16.0, default="2048x2048")


def _card(id: str, name: str, price: str | None, *aliases: str, **details: Any) -> ModelCard:
    """One model; in China its id has the owner's name before it."""
    common: dict[str, Any] = {
        "operations": BOTH,
        "formats": ("jpeg",),
        "choose_format": False,
        "forms": (Form.BASE64, Form.URL),
        "url_lifetime": URL_LIFETIME,
        "max_images": 10,
        "latency": 20.0,
        "charged_options": {"sequential_image_generation": 15, "tools": None},
        "prices": (usd(price),) if price else (),
        "price_source": SOURCE if price else "",
        "price_date": date(2026, 11, 21) if price else None,
        "unverified": frozenset(
            {"sizes", "max_images", "prices", "url_lifetime", "latency", "partial_images"}
        ),
    }
    local = () if id == WILDCARD else (f"doubao-{id}",)
    return ModelCard(id=id, name=name, aliases=(*local, *aliases), **{**common, **details})


CARDS = (
    _card("seedream-5-0-pro-260628", "seedream-5.0-pro", "0.09",
          sizes=_pixels(ONE_MEGAPIXEL, 2048 * 2048), formats=("jpeg", "png"), choose_format=True,
          latency=120.0, released=date(2026, 6, 28),
          price_source="https://github.com/BerriAI/litellm"),
    _card("seedream-5-0-260128", "seedream-5.0-lite", "0.035", "seedream-5-0-lite-260128",
          "doubao-seedream-5-0-lite-260128", sizes=_pixels(FOUR_MEGAPIXELS, 3072 * 3072),
          formats=("jpeg", "png"), choose_format=True, max_images=14,
          released=date(2026, 1, 28), **STREAMS),
    _card("seedream-4-5-251128", "seedream-4.5", "0.04",
          sizes=_pixels(FOUR_MEGAPIXELS, 4096 * 4096), released=date(2025, 11, 28),
          **STREAMS),
    _card("seedream-4-0-250828", "seedream-4.0", "0.03",
          sizes=_pixels(ONE_MEGAPIXEL, 4096 * 4096), released=date(2025, 8, 28),
          **STREAMS),
    _card("seedream-3-0-t2i-250415", "seedream-3.0", None,
          operations=frozenset({Operation.GENERATE}), max_images=0, seed=True, latency=8.0,
          sizes=SizeRange(min_edge=512, max_edge=2048)),
    _card("seededit-3-0-i2i-250628", "seededit-3.0", None,
          operations=frozenset({Operation.EDIT}), max_images=1, seed=True, latency=10.0,
          sizes=InputSize()),
    _card(WILDCARD, "", None, sizes=AnySize()),
)  # fmt: skip
"""The wildcard is for newer models, and for endpoints of one's own, which are called ``ep-…``."""
