"""The model cards, read on 21 November 2026 from Google's SDK 3.4 and price list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from routercore.provider import (
    ModelCard,
    Operation,
    Per,
    Price,
    RatioSizes,
    Size,
    list_at,
    text_at,
    usd,
)

PIXELS = {
    "1:1": "1024x1024", "2:3": "848x1264", "3:2": "1264x848", "3:4": "896x1200",
    "4:3": "1200x896", "4:5": "928x1152", "5:4": "1152x928", "9:16": "768x1376",
    "16:9": "1376x768", "21:9": "1584x672",
}  # fmt: skip
"""What the models of the third generation make of a ratio at 1K."""
EXTREME = {"1:4": "512x2048", "4:1": "2048x512", "1:8": "384x3072", "8:1": "3072x384"}
EDGES = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}


def _sizes(*tiers: str, extreme: bool = True) -> RatioSizes:
    """The ratios, at resolutions that multiply the edges of 1K."""
    table = PIXELS | EXTREME if extreme else PIXELS
    pixels = {
        f"{ratio}@{tier}": str(_scaled(Size.parse(text), EDGES[tier]))
        for ratio, text in table.items()
        for tier in tiers
    }
    return RatioSizes(ratios=tuple(table), tiers=tiers, pixels=pixels, default_tier="1K")


def _scaled(size: Size, factor: float) -> Size:
    return Size(round(size.width * factor), round(size.height * factor))


def _rates(text_in: str, text_out: str, image_out: str) -> tuple[Price, ...]:
    """Prices of a million tokens, by which Google bills; input images cost what text does."""
    return (
        usd(text_in, Per.TEXT_IN), usd(text_in, Per.IMAGE_IN), usd(text_out, Per.TEXT_OUT),
        usd(image_out, Per.IMAGE_OUT),
    )  # fmt: skip


def _by_tier(**amounts: str) -> tuple[Price, ...]:
    """Prices of a picture for estimates: ``k1`` is 1K."""
    names = {"k05": "512", "k1": "1K", "k2": "2K", "k4": "4K"}
    return tuple(usd(amount, tier=names[tier]) for tier, amount in amounts.items())


FLASH = ModelCard(
    id="gemini-3.1-flash-image",
    aliases=("gemini-3.1-flash-image-preview", "nano-banana-2"),
    operations=frozenset({Operation.GENERATE, Operation.EDIT}),
    sizes=_sizes("512", "1K", "2K", "4K"),
    formats=("png", "jpeg"),
    choose_format=False,
    max_images=14,
    seed=True,
    partial_images=3,
    latency=12.0,
    prices=(*_rates("0.50", "3", "60"), *_by_tier(k05="0.045", k1="0.067", k2="0.101", k4="0.151")),
    charged_options={"tools": None},
    price_source="https://ai.google.dev/gemini-api/docs/pricing",
    price_date=date(2026, 11, 21),
    unverified=frozenset({"max_images", "seed", "partial_images", "latency"}),
)
PRO = replace(
    FLASH,
    id="gemini-3-pro-image",
    name="gemini-3-pro-image",
    aliases=("gemini-3-pro-image-preview", "nano-banana-pro"),
    sizes=_sizes("1K", "2K", "4K", extreme=False),
    max_images=5,
    latency=25.0,
    prices=(*_rates("2.00", "12", "120"), *_by_tier(k1="0.134", k2="0.134", k4="0.24")),
    unverified=FLASH.unverified | {"sizes", "prices"},
)
LITE = replace(
    FLASH,
    id="gemini-3.1-flash-lite-image",
    name="gemini-3.1-flash-lite-image",
    aliases=(),
    sizes=_sizes("1K"),
    latency=6.0,
    prices=(*_rates("0.25", "1.50", "30"), *_by_tier(k1="0.0336")),
    unverified=FLASH.unverified | {"sizes"},
)
NANO_BANANA_2_1 = replace(
    FLASH,
    id="gemini-nano-banana-2.1",
    name="gemini-nano-banana-2.1",
    aliases=("nano-banana-2.1",),
    sizes=_sizes("1K", "2K", "4K"),
    # 2K and 4K by the tokens that gemini-3.1-flash-image takes for them.
    prices=(*_rates("1.50", "7.50", "30"), *_by_tier(k1="0.0336", k2="0.0504", k4="0.0756")),
    unverified=FLASH.unverified | {"prices"},
)
FLASH_2_5 = replace(
    FLASH,
    id="gemini-2.5-flash-image",
    name="gemini-2.5-flash-image",
    aliases=("nano-banana",),
    sizes=RatioSizes(ratios=tuple(PIXELS)),
    max_images=3,
    latency=8.0,
    prices=(*_rates("0.30", "2.50", "30"), usd("0.039")),
    shutdown=date(2027, 3, 15),
    successor=FLASH.id,
    unverified=FLASH.unverified | {"shutdown"},
)
CARDS = (NANO_BANANA_2_1, PRO, FLASH, LITE, FLASH_2_5)


def _on_vertex(card: ModelCard) -> ModelCard:
    return replace(
        card,
        choose_format=True,
        compression=True,
        shutdown=date(2027, 5, 28) if card is PRO else card.shutdown,
        unverified=card.unverified | {"prices"},
    )


VERTEX_CARDS = tuple(map(_on_vertex, CARDS))
UNKNOWN = replace(
    FLASH,
    id="unknown",
    aliases=(),
    sizes=_sizes("1K", extreme=False),
    prices=(),
    price_source="",
    price_date=None,
    unverified=FLASH.unverified | {"sizes", "operations"},
)
"""A model that Google lists and no card describes."""


def discovered(listed: Iterable[Any]) -> list[ModelCard]:
    """The cards of the listed models that make pictures."""
    ids = [
        (text_at(entry, "name") or "").removeprefix("models/")
        for entry in listed
        if "generateContent" in list_at(entry, "supportedGenerationMethods")
    ]
    declared = [card for card in CARDS if card.id in ids]
    known = {name for card in CARDS for name in card.names}
    new = [id for id in ids if ("-image" in id or "nano-banana" in id) and id not in known]
    return [*declared, *map(UNKNOWN.named, new)]
