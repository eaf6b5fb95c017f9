"""The image models of Workers AI, as data.

Fields: cloudflare 7.3.0; errors: the vendor's own table of 2026-07-29. Which models there are, what
they take and what they cost is well known and could not be verified.
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
    SizeRange,
    usd,
)

BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
SIZES = SizeRange(min_edge=256, max_edge=2048, multiple_of=8)
FORMS = "flux-2-"
"""What is in the ids of models that take a form instead of JSON, also without a file."""


def _card(id: str, name: str, *aliases: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "sizes": SIZES,
        "choose_format": False,
        "forms": (Form.BYTES, Form.BASE64),
        "seed": True,
        "negative_prompt": True,
        "latency": 8.0,
        "unverified": frozenset({"sizes", "formats", "seed", "negative_prompt", "prices", "mask",
                                 "latency"}),
    }  # fmt: skip
    return ModelCard(id=id, name=name, aliases=aliases, **{**common, **details})


def _flux_2(variant: str) -> ModelCard:
    return _card(f"@cf/black-forest-labs/flux-2-{variant}", f"flux-2-{variant}", operations=BOTH,
                 max_images=4, negative_prompt=False)  # fmt: skip


CARDS = (
    _card("@cf/black-forest-labs/flux-1-schnell", "flux-schnell", "flux-1-schnell",
          sizes=FixedSizes(("1024x1024",)), formats=("jpeg",), max_prompt=2048, latency=3.0,
          negative_prompt=False, prices=(usd("0.0005"),),
          charged_options={"steps": None, "num_steps": None}, price_date=date(2026, 11, 21),
          price_source="https://developers.cloudflare.com/workers-ai/platform/pricing/"),
    _flux_2("dev"),
    _flux_2("klein-4b"),
    _flux_2("klein-9b"),
    _card("@cf/leonardo/phoenix-1.0", "leonardo-phoenix-1.0", "phoenix-1.0", formats=("jpeg",)),
    _card("@cf/leonardo/lucid-origin", "lucid-origin", formats=("jpeg",)),
    _card("@cf/stabilityai/stable-diffusion-xl-base-1.0", "sdxl-1.0"),
    _card("@cf/bytedance/stable-diffusion-xl-lightning", "sdxl-lightning", formats=("jpeg",)),
    _card("@cf/lykon/dreamshaper-8-lcm", "dreamshaper-8-lcm"),
    _card("@cf/runwayml/stable-diffusion-v1-5-img2img", "sd-1.5-img2img", sizes=InputSize(),
          operations=frozenset({Operation.EDIT}), max_images=1),
    _card("@cf/runwayml/stable-diffusion-v1-5-inpainting", "sd-1.5-inpainting", sizes=InputSize(),
          operations=frozenset({Operation.INPAINT}), max_images=1, mask=MaskPolarity.WHITE),
    _card(WILDCARD, "", sizes=AnySize()),
)  # fmt: skip
