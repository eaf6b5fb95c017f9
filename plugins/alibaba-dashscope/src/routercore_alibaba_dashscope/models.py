"""Qwen-Image and Wan, as data.

Fields: the vendor's API reference of 2026-10-12 and its SDK 2.0.2. Prices: its price list by way of
LiteLLM 1.109.1, read on 2026-11-21.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import WILDCARD, Form, ModelCard, Operation, SizeRange, usd

URL_LIFETIME = 24 * 3600.0
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
QWEN_SIZES = SizeRange(min_pixels=512 * 512, max_pixels=2048 * 2048, default="1328x1328")
WAN_SIZES = SizeRange(min_edge=512, max_edge=1440)
JOBS = ("wanx", "wan2.1", "wan2.2", "wan2.5")
"""How the ids of models begin that are asked by jobs; all others answer at once."""


def _card(id: str, name: str = "", price: str | None = None, *unverified: str,
          **details: Any) -> ModelCard:  # fmt: skip
    common: dict[str, Any] = {
        "operations": BOTH,
        "sizes": QWEN_SIZES,
        "choose_format": False,
        "forms": (Form.URL,),
        "url_lifetime": URL_LIFETIME,
        "max_n": 6,
        "max_images": 3,
        "seed": True,
        "negative_prompt": True,
        "latency": 20.0,
        "prices": (usd(price),) if price else (),
        "price_source": "https://www.alibabacloud.com/help/en/model-studio/model-pricing"
        if price
        else "",
        "price_date": date(2026, 11, 21) if price else None,
        "unverified": frozenset({"max_n", "url_lifetime", "latency", *unverified}),
    }
    return ModelCard(id=id, name=name, **{**common, **details})


CARDS = (
    _card("qwen-image-3.0", "", "0.03"),
    _card("qwen-image-3.0-pro", "", None, "prices"),
    _card("qwen-image-2.0", "", "0.035", "sizes"),
    _card("qwen-image-2.0-pro", "", "0.075", "sizes"),
    _card("wan2.6-t2i", "", None, "prices", "sizes", operations=frozenset({Operation.GENERATE}),
          max_n=4, max_images=0),
    _card("wan2.2-t2i-flash", "", None, "prices", "sizes", sizes=WAN_SIZES,
          operations=frozenset({Operation.GENERATE}), max_n=4, max_images=0),
    _card(WILDCARD, "", None, "prices", "sizes", "operations", "max_images", max_n=1,
          max_images=10),
)  # fmt: skip
