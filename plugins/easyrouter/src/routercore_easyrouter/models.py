"""The model cards, as far as EasyRouter's documentation goes."""

from __future__ import annotations

from dataclasses import replace

from routercore.provider import (
    FixedSizes,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    RatioSizes,
)

GENERATE = frozenset({Operation.GENERATE})
EDITS = frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT})
BOTH_FORMS = (Form.BASE64, Form.URL)
"""The documented answer shows both; which one comes is not said."""

GPT_IMAGE_1 = ModelCard(
    id="gpt-image-1",
    operations=EDITS,
    sizes=FixedSizes(("1024x1024", "1536x1024", "1024x1536")),
    qualities=("low", "medium", "high"),
    default_quality="medium",
    formats=("png", "webp"),
    choose_format=False,
    backgrounds=("transparent", "opaque"),
    forms=BOTH_FORMS,
    max_n=10,
    max_prompt=32_000,
    max_images=1,
    mask=MaskPolarity.ALPHA,
    accepts=frozenset({"moderation", "user"}),
    latency=30.0,
    unverified=frozenset({"operations", "qualities", "formats", "forms", "max_images", "latency"}),
)
GPT_IMAGE_2 = replace(
    GPT_IMAGE_1.named("gpt-image-2"),
    unverified=GPT_IMAGE_1.unverified | {"sizes", "backgrounds", "max_prompt", "accepts"},
)
"""Only the documentation's example names it; it is offered within the limits of gpt-image-1."""
DALL_E_3 = ModelCard(
    id="dall-e-3",
    operations=GENERATE,
    sizes=FixedSizes(("1024x1024", "1792x1024", "1024x1792")),
    qualities=("standard", "hd"),
    default_quality="standard",
    choose_format=False,
    forms=BOTH_FORMS,
    max_prompt=4_000,
    accepts=frozenset({"style", "user"}),
    latency=15.0,
    unverified=frozenset({"qualities", "formats", "forms", "accepts", "latency"}),
)
DALL_E_2 = ModelCard(
    id="dall-e-2",
    operations=EDITS,
    sizes=FixedSizes(("1024x1024", "512x512", "256x256")),
    choose_format=False,
    forms=BOTH_FORMS,
    max_n=10,
    max_prompt=1_000,
    max_images=1,
    mask=MaskPolarity.ALPHA,
    accepts=frozenset({"user"}),
    latency=10.0,
    unverified=frozenset({"operations", "formats", "forms", "latency"}),
)
GEMINI_FLASH = ModelCard(
    id="gemini-3.1-flash-image-preview",
    name="gemini-3.1-flash-image",
    by_chat=True,
    operations=frozenset({Operation.GENERATE, Operation.EDIT}),
    sizes=RatioSizes(
        ratios=("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
        tiers=("1K", "2K", "4K"),
        default_tier="1K",
    ),
    choose_format=False,
    max_images=4,
    latency=20.0,
    unverified=frozenset({"operations", "sizes", "formats", "max_images", "latency"}),
)
"""Offered through chat completions alone, with ``modalities``; the rest is as at Google."""
CARDS = (GPT_IMAGE_2, GPT_IMAGE_1, DALL_E_3, DALL_E_2, GEMINI_FLASH)
