"""The models at Replicate, as data.

Names and limits: the input schemas on the models' API pages, and @ai-sdk/replicate 3.0.46, read on
2026-11-21. Prices: Replicate's well-known list of 2025, which could not be verified.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    FixedSizes,
    Form,
    InputSize,
    MaskPolarity,
    ModelCard,
    Operation,
    RatioSizes,
    SizeRange,
    usd,
)

RESULT_LIFETIME = 3600.0
RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
SD_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "9:16", "9:21")
LUMA_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")
IDEOGRAM_RATIOS = (
    "1:1",
    "16:9",
    "9:16",
    "4:3",
    "3:4",
    "3:2",
    "2:3",
    "16:10",
    "10:16",
    "3:1",
    "1:3",
)
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
INPAINT = frozenset({Operation.INPAINT})
WEB = ("webp", "jpeg", "png")


def _card(id: str, name: str, price: str | None = None, *aliases: str,
          unverified: tuple[str, ...] = (), **details: Any) -> ModelCard:  # fmt: skip
    common: dict[str, Any] = {
        "sizes": RatioSizes(ratios=RATIOS),
        "formats": WEB,
        "forms": (Form.URL,),
        "url_lifetime": RESULT_LIFETIME,
        "seed": True,
        "prices": (usd(price),) if price else (),
        "price_source": "https://replicate.com/pricing" if price else "",
        "price_date": date(2026, 11, 21) if price else None,
        "unverified": frozenset({"prices", *unverified}),
    }
    return ModelCard(id=id, name=name, aliases=aliases, **{**common, **details})


def _flux(id: str, name: str, price: str | None = None, *aliases: str, **details: Any) -> ModelCard:
    return _card(f"black-forest-labs/{id}", name, price, *aliases, **details)


def _sd(variant: str) -> ModelCard:
    return _card(f"stability-ai/stable-diffusion-3.5-{variant}", f"sd3.5-{variant}", None,
                 f"stable-diffusion-3.5-{variant}", operations=BOTH, max_images=1,
                 sizes=RatioSizes(ratios=SD_RATIOS), negative_prompt=True, compression=True,
                 unverified=("sizes", "negative_prompt"))  # fmt: skip


def _recraft(id: str, name: str, format: str) -> ModelCard:
    sizes = FixedSizes(("1024x1024", "1365x1024", "1024x1365", "1536x1024", "1024x1536",
                        "1820x1024", "1024x1820", "1024x2048", "2048x1024"))  # fmt: skip
    return _card(
        f"recraft-ai/{id}",
        name,
        sizes=sizes,
        formats=(format,),
        choose_format=False,
        seed=False,
        accepts=frozenset({"style"}),
        unverified=("sizes", "formats"),
    )


CARDS = (
    _flux("flux-schnell", "flux-schnell", "0.003", "flux-1-schnell", max_n=4, compression=True,
          latency=2.0),
    _flux("flux-dev", "flux-dev", "0.025", "flux-1-dev", operations=BOTH, max_images=1, max_n=4,
          compression=True, latency=5.0),
    _flux("flux-1.1-pro", "flux-pro-1.1", "0.04", "flux-1.1-pro", compression=True,
          sizes=SizeRange(min_edge=256, max_edge=1440, multiple_of=32)),
    _flux("flux-1.1-pro-ultra", "flux-pro-1.1-ultra", "0.06", "flux-1.1-pro-ultra",
          formats=("jpeg", "png"),
          sizes=RatioSizes(ratios=RATIOS, tier_pixels={"4MP": 2048 * 2048})),
    _flux("flux-2-pro", "flux-2-pro", operations=BOTH, max_images=8, compression=True,
          sizes=SizeRange(min_edge=256, max_edge=2048, multiple_of=16)),
    _flux("flux-2-dev", "flux-2-dev", operations=BOTH, max_images=4, compression=True,
          sizes=SizeRange(min_edge=256, max_edge=1440, multiple_of=32),
          unverified=("sizes", "max_images")),
    _flux("flux-kontext-pro", "flux-kontext-pro", None, "flux-1-kontext-pro", operations=BOTH,
          max_images=1, formats=("png", "jpeg")),
    _flux("flux-kontext-max", "flux-kontext-max", None, "flux-1-kontext-max", operations=BOTH,
          max_images=1, formats=("png", "jpeg")),
    _flux("flux-fill-pro", "flux-pro-1.0-fill", None, "flux-fill-pro", operations=INPAINT,
          sizes=InputSize(), max_images=1, mask=MaskPolarity.WHITE, formats=("jpeg", "png"),
          unverified=("formats",)),
    _flux("flux-fill-dev", "flux-dev-fill", None, "flux-fill-dev", operations=INPAINT,
          sizes=InputSize(), max_images=1, mask=MaskPolarity.WHITE, max_n=4, compression=True,
          unverified=("formats", "max_n")),
    _sd("large"),
    _sd("large-turbo"),
    _sd("medium"),
    _card("ideogram-ai/ideogram-v2", "ideogram-v2", sizes=RatioSizes(ratios=IDEOGRAM_RATIOS),
          formats=("png",), choose_format=False, negative_prompt=True,
          unverified=("sizes", "formats", "negative_prompt")),
    _card("ideogram-ai/ideogram-v2-turbo", "ideogram-v2-turbo",
          sizes=RatioSizes(ratios=IDEOGRAM_RATIOS), formats=("png",), choose_format=False,
          negative_prompt=True, unverified=("sizes", "formats", "negative_prompt")),
    _recraft("recraft-v3", "recraft-v3", "webp"),
    _recraft("recraft-v3-svg", "recraft-v3-vector", "svg"),
    _card("luma/photon", "photon-1", sizes=RatioSizes(ratios=LUMA_RATIOS, default_ratio="16:9"),
          formats=("jpeg",), choose_format=False, unverified=("sizes", "formats")),
    _card("luma/photon-flash", "photon-flash-1",
          sizes=RatioSizes(ratios=LUMA_RATIOS, default_ratio="16:9"), formats=("jpeg",),
          choose_format=False, unverified=("sizes", "formats")),
    _card(WILDCARD, "", sizes=AnySize(), operations=BOTH, max_images=1, choose_format=False,
          unverified=("sizes", "formats", "seed", "max_images")),
)  # fmt: skip
