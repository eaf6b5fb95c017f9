"""Candidates and targets for tests of pure routing."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from routercore.routing.plan import Candidate, Health, Target, Turn
from routercore.values.catalogue import ModelCard
from routercore.values.images import ImageRequest
from routercore.values.money import Basis, Estimate

REQUEST = ImageRequest(prompt="a heron", model="art")


def target(name: str, *, weight: float = 1.0, via: str | None = None, **card: Any) -> Target:
    return Target(provider=name, card=ModelCard(id="poster", **card), weight=weight, via=via)


def candidate(
    name: str, *, weight: float = 1.0, price: str | None = None, latency: float | None = None,
    in_flight: int = 0,
) -> Candidate:  # fmt: skip
    usd = None if price is None else Decimal(price)
    known = Estimate(low=usd, expected=usd, high=usd, basis=Basis.TABLE)
    return Candidate(
        target=target(name, weight=weight),
        request=REQUEST,
        warnings=(),
        estimate=Estimate() if usd is None else known,
        health=Health(latency=latency, in_flight=in_flight),
    )


def turn(number: int = 0, seed: int = 0) -> Turn:
    return Turn(number, random.Random(seed))


def counting() -> Callable[[tuple[str, ...]], Turn]:
    """Turns as the engine gives them: counted for each set of names by itself."""
    numbers: dict[tuple[str, ...], int] = {}
    chance = random.Random(0)

    def take(names: tuple[str, ...]) -> Turn:
        numbers[names] = numbers.get(names, -1) + 1
        return Turn(numbers[names], chance)

    return take
