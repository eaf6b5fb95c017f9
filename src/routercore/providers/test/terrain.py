"""The lines of a landscape as numbers: ridges, waves and trees. Standard library alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from routercore.providers.test.chance import Chance

Point: TypeAlias = tuple[float, float]


def mountains(chance: Chance, roughness: float = 0.52) -> list[float]:
    """Heights, -1 to 1, of a jagged ridge: a line whose middle is moved again and again."""
    line = [chance.uniform(-0.6, 0.6), chance.uniform(-0.2, 1.0), chance.uniform(-0.6, 0.6)]
    reach = 0.55
    for _ in range(7):
        middles = [(a + b) / 2 + chance.uniform(-reach, reach) for a, b in pairwise(line)]
        line = [x for pair in zip(line, middles, strict=False) for x in pair] + line[-1:]
        reach *= roughness
    return _normal(line)


def hills(chance: Chance, waves: int = 4) -> list[float]:
    """Heights, -1 to 1, of a soft line: a few sines."""
    parts = [
        (chance.uniform(0.5, 1.1) * (1 + k), chance.uniform(0, math.tau), 1 / (1 + k) ** 1.4)
        for k in range(waves)
    ]
    steps = 256
    return _normal(
        [
            sum(a * math.sin(math.tau * f * x / steps + phase) for f, phase, a in parts)
            for x in range(steps + 1)
        ]
    )


def height_at(line: Sequence[float], t: float) -> float:
    """The height of a line at ``t``, 0 to 1."""
    place = min(max(t, 0.0), 1.0) * (len(line) - 1)
    index = min(int(place), len(line) - 2)
    return line[index] + (line[index + 1] - line[index]) * (place - index)


def conifer(chance: Chance, foot: Point, height: float) -> list[Point]:
    """The outline of a fir, standing with its foot a little in the ground."""
    x, y = foot
    tiers, half = 4, height * chance.uniform(0.17, 0.24)
    left: list[Point] = []
    for tier in range(tiers):
        down = (tier + 1) / tiers
        reach = half * (0.25 + 0.75 * down) * chance.uniform(0.85, 1.1)
        left.append((reach, y - height * (1 - down * 0.92)))
        left.append((reach * 0.45, y - height * (1 - down * 0.92) - height * 0.03))
    outline = [(x, y - height)]
    outline += [(x + dx, py) for dx, py in left[:-1]]
    outline += [(x + height * 0.02, y + height * 0.1), (x - height * 0.02, y + height * 0.1)]
    return outline + [(x - dx, py) for dx, py in reversed(left[:-1])]


def _normal(line: Sequence[float]) -> list[float]:
    low, high = min(line), max(line)
    return [2 * (x - low) / ((high - low) or 1) - 1 for x in line]
