"""Picture sizes: pixels, ratios, and the ways in which a model restricts them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from routercore.values.shapes import (
    check_shapes,
    number,
    optional,
    several,
    table,
    text,
    whole,
)

SAME_TIER = 2.0
"""Areas that differ by less pass for one resolution: 2K is four times 1K."""
SCREEN = (3840 / 4096, 2160 / 4096)
"""The edges of the screen that is called 4K, in those of a square picture of 4K."""

_SIZE = re.compile(r"\s*(\d{1,6})\s*[xX×*]\s*(\d{1,6})\s*")
_TIER = re.compile(r"(\d{1,5}(?:\.\d+)?)([kK]?)")
_RATIO = re.compile(r"\s*(\d{1,4})\s*:\s*(\d{1,4})\s*")


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Width and height in pixels.

    >>> Size.parse("1536×1024")
    Size(width=1536, height=1024)
    >>> str(Size(512, 512))
    '512x512'
    """

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read ``1024x1024``, also with ``X``, ``×`` or ``*``.

        Raises:
            ValueError: the text is not a size, or an edge is zero.
        """
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a size; write it like 1024x1024, or 'auto'")
        width, height = int(match[1]), int(match[2])
        if not width or not height:
            raise ValueError(f"{text!r} has an edge of zero pixels")
        return cls(width, height)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def megapixels(self) -> float:
        """In units of 1,000,000 pixels."""
        return self.pixels / 1_000_000

    @property
    def ratio(self) -> float:
        return self.width / self.height


def parse_ratio(text: str) -> float:
    """Read ``16:9`` as width over height.

    Raises:
        ValueError: the text is not a ratio.
    """
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[1]) or not int(match[2]):
        raise ValueError(f"{text!r} is not a ratio; write it like 16:9")
    return int(match[1]) / int(match[2])


def tier_pixels(tier: str) -> int:
    """About how many pixels a picture of ``2K`` has, or of ``1536``.

    Raises:
        ValueError: nobody can read the tier, or it has no pixels.
    """
    match = _TIER.fullmatch(tier)
    edge = float(match[1]) * (1024 if match[2] else 1) if match else 0.0
    if edge < 1:
        raise ValueError(f"{tier!r} is not a resolution; write it like 2K")
    return round(edge * edge)


def is_of_tier(size: Size, pixels: int) -> bool:
    """Whether a picture passes for a tier of so many pixels: by how many it has, or because it
    is as large as the screen of that name."""
    if 1 / SAME_TIER <= size.pixels / pixels <= SAME_TIER:
        return True
    edge, (short, long) = math.sqrt(pixels), sorted((size.width, size.height))
    is_screen = long >= edge * SCREEN[0] and short >= edge * SCREEN[1]
    return is_screen and size.pixels < pixels


def nearest_ratio(ratio: float, offered: tuple[str, ...]) -> str:
    """The offered ratio that is closest, on the logarithmic scale on which 1:2 equals 2:1."""
    return min(offered, key=lambda text: abs(math.log(parse_ratio(text) / ratio)))


@dataclass(frozen=True, slots=True)
class AnySize:
    """Sizes that the provider does not document: passed on as asked."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The result has the size of the input image; a size cannot be asked for."""


