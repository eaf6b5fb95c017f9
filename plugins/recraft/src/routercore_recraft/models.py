"""Recraft's models, as data.

Fields: the vendor's OpenAPI 0.0.1 of 2026-08-22; sizes and limits: its documentation, read on
2026-11-21. Prices: its price list by way of api-evangelist/recraft-ai, 2026-08-22.
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
    Price,
    usd,
)

URL_LIFETIME = 24 * 3600.0
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
ALL = BOTH | {Operation.INPAINT}
V3_SIZES = FixedSizes((
    "1024x1024", "1365x1024", "1024x1365", "1536x1024", "1024x1536", "1820x1024", "1024x1820",
    "1024x2048", "2048x1024", "1434x1024", "1024x1434", "1024x1280", "1280x1024", "1024x1707",
    "1707x1024",
))  # fmt: skip
V4_SIZES = FixedSizes((
    "1024x1024", "1216x896", "896x1216", "1280x832", "832x1280", "1152x896", "896x1152", "1280x896",
    "896x1280", "832x1344", "768x1344", "1344x768", "768x1536", "1536x768",
))  # fmt: skip
PRO_SIZES = FixedSizes((
    "2048x2048", "2432x1792", "1792x2432", "2560x1664", "1664x2560", "2304x1792", "1792x2304",
    "2560x1792", "1792x2560", "1664x2688", "1536x2688", "2688x1536", "1536x3072", "3072x1536",
))  # fmt: skip
STYLES = (
    "any", "realistic_image", "digital_illustration", "vector_illustration", "icon", "logo_raster",
)  # fmt: skip


def _card(id: str, name: str, *prices: Price, unverified: tuple[str, ...] = (),
          **details: Any) -> ModelCard:  # fmt: skip
    is_vector = "vector" in id
    edits = details.get("operations", frozenset()) - {Operation.GENERATE}
    common: dict[str, Any] = {
        "formats": ("svg",) if is_vector else ("webp", "png"),
        "choose_format": not is_vector,
        "operation_sizes": dict.fromkeys(edits, InputSize()),
        "forms": (Form.URL, Form.BASE64),
        "url_lifetime": URL_LIFETIME,
        "max_n": 6,
        "styles": STYLES,
        "seed": True,
        "latency": 15.0,
        "charged_options": {"upscale": None},
        "price_source": "https://www.recraft.ai/docs/api-reference/pricing" if prices else "",
        "price_date": date(2026, 8, 22) if prices else None,
        "unverified": frozenset({"formats", "latency", *unverified}),
    }
    return ModelCard(id=id, name=name, prices=prices, **{**common, **details})


def _v4(id: str, name: str, price: str | None, sizes: FixedSizes = V4_SIZES) -> ModelCard:
    """A model of the fourth generation: long prompts, edits without a mask."""
    prices, unknown = ((usd(price),), ()) if price else ((), ("prices",))
    return _card(id, name, *prices, operations=BOTH, sizes=sizes, max_images=1,
                 max_prompt=10_000, unverified=unknown)  # fmt: skip


def _older(id: str, name: str, *prices: Price, **details: Any) -> ModelCard:
    return _card(id, name, *prices, sizes=V3_SIZES, max_prompt=1_000, negative_prompt=True,
                 accepts=frozenset({"style"}), **details)  # fmt: skip


def _v3(id: str, name: str, price: str, **details: Any) -> ModelCard:
    return _older(id, name, usd(price), operations=ALL, max_images=1, mask=MaskPolarity.WHITE,
                  **details)  # fmt: skip


def _tool(path: str, name: str, price: str, **details: Any) -> ModelCard:
    """Something that is done to a picture, most of it without words."""
    common: dict[str, Any] = {
        "operations": frozenset({Operation.EDIT}),
        "sizes": InputSize(),
        "operation_sizes": {},
        "max_images": 1,
        "max_n": 1,
        "prompt": False,
        "seed": False,
        "styles": (),
    }
    return _card(f"images/{path}", f"recraft-{name}", usd(price), **{**common, **details})


def _transformer(path: str, name: str, **details: Any) -> ModelCard:
    return _tool(path, name, "0.04", **{"max_n": 6, "prompt": True, "max_prompt": 1_000,
                                "seed": True, "negative_prompt": True, **details})  # fmt: skip


CARDS = (
    _v4("recraftv4_1", "recraft-v4.1", "0.04"),
    _v4("recraftv4_1_pro", "recraft-v4.1-pro", "0.25", PRO_SIZES),
    _v4("recraftv4_1_vector", "recraft-v4.1-vector", "0.08"),
    _v4("recraftv4_1_pro_vector", "recraft-v4.1-pro-vector", "0.30", PRO_SIZES),
    _v4("recraftv4", "recraft-v4", None),
    _v4("recraftv4_pro", "recraft-v4-pro", None, PRO_SIZES),
    _v4("recraftv4_vector", "recraft-v4-vector", None),
    _v4("recraftv4_pro_vector", "recraft-v4-pro-vector", None, PRO_SIZES),
    _v3("recraftv3", "recraft-v3", "0.04"),
    _v3("recraftv3_vector", "recraft-v3-vector", "0.08"),
    _older("recraftv2", "recraft-v2", usd("0.022")),
    _older("recraftv2_vector", "recraft-v2-vector", usd("0.044")),
    _tool("vectorize", "vectorize", "0.01", formats=("svg",), choose_format=False),
    _tool("removeBackground", "remove-background", "0.01", backgrounds=("transparent",)),
    _tool("crispUpscale", "crisp-upscale", "0.004"),
    _tool("creativeUpscale", "creative-upscale", "0.25", latency=40.0),
    _tool("eraseRegion", "erase-region", "0.002", operations=frozenset({Operation.INPAINT}),
          mask=MaskPolarity.WHITE, unverified=("mask",)),
    _tool("variateImage", "variate-image", "0.04", sizes=V3_SIZES, max_n=6, seed=True),
    _transformer("replaceBackground", "replace-background"),
    _transformer("generateBackground", "generate-background",
                 operations=frozenset({Operation.INPAINT}), mask=MaskPolarity.WHITE,
                 unverified=("mask", "prices")),
    _transformer("outpaint", "outpaint", sizes=V3_SIZES),
    _card(WILDCARD, "", sizes=AnySize(), choose_format=False, max_n=1,
          unverified=("sizes", "seed", "prices")),
)  # fmt: skip
"""The wildcard is for the models of others that Recraft serves beside its own."""
