"""What a picture costs whose size is not in the price list."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from routercore.values.sizes import Size

SAME_SHAPE = math.log(1.02)
"""Sizes whose ratios differ by less than two per cent are of one shape."""

parse_size = lru_cache(maxsize=4096)(Size.parse)
"""``Size.parse`` for the sizes of price lists, which are read again for every estimate."""


def scaled(listed: Mapping[Size, Decimal], size: Size) -> Decimal:
    """The price of ``size`` from those of the listed sizes of the nearest shape.

    Between two of them a price goes by pixels, beyond the largest in proportion; below the
    smallest it stays. Larger does not mean dearer: models paid by the token charge most for a
    square. A computed price is rounded to a millionth of a dollar.
    """
    distances = {other: _distance(other, size) for other in listed}
    allowed = min(distances.values()) + SAME_SHAPE
    near = {other.pixels: listed[other] for other in listed if distances[other] <= allowed}
    return round(_interpolated(sorted(near.items()), size.pixels), 6)


def _interpolated(points: Sequence[tuple[int, Decimal]], pixels: int) -> Decimal:
    below = [point for point in points if point[0] <= pixels]
    above = [point for point in points if point[0] >= pixels]
    if not above:
        known, amount = below[-1]
        return amount * pixels / known
    if not below or above[0] == below[-1]:
        return above[0][1]
    (start, low), (end, high) = below[-1], above[0]
    return low + (high - low) * (pixels - start) / (end - start)


def _distance(a: Size, b: Size) -> float:
    """How far two shapes are apart, on a logarithmic scale, upright or not."""
    return abs(abs(math.log(a.ratio)) - abs(math.log(b.ratio)))
