"""Cards out of what OpenRouter says about each model; the declared ones read on 21 November 2026.

Fields: @openrouter/sdk 1.3.19. Prices are not declared: OpenRouter lists them for each endpoint of
a model, and every answer says what it cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    ModelCard,
    Operation,
    Per,
    Price,
    RatioSizes,
    at,
    list_at,
    number_at,
    text_at,
    whole_at,
)

RATIOS = (
    "1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "3:2", "3:4", "4:1", "4:3", "4:5", "5:2", "5:4",
    "8:1", "9:16", "9:20", "20:9", "9:21", "21:9", "16:9",
)  # fmt: skip
TIERS = ("512", "1K", "2K", "4K")
MAX_REFERENCES = 4
"""Input images of a model whose list does not say how many it takes."""
MILLION = 1_000_000
UNITS = {
    ("output_image", "image"): Per.IMAGE,
    ("output_image", "request"): Per.IMAGE,
    ("output_image", "megapixel"): Per.MEGAPIXEL,
    ("output_image", "token"): Per.IMAGE_OUT,
    ("input_text", "token"): Per.TEXT_IN,
    ("input_image", "token"): Per.IMAGE_IN,
    ("input_image", "image"): Per.INPUT_IMAGE,
    ("input_image", "megapixel"): Per.INPUT_MEGAPIXEL,
    ("input_reference", "image"): Per.INPUT_IMAGE,
    ("input_reference", "megapixel"): Per.INPUT_MEGAPIXEL,
}
PER_TOKEN = frozenset({Per.IMAGE_OUT, Per.TEXT_IN, Per.IMAGE_IN})

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset({Operation.GENERATE, Operation.EDIT}),
    sizes=RatioSizes(ratios=RATIOS, tiers=TIERS, default_tier="1K"),
    qualities=("low", "medium", "high"),
    formats=("png", "jpeg", "webp"),
    choose_format=False,
    forms=(Form.BASE64,),
    max_n=1,
    max_images=MAX_REFERENCES,
    accepts=frozenset({"user"}),
    charged_options={"provider": None, "plugins": None},
    latency=20.0,
    unverified=frozenset(
        {"operations", "sizes", "qualities", "formats", "max_n", "max_images", "latency"}
    ),
)
"""A model that is only known by its name: OpenRouter adapts or ignores what does not fit it."""


def public_name(id: str) -> str:
    """The name of a model that others serve, too; OpenRouter's own where nobody else does.

    >>> public_name("google/gemini-3-pro-image-preview"), public_name("sourceful/riverflow-v2")
    ('gemini-3-pro-image', 'sourceful/riverflow-v2')
    """
    vendor, _, name = id.partition("/")
    if vendor in ("openai", "google"):
        return name.removesuffix("-preview")
    if vendor == "black-forest-labs":
        return name.replace(".", "-")
    return name if vendor == "bytedance-seed" else id


def _card(id: str, **details: Any) -> ModelCard:
    return replace(ANY, id=id, name=public_name(id), **details)


def _gpt(id: str, *qualities: str) -> ModelCard:
    return _card(id, qualities=qualities, default_quality="medium", choose_format=True,
                 compression=True, backgrounds=("transparent", "opaque"), max_n=10, max_images=16,
                 partial_images=3, latency=30.0,
                 unverified=ANY.unverified | {"backgrounds", "partial_images"})  # fmt: skip


def _gemini(id: str, *tiers: str, ratios: tuple[str, ...] = ()) -> ModelCard:
    ratios = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", *ratios)
    default = "1K" if tiers else None
    return _card(id, sizes=RatioSizes(ratios=ratios, tiers=tiers, default_tier=default),
                 qualities=(), seed=True, unverified=ANY.unverified | {"seed"})  # fmt: skip


CARDS = (
    _gpt("openai/gpt-image-2.5-sunburst", "low", "medium", "high", "xhigh", "max"),
    _gpt("openai/gpt-image-2", "low", "medium", "high"),
    _gemini("google/gemini-3-pro-image-preview", "1K", "2K", "4K"),
    _gemini("google/gemini-3.1-flash-image", *TIERS, ratios=("1:4", "4:1", "1:8", "8:1")),
    _gemini("google/gemini-2.5-flash-image"),
    _card("black-forest-labs/flux.2-pro", qualities=(), seed=True),
    _card("bytedance-seed/seedream-4.5", qualities=(),
          sizes=RatioSizes(ratios=RATIOS, tiers=("1K", "2K", "4K"), default_tier="2K")),
    ANY,
)  # fmt: skip


def card_of(entry: Mapping[str, Any]) -> ModelCard:
    """The card of an entry of the list: what it names is offered, and nothing else."""
    id = str(entry["id"])
    known = next((card for card in CARDS if card.id == id), _card(id))
    offered = entry.get("supported_parameters")
    if not isinstance(offered, dict):
        return known
    images = _max_images(entry, offered)
    operations = {Operation.GENERATE, *([Operation.EDIT] if images else [])}
    formats = _words(offered, "output_format")
    return replace(
        known,
        operations=frozenset(operations),
        sizes=_sizes(offered),
        qualities=_words(offered, "quality"),
        formats=formats or known.formats,
        choose_format=bool(formats),
        compression="output_compression" in offered,
        backgrounds=_words(offered, "background"),
        max_n=whole_at(offered, "n", "max") or 1,
        max_images=images,
        seed="seed" in offered,
        partial_images=3 if entry.get("supports_streaming") is True else 0,
        unverified=frozenset({"max_images", "partial_images", "latency"}),
    )


def prices_of(body: Mapping[str, Any]) -> tuple[Price, ...]:
    """The price list of a model's first endpoint that has one.

    A variant counts where it is a tier; others are left out, for nothing says when they apply.
    """
    for endpoint in list_at(body, "endpoints") or list_at(body, "data", "endpoints"):
        lines = [_price(line) for line in list_at(endpoint, "pricing")]
        if prices := tuple(line for line in lines if line is not None):
            return prices
    return ()


def _price(line: Any) -> Price | None:
    unit = UNITS.get((text_at(line, "billable") or "", text_at(line, "unit") or ""))
    amount, variant = number_at(line, "cost_usd"), text_at(line, "variant")
    if unit is None or amount is None or amount < 0 or variant not in (None, *TIERS):
        return None
    return Price(amount * MILLION if unit in PER_TOKEN else amount, unit, tier=variant)


def _sizes(offered: Mapping[str, Any]) -> RatioSizes | AnySize:
    ratios = tuple(word for word in _words(offered, "aspect_ratio") if _is_ratio(word))
    tiers = tuple(tier for tier in TIERS if tier in _words(offered, "resolution"))
    if not ratios:
        return AnySize()
    default = "1K" if "1K" in tiers else next(iter(tiers), None)
    return RatioSizes(ratios=ratios, tiers=tiers, default_tier=default,
                      default_ratio="1:1" if "1:1" in ratios else ratios[0])  # fmt: skip


def _is_ratio(word: str) -> bool:
    """Whether a ratio is one of whole numbers; 2.35:1 and 9:19.5 are not."""
    return re.fullmatch(r"[1-9]\d{0,3}:[1-9]\d{0,3}", word) is not None


def _max_images(entry: Mapping[str, Any], offered: Mapping[str, Any]) -> int:
    if "input_references" in offered:
        return whole_at(offered, "input_references", "max") or MAX_REFERENCES
    takes_images = "image" in list_at(entry, "architecture", "input_modalities")
    return MAX_REFERENCES if takes_images else 0


def _words(offered: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The values of an enumerated parameter, without ``auto``, which is not to ask."""
    values = at(offered, name, "values")
    words = values if isinstance(values, list) else []
    return tuple(word for word in words if isinstance(word, str) and word != "auto")
