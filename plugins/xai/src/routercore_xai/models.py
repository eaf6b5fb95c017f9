"""The model cards, read on 21 November 2026 from xAI's SDK 1.21 and price list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from routercore.provider import Form, ModelCard, Operation, RatioSizes, usd

RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:20", "20:9", "1:2", "2:1")
"""Without 9:19.5 and 19.5:9, whose nearest neighbours 9:20 and 20:9 are there."""

GROK_IMAGINE = ModelCard(
    id="grok-imagine-image",
    aliases=("grok-imagine-image-2026-03-02",),
    operations=frozenset({Operation.GENERATE, Operation.EDIT}),
    sizes=RatioSizes(ratios=RATIOS, tiers=("1K", "2K"), default_tier="1K"),
    formats=("jpeg",),
    choose_format=False,
    forms=(Form.BASE64, Form.URL),
    max_n=3,
    max_images=3,
    accepts=frozenset({"user"}),
    latency=10.0,
    prices=(usd("0.02"),),
    price_source="https://docs.x.ai/docs/models",
    price_date=date(2026, 11, 21),
    released=date(2026, 3, 2),
    unverified=frozenset(
        {"sizes", "qualities", "formats", "max_n", "max_images", "latency", "prices"}
    ),
)
GROK_IMAGINE_2 = replace(
    GROK_IMAGINE,
    id="grok-imagine-image-2.0",
    name="grok-imagine-image-2.0",
    aliases=(),
    qualities=("low", "medium"),
    default_quality="medium",
    prices=(usd("0.06"), usd("0.04", quality="low")),
    released=None,
)


def retired(id: str, shutdown: date, *aliases: str) -> ModelCard:
    """A model that xAI no longer serves, so that asking for it says what to use instead."""
    successor = GROK_IMAGINE_2.id
    return ModelCard(id=id, aliases=aliases, shutdown=shutdown, successor=successor)


CARDS = (
    GROK_IMAGINE_2,
    GROK_IMAGINE,
    retired("grok-imagine-image-quality", date(2026, 11, 2),
            "grok-imagine-image-quality-latest", "grok-imagine-image-quality-20260403"),
    retired("grok-imagine-image-pro", date(2026, 5, 15)),
)  # fmt: skip
