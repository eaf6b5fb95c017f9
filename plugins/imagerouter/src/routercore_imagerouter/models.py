"""What holds for any ImageRouter model, and cards made of the entries of its list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    FixedSizes,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    Price,
    Size,
    SizeRange,
    at,
    date_at,
    list_at,
    number_at,
    usd,
)

MODELS_PAGE = "https://api.imagerouter.io/v1/models"
FREE_EDGE = 1024
"""Pixels; of models whose names end in ``:free`` (server source, February 2026)."""
ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT}),
    sizes=AnySize(),
    qualities=("low", "medium", "high"),
    default_quality="medium",
    formats=("webp", "png", "jpeg"),
    forms=(Form.BASE64, Form.URL),
    url_lifetime=30 * 24 * 3600.0,
    max_n=1,
    max_prompt=20_000,
    max_images=16,
    mask=MaskPolarity.ALPHA,
    latency=20.0,
    unverified=frozenset(
        {"operations", "sizes", "qualities", "formats", "url_lifetime", "max_prompt", "mask",
         "latency"}
    ),
)  # fmt: skip
"""A model that is only known by its name: whatever the API takes for some model."""
TEST = replace(
    ANY,
    id="test/test",
    name="test/test",
    is_public=False,
    prices=(usd("0"),),
    price_source=MODELS_PAGE,
    latency=2.0,
)
"""The free dummy model; its bare name belongs to the embedded provider."""
CARDS = (TEST, ANY)


def card_of(entry: Mapping[str, Any]) -> ModelCard:
    """A card for an entry of the list, whose labels say what the model can do."""
    id = str(entry["id"])
    card = replace(
        ANY.named(id),
        aliases=tuple(alias for alias in list_at(entry, "aliases") if isinstance(alias, str)),
        prices=_prices(entry),
        price_source=MODELS_PAGE,
        released=date_at(entry, "release_date"),
    )
    card = _with_sizes(_with_labels(card, at(entry, "supported_params")), list_at(entry, "sizes"))
    return _capped(card) if id.endswith(":free") else card


def _with_labels(card: ModelCard, labels: Any) -> ModelCard:
    if not isinstance(labels, dict):
        return card
    operations = {Operation.GENERATE}
    if labels.get("edit"):
        operations.add(Operation.EDIT)
    if labels.get("mask"):
        operations.add(Operation.INPAINT)
    return replace(
        card,
        operations=frozenset(operations),
        max_images=card.max_images if len(operations) > 1 else 0,
        qualities=card.qualities if labels.get("quality") else (),
        unverified=card.unverified - {"operations", "qualities"},
    )


def _with_sizes(card: ModelCard, sizes: list[Any]) -> ModelCard:
    """The listed sizes; ``custom`` among them means any."""
    try:
        listed = tuple(str(Size.parse(text)) for text in sizes)
    except (ValueError, TypeError):
        return card
    if not listed:
        return card
    return replace(card, sizes=FixedSizes(listed), unverified=card.unverified - {"sizes"})


def _capped(card: ModelCard) -> ModelCard:
    """A free model's, whose pictures are no larger than ``FREE_EDGE`` squared."""
    listed = card.sizes.sizes if isinstance(card.sizes, FixedSizes) else ()
    small = tuple(size for size in listed if _edge(size) <= FREE_EDGE)
    return replace(card, sizes=FixedSizes(small) if small else SizeRange(max_edge=FREE_EDGE))


def _edge(text: str) -> int:
    """The longer one."""
    size = Size.parse(text)
    return max(size.width, size.height)


def _prices(entry: Mapping[str, Any]) -> tuple[Price, ...]:
    """The price of an image: fixed, or a range with an average; nothing where none is listed."""
    for pricing in (at(entry, "pricing"), at(entry, "price"), at(entry, "providers", 0, "pricing")):
        fixed = number_at(pricing, "value")
        if fixed is not None and fixed >= 0:
            return (Price(fixed),)
        spread = at(pricing, "range") or pricing
        average = number_at(spread, "average")
        if average is not None and average >= 0:
            return (Price(average, low=number_at(spread, "min"), high=number_at(spread, "max")),)
    return ()