@dataclass(frozen=True, slots=True)
class FixedSizes:
    """A closed list, such as ``1024x1024``; the first is the default."""

    sizes: tuple[str, ...]

    def __post_init__(self) -> None:
        check_shapes("FixedSizes", self, _FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRange:
    """Any width and height inside bounds; all bounds are inclusive, ``None`` is unbounded."""

    min_edge: int = 1
    max_edge: int | None = None
    multiple_of: int = 1
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_ratio: float | None = None
    """The longer edge over the shorter one."""
    default: str = "1024x1024"

    def __post_init__(self) -> None:
        check_shapes("SizeRange", self, _RANGE)

    def problem(self, size: Size) -> str | None:
        """Why ``size`` does not fit, in words, or ``None``."""
        long, short = max(size.width, size.height), min(size.width, size.height)
        if short < self.min_edge:
            return f"an edge is under {self.min_edge} pixels"
        if self.max_edge is not None and long > self.max_edge:
            return f"an edge is over {self.max_edge} pixels"
        if size.width % self.multiple_of or size.height % self.multiple_of:
            return f"an edge is not a multiple of {self.multiple_of}"
        if self.min_pixels is not None and size.pixels < self.min_pixels:
            return f"it has fewer than {self.min_pixels:,} pixels"
        if self.max_pixels is not None and size.pixels > self.max_pixels:
            return f"it has more than {self.max_pixels:,} pixels"
        if self.max_ratio is not None and long > short * self.max_ratio:
            return f"it is longer than {self.max_ratio:g}:1"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSizes:
    """An aspect ratio and, where there are several, a resolution tier; pixels follow from both."""

    ratios: tuple[str, ...]
    tiers: tuple[str, ...] = ()
    """Such as ``1K``, ``2K``; smallest first, empty where the model has one."""
    tier_pixels: Mapping[str, int] = field(default_factory=dict)
    """About how many pixels a tier has; ``1K`` is 1024², ``2K`` 2048² and so on unless given."""
    pixels: Mapping[str, str] = field(default_factory=dict)
    """Exact pixels where known, by ratio, or by ``ratio@tier``."""
    default_ratio: str = "1:1"
    default_tier: str | None = None

    def __post_init__(self) -> None:
        check_shapes("RatioSizes", self, _RATIOS)

    def area(self, tier: str | None) -> int:
        """About how many pixels a picture of ``tier`` has.

        Raises:
            ValueError: nobody can read the tier.
        """
        if tier is None:
            return next(iter(self.tier_pixels.values()), 1024 * 1024)
        if tier in self.tier_pixels:
            return self.tier_pixels[tier]
        return tier_pixels(tier)

    def expected(self, ratio: str, tier: str | None) -> Size:
        """The pixels that a ratio and tier give: exact where declared, computed elsewhere."""
        known = self.pixels.get(f"{ratio}@{tier}") or (self.pixels.get(ratio) if not tier else None)
        if known:
            return Size.parse(known)
        value, area = parse_ratio(ratio), self.area(tier)
        return Size(round(math.sqrt(area * value)), round(math.sqrt(area / value)))


def tier_of(sizes: RatioSizes, pixels: int) -> str:
    """The tier whose area is closest to ``pixels``, on a logarithmic scale."""
    return min(sizes.tiers, key=lambda tier: abs(math.log(sizes.area(tier) / pixels)))


_TEXTS, _BOUND = several(text, "texts"), optional(whole)
_FIXED = {"sizes": _TEXTS}
_RANGE = {
    "min_edge": whole, "max_edge": _BOUND, "multiple_of": whole, "min_pixels": _BOUND,
    "max_pixels": _BOUND, "max_ratio": optional(number), "default": text,
}  # fmt: skip
_RATIOS = {
    "ratios": _TEXTS, "tiers": _TEXTS, "tier_pixels": table(text, whole),
    "pixels": table(text, text), "default_ratio": text, "default_tier": optional(text),
}  # fmt: skip

Sizes = AnySize | InputSize | FixedSizes | SizeRange | RatioSizes


def unreadable(sizes: Sizes) -> str | None:
    """Why nobody can tell which sizes these are, or ``None``; every estimate has to read them."""
    try:
        match sizes:
            case FixedSizes(listed):
                if not listed:
                    return "its list of sizes is empty"
                _ = [Size.parse(one) for one in listed]
            case RatioSizes():
                _ = [parse_ratio(one) for one in sizes.ratios]
                _ = sizes.expected(sizes.default_ratio, sizes.default_tier)
                if not sizes.ratios:
                    return "its list of ratios is empty"
            case SizeRange():
                sizes.problem(Size.parse(sizes.default))
    except (ValueError, ArithmeticError) as error:
        return f"its sizes cannot be read: {error}"
    return None
