"""The models of Black Forest Labs, as data.

Protocol and limits: the vendor's OpenAPI 0.0.1 of 2026-05-01. Prices of FLUX.2: the vendor's own
published skills, 2026-02-03; of the others: bfl.ai/pricing as read on 2026-11-21.
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
    Per,
    RatioSizes,
    SizeRange,
    usd,
)

RATIOS = ("1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21")
"""The common ones between 21:9 and 9:21, all of which the vendor takes."""
SINGLE_IMAGE = frozenset({"flux-pro-1.0-fill", "flux-pro-1.0-expand"})
"""Models whose one input image is called ``image``, and not ``input_image``."""
RESULT_LIFETIME = 600.0
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
FLUX_2_SIZES = SizeRange(min_edge=64, multiple_of=16, max_pixels=2048 * 2048)
FLUX_1_SIZES = SizeRange(min_edge=256, max_edge=1440, multiple_of=32, default="1024x768")


def _card(id: str, *aliases: str, **details: Any) -> ModelCard:
    """What all of them have in common: one image a job, by a URL that lives ten minutes."""
    common: dict[str, Any] = {
        "formats": ("jpeg", "png", "webp"),
        "forms": (Form.URL,),
        "url_lifetime": RESULT_LIFETIME,
        "seed": True,
        "price_source": "https://bfl.ai/pricing",
        "price_date": date(2026, 11, 21),
        "unverified": frozenset({"formats"}),
    }
    return ModelCard(id=id, aliases=aliases, **{**common, **details})


def _flux_2(id: str, first: str, further: str, *, images: int = 8, latency: float) -> ModelCard:
    """A model of FLUX.2: so much for the first megapixel, so much for each further one."""
    return _card(
        id,
        operations=BOTH,
        sizes=FLUX_2_SIZES,
        max_images=images,
        latency=latency,
        prices=(
            usd(first),
            usd(further, Per.EXTRA_MEGAPIXEL),
            usd(further, Per.INPUT_MEGAPIXEL),
        ),
        price_source="https://github.com/black-forest-labs/skills",
        price_date=date(2026, 2, 3),
    )


def _flux_1(id: str, price: str, *aliases: str, **details: Any) -> ModelCard:
    """An older model: one price whatever the size."""
    return _card(id, *aliases, prices=(usd(price),), **details)


CARDS = (
    _flux_2("flux-2-pro", "0.03", "0.015", latency=10.0),
    _flux_2("flux-2-pro-preview", "0.03", "0.015", latency=10.0),
    _flux_2("flux-2-max", "0.07", "0.03", latency=20.0),
    _flux_2("flux-2-flex", "0.05", "0.05", latency=20.0),
    _flux_2("flux-2-klein-4b", "0.014", "0.001", images=4, latency=2.0),
    _flux_2("flux-2-klein-9b", "0.015", "0.002", images=4, latency=3.0),
    _flux_2("flux-2-klein-9b-preview", "0.015", "0.002", images=4, latency=3.0),
    _flux_1("flux-kontext-pro", "0.04", "flux-1-kontext-pro", operations=BOTH,
            sizes=RatioSizes(ratios=RATIOS), max_images=4, formats=("png", "jpeg", "webp")),
    _flux_1("flux-kontext-max", "0.08", "flux-1-kontext-max", operations=BOTH,
            sizes=RatioSizes(ratios=RATIOS), max_images=4, formats=("png", "jpeg", "webp")),
    _flux_1("flux-pro-1.1", "0.04", "flux-1.1-pro", sizes=FLUX_1_SIZES),
    _flux_1("flux-pro-1.1-ultra", "0.06", "flux-1.1-pro-ultra",
            sizes=RatioSizes(ratios=RATIOS, default_ratio="16:9",
                             tier_pixels={"4MP": 2048 * 2048})),
    _flux_1("flux-dev", "0.025", "flux-1-dev", sizes=FLUX_1_SIZES),
    _flux_1("flux-pro-1.0-fill", "0.05", "flux-fill-pro", operations=frozenset({Operation.INPAINT}),
            sizes=InputSize(), max_images=1, mask=MaskPolarity.WHITE),
    _flux_1("flux-pro-1.0-expand", "0.05", operations=frozenset({Operation.EDIT}),
            sizes=InputSize(), max_images=1),
)  # fmt: skip
