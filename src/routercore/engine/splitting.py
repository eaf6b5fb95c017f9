"""One attempt as several calls: how many images each asks for, and from which seed. Pure."""

from __future__ import annotations

from dataclasses import replace

from routercore.routing.plan import Candidate


def seeded(candidate: Candidate, made: int) -> Candidate:
    """The candidate as the call after ``made`` images asks it.

    One seed for several calls would make one picture several times, each of them paid for: the
    seed grows by one with every image.
    """
    seed = candidate.request.seed
    if seed is None or not made:
        return candidate
    return replace(candidate, request=replace(candidate.request, seed=seed + made))


def split(n: int, most: int) -> list[int]:
    """Sizes of the calls that make ``n`` images: full ones first."""
    full, rest = divmod(n, most)
    return [most] * full + ([rest] if rest else [])
