"""What a plan says is what happens: the run asks the same targets in the same order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, priced, provider, status

from routercore.provider import FixedSizes, MaskPolarity, ModelCard, Operation, usd
from routercore.testing.providers import PNG
from routercore.values.images import InputImage
from routercore.values.sizes import Size

PICTURE = InputImage.of(PNG)
MASKS: ModelCard = replace(
    CARD, operations=frozenset(Operation), max_images=1, mask=MaskPolarity.ALPHA,
    prices=(usd("0.09"),),
)  # fmt: skip
FINE = replace(
    CARD, qualities=("low", "high"), sizes=FixedSizes(("1024x1024", "1536x1024")),
    prices=(usd("0.01", quality="low"), usd("0.20", quality="high")),
)  # fmt: skip
REQUESTS: list[dict[str, Any]] = [
    {"images": (PICTURE,), "mask": PICTURE},
    {"size": Size(1536, 1024), "quality": "high"},
    {"size": Size(1000, 777)},
    {"n": 3},
]


@pytest.mark.parametrize("strategy", ["fallback", "cost", "round_robin", "weighted"])
@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: "-".join(asked))
async def test_the_run_follows_the_plan(strategy: str, asked: dict[str, Any]) -> None:
    """Every candidate fails in turn, and the trace names them as the plan did."""
    names = ("dear", "masks", "fine", "cheap")
    kit = Kit(
        provider("dear", cards=(priced(usd("0.30")),)),
        provider("masks", cards=(MASKS,)),
        provider("fine", cards=(FINE,)),
        provider("cheap", cards=(priced(usd("0.02")),)),
        answers={name: [status(500)] * 3 for name in names},
        route={"strategy": strategy, "max_exposure": Decimal(99)},
        max_attempts=9,
    )
    planned = [candidate.name for candidate in kit.engine.plan(asking(**asked)).candidates]
    assert [] == kit.asked
    error = await kit.error(**asked)
    assert planned == [attempt.target for attempt in error.attempts]


async def test_who_cannot_do_it_is_not_asked() -> None:
    """Every target is checked before any is tried: only those that can do it hear of a request."""
    kit = Kit("plain", provider("masks", cards=(MASKS,)), provider("fine", cards=(FINE,)),
              answers={"masks": [status(401)]})  # fmt: skip
    error = await kit.error(images=(PICTURE,), mask=PICTURE)
    assert (["masks"], ["masks:poster"]) == (kit.asked, [one.target for one in error.attempts])
