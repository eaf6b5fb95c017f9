"""The model cards, read on 21 November 2026 from Azure's price list and OpenAI's documentation.

What OpenAI's models can do is the same as at OpenAI; last days and what is served differ.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from routercore.provider import (
    FixedSizes,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    Per,
    Price,
    SizeRange,
    usd,
    usd_table,
)

WIDE = SizeRange(
    multiple_of=16,
    max_edge=3840,
    min_pixels=655_360,
    max_pixels=8_294_400,
    max_ratio=3.0,
    default="1024x1024",
)
COMMON = frozenset({"user", "moderation", "safety_identifier"})
CLASSIC = ("1024x1024", "1536x1024", "1024x1536")
LISTED = ("1024x768", "1024x1024", "1024x1536", "1920x1080", "2560x1440", "3840x2160")
"""Sizes for which resellers publish prices at the token rates that hold here, too."""


def _by_size(sizes: tuple[str, ...], **amounts: str) -> tuple[Price, ...]:
    """Prices of an image for estimates: for each quality, one amount a size."""
    rows = {quality: amounts[quality].split() for quality in amounts}
    return usd_table(
        {
            size: {quality: row[index] for quality, row in rows.items()}
            for index, size in enumerate(sizes)
        }
    )


def _rates(text_in: str, image_in: str, image_out: str, text_out: str = "") -> tuple[Price, ...]:
    """Prices of a million tokens, by which Azure bills."""
    rates = usd(text_in, Per.TEXT_IN), usd(image_in, Per.IMAGE_IN), usd(image_out, Per.IMAGE_OUT)
    return (*rates, usd(text_out, Per.TEXT_OUT)) if text_out else rates


GPT_IMAGE_2 = ModelCard(
    id="gpt-image-2",
    operations=frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT}),
    sizes=WIDE,
    qualities=("low", "medium", "high"),
    default_quality="medium",
    formats=("png", "jpeg", "webp"),
    compression=True,
    backgrounds=("transparent", "opaque"),
    forms=(Form.BASE64,),
    max_n=10,
    max_prompt=32_000,
    max_images=16,
    mask=MaskPolarity.ALPHA,
    partial_images=3,
    accepts=COMMON,
    latency=30.0,
    prices=(
        *_rates("5", "8", "30"),
        *_by_size(
            LISTED,
            low=".005 .006 .005 .005 .007 .012",
            medium=".037 .053 .042 .04 .056 .101",
            high=".145 .211 .165 .158 .222 .401",
        ),
    ),
    price_source="https://azure.microsoft.com/pricing/details/azure-openai/",
    price_date=date(2026, 11, 21),
    shutdown=date(2027, 10, 21),
    unverified=frozenset({"backgrounds", "partial_images", "accepts", "latency"}),
)
SUNBURST_2_5 = replace(
    GPT_IMAGE_2,
    id="gpt-image-2.5-sunburst",
    name="gpt-image-2.5-sunburst",
    qualities=("low", "medium", "high", "xhigh", "max"),
    prices=(
        *_rates("5", "8", "30"),
        *_by_size(
            LISTED,
            low=".00402 .00588 .00474 .00441 .00615 .01113",
            medium=".00903 .01317 .01029 .01029 .01434 .02595",
            high=".03612 .05268 .04116 .0396 .05529 .10008",
            xhigh=".0642 .09366 .07377 .07041 .09828 .1779",
            max=".14445 .21072 .16464 .1584 .2211 .40026",
        ),
    ),
    accepts=COMMON | {"markup"},
    shutdown=date(2027, 9, 9),
    unverified=frozenset({"partial_images", "accepts", "latency"}),
)
FLARE_2_5 = replace(SUNBURST_2_5, id="gpt-image-2.5-flare", name="gpt-image-2.5-flare")
GPT_IMAGE_1_5 = replace(
    GPT_IMAGE_2,
    id="gpt-image-1.5",
    name="gpt-image-1.5",
    sizes=FixedSizes(CLASSIC),
    accepts=COMMON | {"input_fidelity"},
    fidelities=("low", "high"),
    prices=(
        *_rates("5", "8", "32", "10"),
        *_by_size(CLASSIC, low=".009 .013 .013", medium=".034 .05 .05", high=".133 .2 .2"),
    ),
    shutdown=date(2026, 12, 16),
    successor="gpt-image-2",
    unverified=frozenset({"partial_images", "accepts", "latency"}),
)
GPT_IMAGE_1_MINI = replace(
    GPT_IMAGE_1_5,
    id="gpt-image-1-mini",
    name="gpt-image-1-mini",
    fidelities=("low",),
    prices=(
        *_rates("2", "2.5", "8"),
        *_by_size(CLASSIC, low=".005 .006 .006", medium=".011 .015 .015", high=".036 .052 .052"),
    ),
    shutdown=date(2027, 4, 7),
)
CARDS = (
    SUNBURST_2_5,
    FLARE_2_5,
    GPT_IMAGE_2,
    GPT_IMAGE_1_5,
    GPT_IMAGE_1_MINI,
    ModelCard(id="gpt-image-1", shutdown=date(2026, 10, 23), successor="gpt-image-2"),
)
