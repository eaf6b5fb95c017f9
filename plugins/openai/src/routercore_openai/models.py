"""The model cards, read on 21 November 2026 from OpenAI's SDK 3.52 and price list."""

from __future__ import annotations

import math
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
    Size,
    SizeRange,
    usd,
    usd_table,
)

READ_ON = date(2026, 11, 21)
PRICE_PAGE = "https://developers.openai.com/api/docs/pricing"
ALL_OPERATIONS = frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT})
COMMON = frozenset({"moderation", "user", "safety_identifier"})
PREVIEWS = frozenset({"svg", "frame_count", "frame_duration_ms"})
"""Settings of the preview formats gif and svg, which a project needs access to."""

WIDE = SizeRange(
    multiple_of=16,
    max_edge=3840,
    min_pixels=655_360,
    max_pixels=8_294_400,
    max_ratio=3.0,
    default="1024x1024",
)
CLASSIC = FixedSizes(("1024x1024", "1536x1024", "1024x1536"))

CLASSIC_QUALITIES: tuple[str, ...] = ("low", "medium", "high")
ALL_QUALITIES: tuple[str, ...] = (*CLASSIC_QUALITIES, "xhigh", "max")
GRID_EDGES = {
    "gpt-image-2": {"low": 16, "medium": 48, "high": 96},
    "gpt-image-2.5": {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96},
}
"""The longer edge of the grid on which a model of each quality works; see ``output_tokens``."""
LISTED_SIZES = (
    "832x832", "1024x1024", "2048x2048", "1024x768", "2048x1536", "1008x672", "1024x1536",
    "1536x1024", "2880x1920", "1280x720", "1920x1080", "2560x1440", "3840x2160", "2016x864",
    "3360x1440", "1536x512", "3840x1280",
)  # fmt: skip
"""Two or more sizes of each common shape: at one shape, tokens grow linearly with pixels."""
OUTPUT_RATE = 30
"""US dollars for a million tokens of image, the same for all models of ``GRID_EDGES``."""


def output_tokens(size: Size, grid_edge: int) -> int:
    """How many tokens an image takes.

    OpenAI publishes no formula. This one reproduces, to the token, all the prices by size that
    resellers of gpt-image-2.5 publish at OpenAI's own token rate; the bill goes by ``usage``.
    """
    ratio = min(size.width, size.height) / max(size.width, size.height)
    cells = grid_edge * round(grid_edge * ratio)
    return math.ceil(cells * (2_000_000 + size.pixels) / 4_000_000)


def table_by_tokens(edges: dict[str, int]) -> tuple[Price, ...]:
    """A per-image price list for estimates, at the token rate."""
    return usd_table(
        {
            text: {
                quality: f"{output_tokens(Size.parse(text), edge) * OUTPUT_RATE / 1e6:.5f}"
                for quality, edge in edges.items()
            }
            for text in LISTED_SIZES
        }
    )


def token_rates(
    text_in: str, image_in: str, image_out: str, text_out: str | None = None
) -> tuple[Price, ...]:
    """Prices of a million tokens; cached input costs less, which estimates leave out."""
    rates = [
        usd(text_in, Per.TEXT_IN), usd(image_in, Per.IMAGE_IN), usd(image_out, Per.IMAGE_OUT)
    ]  # fmt: skip
    return (*rates, usd(text_out, Per.TEXT_OUT)) if text_out else tuple(rates)


