"""One attempt as several calls: how many images each asks for, and from which seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice

from routercore.routing.plan import Candidate, Plan

Piece = tuple[int, ...]
"""The images of one call, by their numbers in the request."""


@dataclass(frozen=True, slots=True)
class Part:
    """The images that one target is asked for first, and who is asked for them after it."""

    plan: Plan
    """With that target in front of the others."""
    first: int
    n: int


def parts_of(plan: Plan) -> list[Part]:
    """A request as its plan divides it over targets; all of it in one part, as a rule."""
    parts: list[Part] = []
    first = 0
    for place, n in enumerate(plan.shares):
        if n:
            others = (*plan.candidates[:place], *plan.candidates[place + 1 :])
            order = (plan.candidates[place], *others)
            parts.append(Part(replace(plan, candidates=order), first, n))
            first += n
    return parts


@dataclass(slots=True)
class Wanted:
    """The images of a part that are still to be had, by numbers that also tell their seeds."""

    numbers: list[int]
    fresh: Iterator[int] = field(default_factory=count)
    """Numbers that no image of the request has yet."""

    def __len__(self) -> int:
        return len(self.numbers)

    def met(self, piece: Piece, images: int) -> None:
        """A call for ``piece`` brought so many images.

        Nobody knows which of them it left out: what is missing gets numbers of its own, so that
        no picture is made and paid for twice.
        """
        if images:
            left = max(0, len(self) - images)
            others = [one for one in self.numbers if one not in piece][:left]
            self.numbers = [*others, *islice(self.fresh, left - len(others))]


def seeded(candidate: Candidate, number: int) -> Candidate:
    """The candidate as the call asks it that begins with an image of that number.

    One seed for several calls would make one picture several times, each of them paid for: the
    seed grows by one with every image.
    """
    seed = candidate.request.seed
    if seed is None or not number:
        return candidate
    return replace(candidate, request=replace(candidate.request, seed=seed + number))


def split(numbers: Sequence[int], most: int, *, is_seeded: bool) -> list[Piece]:
    """The images of each call: full ones first; with a seed, each has numbers in a row."""
    pieces: list[list[int]] = []
    for number in numbers:
        last = pieces[-1] if pieces else []
        has_room = 0 < len(last) < most
        if has_room and (not is_seeded or number == last[-1] + 1):
            last.append(number)
        else:
            pieces.append([number])
    return [tuple(piece) for piece in pieces]
