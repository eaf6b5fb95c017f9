"""Models as the API lists them: OpenAI's shape, and what is worth knowing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from routercore.engine.models import ModelEntry
from routercore.routing.plan import Target
from routercore.values.catalogue import ModelCard
from routercore.values.images import Operation, Settings
from routercore.values.money import Basis, Estimate, estimate
from routercore.values.sizes import AnySize, FixedSizes, InputSize, RatioSizes, SizeRange

ANY_SIZE = ["custom"]


def list_body(models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The list; ``object`` comes first, because there are clients that look no further."""
    return {"object": "list", "data": models}


def model_body(entry: ModelEntry) -> dict[str, Any]:
    """One model."""
    cards = [target.card for target in entry.targets]
    released = min((card.released for card in cards if card.released), default=None)
    prices = [_price(target.card) for target in entry.targets]
    owners = list(dict.fromkeys(target.provider for target in entry.targets))
    pricing = _pricing(prices)
    return {
        "id": entry.name,
        "object": "model",
        "created": _unix(released),
        "owned_by": owners[0] if len(owners) == 1 else "routercore",
        "shutdown_date": _shutdown(cards),
        "name": entry.name,
        "aliases": list(entry.aliases),
        "release_date": released.isoformat() if released else None,
        "successor": next((card.successor for card in cards if card.successor), None),
        "operations": sorted({operation.value for card in cards for operation in card.operations}),
        "features": _features(cards),
        "output": ["image"],
        "architecture": {"input_modalities": _inputs(cards), "output_modalities": ["image"]},
        "sizes": _sizes(cards),
        "qualities": _words(card.qualities for card in cards),
        "output_formats": _words(card.formats for card in cards),
        "max_n": max((card.max_n for card in cards), default=1),
        "max_images": max((card.max_images for card in cards), default=0),
        "supported_params": {**_features(cards), **dict.fromkeys(sorted(_params(cards)), True)},
        **({"pricing": pricing} if pricing else {}),
        "price": _range(prices),
        "provider": owners[0] if owners else None,
        "providers": [_provider(target, price) for target, price in zip(entry.targets, prices,
                                                                        strict=True)],
    }  # fmt: skip


def _provider(target: Target, price: Estimate) -> dict[str, Any]:
    return {
        "id": target.provider,
        "model_name": target.card.id,
        "price": _range([price]),
        "pricing": _pricing([price]),
        "latency": target.card.latency,
        "shutdown_date": _iso(target.card.shutdown),
    }


def _price(card: ModelCard) -> Estimate:
    """What one image costs when nothing but a short prompt is given."""
    return estimate(card, Settings(prompt="a picture"))


def _range(prices: Sequence[Estimate]) -> dict[str, float] | None:
    """The cheapest, usual and dearest image where a price is known; ``None`` where none is."""
    known = [price for price in prices if price.is_known]
    if not known:
        return None
    usual = [price.expected for price in known if price.expected is not None]
    return {
        "min": min(float(price.low or 0) for price in known),
        "average": float(sum(usual, Decimal(0)) / len(usual)),
        "max": max(float(price.high or 0) for price in known),
    }


def _pricing(prices: Sequence[Estimate]) -> dict[str, Any] | None:
    """The same as ImageRouter's clients read it."""
    amounts = _range(prices)
    if amounts is None:
        return None
    if amounts["min"] == amounts["max"]:
        return {"type": "fixed", "value": amounts["min"]}
    is_table = all(price.basis is Basis.TABLE for price in prices)
    return {"type": "calculated" if is_table else "post_generation", "range": amounts}


def _features(cards: Sequence[ModelCard]) -> dict[str, bool]:
    """ImageRouter's labels."""
    operations = {operation for card in cards for operation in card.operations}
    return {
        "text": Operation.GENERATE in operations,
        "edit": bool({Operation.EDIT, Operation.INPAINT} & operations),
        "mask": Operation.INPAINT in operations,
        "quality": any(card.qualities for card in cards),
    }


def _inputs(cards: Sequence[ModelCard]) -> list[str]:
    return ["text", "image"] if any(card.max_images for card in cards) else ["text"]


def _sizes(cards: Sequence[ModelCard]) -> list[str]:
    """Sizes where there is a closed list, else that any, or many, can be had."""
    listed: list[str] = []
    for card in cards:
        sizes = card.sizes
        if isinstance(sizes, FixedSizes):
            listed += sizes.sizes
        elif isinstance(sizes, RatioSizes):
            tiers = sizes.tiers or (None,)
            listed += [str(sizes.expected(ratio, tier)) for ratio in sizes.ratios for tier in tiers]
        else:
            return [sizes.default, *ANY_SIZE] if isinstance(sizes, SizeRange) else ANY_SIZE
    return list(dict.fromkeys(listed))


def _params(cards: Iterable[ModelCard]) -> set[str]:
    """Parameters that at least one provider honours as they are."""
    params = {"prompt", "model", "n", "response_format", "output_format"}
    for card in cards:
        params |= card.accepts
        offered = {
            "quality": card.qualities,
            "background": card.backgrounds,
            "seed": card.seed,
            "negative_prompt": card.negative_prompt,
            "output_compression": card.compression,
            "image": card.max_images,
            "mask": Operation.INPAINT in card.operations,
            "stream": card.partial_images,
            "partial_images": card.partial_images,
            **_shapes(card),
        }
        params |= {name for name, is_offered in offered.items() if is_offered}
    return params


def _shapes(card: ModelCard) -> dict[str, bool]:
    """Which ways to say a shape have an effect: pixels are computed from a ratio and a tier."""
    rules = [card.sizes_of(operation) for operation in card.operations]
    can_choose = any(not isinstance(rule, InputSize) for rule in rules)
    has_tiers = any(
        bool(rule.tiers) if isinstance(rule, RatioSizes) else isinstance(rule, SizeRange | AnySize)
        for rule in rules
    )
    return {"size": can_choose, "aspect_ratio": can_choose, "resolution": has_tiers}


def _words(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(word for words in lists for word in words))


def _shutdown(cards: Sequence[ModelCard]) -> str | None:
    """When the last provider stops; ``None`` while any has no end."""
    ends = [card.shutdown for card in cards]
    return max(end.isoformat() for end in ends if end) if ends and all(ends) else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _unix(day: date | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) if day else 0