MODERN_RATES = token_rates("5", "8", str(OUTPUT_RATE))
GPT_IMAGE_2 = ModelCard(
    id="gpt-image-2",
    aliases=("gpt-image-2-2026-04-21",),
    operations=ALL_OPERATIONS,
    sizes=WIDE,
    qualities=CLASSIC_QUALITIES,
    default_quality="medium",
    formats=("png", "jpeg", "webp", "gif", "svg"),
    compression=True,
    backgrounds=("transparent", "opaque"),
    forms=(Form.BASE64,),
    max_n=10,
    format_max_n={"svg": 1},
    max_prompt=32_000,
    max_images=16,
    mask=MaskPolarity.ALPHA,
    partial_images=3,
    accepts=COMMON | PREVIEWS,
    generate_only=frozenset({"moderation"}),
    latency=30.0,
    prices=(*MODERN_RATES, *table_by_tokens(GRID_EDGES["gpt-image-2"])),
    price_source=PRICE_PAGE,
    price_date=READ_ON,
    released=date(2026, 4, 21),
    unverified=frozenset({"backgrounds", "latency"}),
)
SUNBURST_2_5 = replace(
    GPT_IMAGE_2,
    id="gpt-image-2.5-sunburst",
    name="gpt-image-2.5-sunburst",
    aliases=("gpt-image-2.5-sunburst-2026-09-08",),
    qualities=ALL_QUALITIES,
    accepts=COMMON | PREVIEWS | {"markup"},
    prices=(*MODERN_RATES, *table_by_tokens(GRID_EDGES["gpt-image-2.5"])),
    released=date(2026, 9, 8),
    unverified=frozenset({"latency"}),
)
SUNBURST_2_6 = replace(
    SUNBURST_2_5,
    id="gpt-image-2.6-sunburst",
    name="gpt-image-2.6-sunburst",
    aliases=(),
    accepts=COMMON | PREVIEWS | {"markup", "complexity"},
    released=date(2026, 11, 4),
    unverified=frozenset({"qualities", "backgrounds", "prices", "latency"}),
)


def flare(sunburst: ModelCard) -> ModelCard:
    """The sibling of a sunburst model: the same interface and the same prices."""
    id = sunburst.id.replace("sunburst", "flare")
    aliases = tuple(alias.replace("sunburst", "flare") for alias in sunburst.aliases)
    return replace(sunburst, id=id, name=id, aliases=aliases)


def classic_table(square: tuple[str, str, str], oblong: tuple[str, str, str]) -> tuple[Price, ...]:
    """Per-image prices of the three classic sizes, from low to high quality."""
    by_quality = {
        shape: dict(zip(CLASSIC_QUALITIES, amounts, strict=True))
        for shape, amounts in (("square", square), ("oblong", oblong))
    }
    return usd_table(
        {
            "1024x1024": by_quality["square"],
            "1536x1024": by_quality["oblong"],
            "1024x1536": by_quality["oblong"],
        }
    )


GPT_IMAGE_1_5 = replace(
    GPT_IMAGE_2,
    id="gpt-image-1.5",
    name="gpt-image-1.5",
    aliases=("gpt-image-1.5-2025-12-16",),
    sizes=CLASSIC,
    formats=("png", "jpeg", "webp"),
    accepts=COMMON | {"input_fidelity"},
    fidelities=("low", "high"),
    prices=(
        *token_rates("5", "8", "32", text_out="10"),
        *classic_table((".009", ".034", ".133"), (".013", ".05", ".2")),
    ),
    released=date(2025, 12, 16),
    shutdown=date(2026, 12, 1),
    successor="gpt-image-2",
    unverified=frozenset({"shutdown", "latency"}),
)
GPT_IMAGE_1_MINI = replace(
    GPT_IMAGE_1_5,
    id="gpt-image-1-mini",
    name="gpt-image-1-mini",
    aliases=(),
    fidelities=("low",),
    prices=(
        *token_rates("2", "2.5", "8"),
        *classic_table((".005", ".011", ".036"), (".006", ".015", ".052")),
    ),
    released=None,
)
CHATGPT_IMAGE_LATEST = replace(
    GPT_IMAGE_1_5,
    id="chatgpt-image-latest",
    name="chatgpt-image-latest",
    aliases=(),
    released=None,
    unverified=GPT_IMAGE_1_5.unverified | {"prices", "fidelities"},
)


def retired(id: str, shutdown: date) -> ModelCard:
    """A model that OpenAI no longer serves, so that asking for it says what to use instead."""
    return ModelCard(id=id, shutdown=shutdown, successor="gpt-image-2")


CARDS = (
    SUNBURST_2_6,
    flare(SUNBURST_2_6),
    SUNBURST_2_5,
    flare(SUNBURST_2_5),
    GPT_IMAGE_2,
    GPT_IMAGE_1_5,
    GPT_IMAGE_1_MINI,
    CHATGPT_IMAGE_LATEST,
    retired("gpt-image-1", date(2026, 10, 23)),
    retired("dall-e-3", date(2026, 5, 12)),
    retired("dall-e-2", date(2026, 5, 12)),
)
