"""The models, read on 21 November 2026 from Together's SDK 3.1 and those of others.

Prices are a list of 2025, by megapixel, that could not be checked; where it has none, none is
declared.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    WILDCARD,
    FixedSizes,
    Form,
    ModelCard,
    Operation,
    Per,
    SizeRange,
    usd,
)

EDIT = frozenset({Operation.EDIT})
BOTH = EDIT | {Operation.GENERATE}
FLUX_1_SIZES = SizeRange(min_edge=256, max_edge=1440, multiple_of=16)
FLUX_2_SIZES = SizeRange(min_edge=64, max_pixels=2048 * 2048, multiple_of=16)
GEMINI_SIZES = FixedSizes(
    ("1024x1024", "848x1264", "1264x848", "896x1200", "1200x896", "928x1152", "1152x928",
     "768x1376", "1376x768", "1584x672")
)  # fmt: skip
UNVERIFIED = frozenset({"sizes", "max_n", "prices", "latency", "url_lifetime"})


def _card(id: str, name: str, *aliases: str, price: str | None = None, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "aliases": aliases,
        "sizes": FLUX_1_SIZES,
        "formats": ("jpeg", "png"),
        "forms": (Form.BASE64, Form.URL),
        "max_n": 4,
        "seed": True,
        "unverified": UNVERIFIED,
    }
    if price is not None:
        common["prices"] = (usd(price, Per.MEGAPIXEL),)
        common["charged_options"] = {"steps": None, "image_loras": None}
        common["price_source"] = "https://www.together.ai/pricing"
        common["price_date"] = date(2025, 12, 31)
    return ModelCard(id=id, name=name, **{**common, **details})


def _flux(variant: str, name: str, *aliases: str, **details: Any) -> ModelCard:
    return _card(f"black-forest-labs/FLUX.{variant}", name, *aliases, **details)


def _controlled(kind: str) -> ModelCard:
    """A model of FLUX.1 that works from an input image alone."""
    return _flux(f"1-{kind}", f"flux-dev-{kind}", f"flux-1-{kind}", operations=EDIT, max_images=1)


def _flux_2(kind: str) -> ModelCard:
    return _flux(f"2-{kind}", f"flux-2-{kind}", operations=BOTH, max_images=8, sizes=FLUX_2_SIZES,
                 unverified=UNVERIFIED | {"max_images"})  # fmt: skip


def _kontext(kind: str, **details: Any) -> ModelCard:
    return _flux(f"1-kontext-{kind}", f"flux-kontext-{kind}", f"flux-1-kontext-{kind}",
                 operations=BOTH, max_images=1, latency=10.0, **details)  # fmt: skip


def _gemini(id: str, name: str) -> ModelCard:
    """A model of Google's, which refuses the settings of diffusion."""
    return _card(f"google/{id}", name, operations=BOTH, max_images=5, sizes=GEMINI_SIZES,
                 seed=False, max_n=1, unverified=UNVERIFIED | {"max_images"})  # fmt: skip


CARDS = (
    _flux("1-schnell", "flux-schnell", "flux-1-schnell", price="0.0027", latency=2.0),
    _flux("1-schnell-Free", "flux-schnell-free", prices=(usd("0"),), latency=5.0,
          unverified=UNVERIFIED - {"prices"}),
    _flux("1-dev", "flux-dev", "flux-1-dev", price="0.025", latency=6.0),
    _flux("1-dev-lora", "flux-dev-lora"),
    _controlled("canny"),
    _controlled("depth"),
    _controlled("redux"),
    _flux("1.1-pro", "flux-pro-1.1", "flux-1.1-pro", price="0.04", latency=6.0),
    _flux("1-pro", "flux-pro"),
    _kontext("pro", price="0.04"),
    _kontext("max", price="0.08"),
    _kontext("dev"),
    _flux_2("pro"),
    _flux_2("flex"),
    _flux_2("dev"),
    _card("stabilityai/stable-diffusion-xl-base-1.0", "sdxl-1.0", negative_prompt=True),
    _gemini("gemini-3-pro-image", "gemini-3-pro-image"),
    _gemini("flash-image-2.5", "gemini-2.5-flash-image"),
    _card(WILDCARD, WILDCARD, unverified=UNVERIFIED | {"operations", "formats", "seed"}),
)  # fmt: skip
