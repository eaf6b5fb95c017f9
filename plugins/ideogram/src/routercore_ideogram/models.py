"""Ideogram's models, as data.

Fields and sizes: the vendor's OpenAPI 1.0.0 of 2026-06-17. Prices: the list of 2025, which could
not be verified since.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from routercore.provider import FixedSizes, Form, InputSize, MaskPolarity, ModelCard, Operation, usd

RATIOS = (
    "1:3", "3:1", "1:2", "2:1", "9:16", "16:9", "10:16", "16:10", "2:3", "3:2", "3:4", "4:3", "4:5",
    "5:4", "1:1",
)  # fmt: skip
"""What a transparent picture's shape is chosen from; the vendor writes an ``x`` for the colon."""
SIZES = FixedSizes((
    "1024x1024", "512x1536", "576x1408", "576x1472", "576x1536", "640x1344", "640x1408", "640x1472",
    "640x1536", "704x1152", "704x1216", "704x1280", "704x1344", "704x1408", "704x1472", "736x1312",
    "768x1088", "768x1216", "768x1280", "768x1344", "800x1280", "832x960", "832x1024", "832x1088",
    "832x1152", "832x1216", "832x1248", "864x1152", "896x960", "896x1024", "896x1088", "896x1120",
    "896x1152", "960x832", "960x896", "960x1024", "960x1088", "1024x832", "1024x896", "1024x960",
    "1088x768", "1088x832", "1088x896", "1088x960", "1120x896", "1152x704", "1152x832", "1152x864",
    "1152x896", "1216x704", "1216x768", "1216x832", "1248x832", "1280x704", "1280x768", "1280x800",
    "1312x736", "1344x640", "1344x704", "1344x768", "1408x576", "1408x640", "1408x704", "1472x576",
    "1472x640", "1472x704", "1536x512", "1536x576", "1536x640",
))  # fmt: skip
SPEED_PRICES = {"TURBO": "0.03", "BALANCED": "0.06", "DEFAULT": "0.06", "QUALITY": "0.09"}
"""From cheap to dear. ``FLASH`` has no known price; it is to be had as ``rendering_speed``."""

V3 = ModelCard(
    id="ideogram-v3",
    operations=frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT}),
    sizes=SIZES,
    operation_sizes={Operation.INPAINT: InputSize()},
    qualities=tuple(SPEED_PRICES),
    default_quality="DEFAULT",
    choose_format=False,
    backgrounds=("transparent", "opaque"),
    forms=(Form.URL,),
    max_n=8,
    max_images=1,
    mask=MaskPolarity.BLACK,
    seed=True,
    negative_prompt=True,
    accepts=frozenset({"style"}),
    styles=("AUTO", "GENERAL", "REALISTIC", "DESIGN", "CUSTOM", "FICTION", "STYLIZED"),
    latency=12.0,
    prices=tuple(usd(amount, quality=speed) for speed, amount in SPEED_PRICES.items()),
    charged_options=dict.fromkeys(
        ("rendering_speed", "upscale_factor", "custom_model_uri", "character_reference_images")
    ),
    price_source="https://ideogram.ai/features/api-pricing",
    price_date=date(2026, 11, 21),
    unverified=frozenset({"prices", "formats", "latency", "url_lifetime"}),
)
V4 = ModelCard(
    id="ideogram-v4",
    sizes=FixedSizes(("1024x1024",)),
    choose_format=False,
    forms=(Form.URL,),
    seed=True,
    latency=15.0,
    unverified=frozenset({"prices", "sizes", "max_n", "formats", "latency", "url_lifetime"}),
)
EDIT_ALONE = frozenset({Operation.EDIT})
REFRAME = replace(
    V3,
    id="ideogram-v3-reframe",
    name="ideogram-v3-reframe",
    operations=EDIT_ALONE,
    operation_sizes={},
    prompt=False,
    backgrounds=(),
    mask=None,
    negative_prompt=False,
    accepts=frozenset(),
    styles=(),
    prices=(),
    price_source="",
    price_date=None,
)
"""Another shape for a picture: the size says which."""
REPLACE = replace(
    REFRAME,
    id="ideogram-v3-replace-background",
    name="ideogram-v3-replace-background",
    prompt=True,
    sizes=InputSize(),
)
EDIT = replace(
    REFRAME,
    id="ideogram-edit",
    name="ideogram-edit",
    prompt=True,
    qualities=(),
    default_quality=None,
    backgrounds=("transparent", "opaque"),
    max_images=10,
)
"""An edit by words, of up to ten pictures."""
CARDS = (V3, V4, REFRAME, REPLACE, EDIT)
