"""What was delivered beside what was asked for, by its bytes and the provider's word. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from routercore.routing.plan import Candidate
from routercore.values.check import same_quality
from routercore.values.headers import can_be_transparent
from routercore.values.images import Generated, Image, ImageRequest, Warning
from routercore.values.sizes import RatioSizes, Size, is_of_tier, parse_ratio, tier_pixels

SAME_SHAPE = 1.05
"""Ratios that differ by less pass for one: what vendors make of 4:3 is up to 3 % wider."""
SAME_AREA = 2.0
"""Pixels of a shape without declared ones are computed, and only near what a vendor makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one attempt brought."""

    candidate: Candidate
    images: tuple[Image, ...]
    generated: tuple[Generated, ...]
    """What the provider said of them."""
    last: int = 0
    """The highest of their numbers in the request, by which their seeds grow."""

    @property
    def fitted(self) -> ImageRequest:
        """What the provider was asked for."""
        return self.candidate.request

    @property
    def sizes(self) -> list[Size]:
        return [image.size for image in self.images if image.size is not None]

    @property
    def shape(self) -> Size | None:
        """The pixels that were asked for, or follow from a ratio and tier; ``None`` where the
        provider was told neither."""
        fitted, rule = self.fitted, self.candidate.target.card.sizes_of(self.fitted.operation)
        if fitted.size is not None or not isinstance(rule, RatioSizes):
            return fitted.size
        ratio, tier = fitted.aspect_ratio, fitted.resolution
        return rule.expected(ratio or rule.default_ratio, tier or rule.default_tier)

    def has_said(self, param: str) -> bool:
        """Whether the caller is told already, as it was known before."""
        return any(warning.param == param for warning in self.candidate.warnings)


def unsaid(request: ImageRequest, delivered: Sequence[Delivered]) -> Iterator[Warning]:
    """Warnings of what came out otherwise than the targets were asked for, each once."""
    for param, look in _LOOKS.items():
        asked = getattr(request, param)
        if asked is None:
            continue
        others = {other for one in delivered for other in look(request, one)}
        if others:
            text = ", ".join(sorted(others))
            yield Warning(code=f"{param}_changed", param=param, requested=str(asked),
                          message=f"the provider delivered {text}", delivered=text)  # fmt: skip
    given = {i.made_as for one in delivered if not one.has_said("output_format")
             for i in one.images if i.made_as}  # fmt: skip
    if given:
        message = f"the provider delivered {', '.join(sorted(given))}; converted after delivery"
        yield Warning(code="output_format_adapted", param="output_format", message=message,
                      requested=request.output_format, delivered=request.output_format)  # fmt: skip


def said(one: Delivered) -> Iterator[Warning]:
    """What was known before, with the sizes that there are now in place of the expected ones."""
    sizes = ", ".join(dict.fromkeys(map(str, one.sizes)))
    for warning in one.candidate.warnings:
        is_of_size = warning.code == "size_adapted" and sizes
        yield replace(warning, delivered=sizes) if is_of_size else warning


def told(made: Sequence[Generated]) -> Iterator[Warning]:
    """What providers say of their images, once."""
    yield from dict.fromkeys(warning for one in made for warning in one.warnings)


def background_of(request: ImageRequest, delivered: Sequence[Delivered]) -> str | None:
    """The background that there is: transparent only where the bytes can be."""
    one = delivered[-1] if delivered else None
    if one is None:
        return request.background
    words = [generated.background for generated in one.generated if generated.background]
    asked = None if one.has_said("background") else request.background
    word = words[-1] if words else one.fitted.background or asked
    if "transparent" in (word, request.background) and _is_opaque(one):
        return "opaque"
    return word


def _sizes(request: ImageRequest, one: Delivered) -> Iterable[str]:
    """Exact where pixels were asked for, near where they are but expected of a ratio."""
    expected = one.shape
    if expected is None:
        return ()
    is_exact = one.fitted.size is not None or expected == request.size
    return [str(size) for size in one.sizes
            if size != expected and (is_exact or not _is_near(size, expected))]  # fmt: skip


def _ratios(request: ImageRequest, one: Delivered) -> Iterable[str]:
    expected = one.shape
    if expected is None:
        return ()
    wanted = {expected.ratio}
    if one.fitted.aspect_ratio:
        wanted.add(parse_ratio(one.fitted.aspect_ratio))
    return [str(size) for size in one.sizes
            if not any(_is_factor(size.ratio / ratio, SAME_SHAPE) for ratio in wanted)]  # fmt: skip


def _tiers(request: ImageRequest, one: Delivered) -> Iterable[str]:
    """A drawing has no resolution."""
    expected = one.shape
    if expected is None or request.output_format == "svg":
        return ()
    areas = {expected.pixels}
    if not one.has_said("resolution"):
        areas.add(tier_pixels(request.resolution or "1K"))
    return [str(size) for size in one.sizes if not any(is_of_tier(size, area) for area in areas)]


def _formats(request: ImageRequest, one: Delivered) -> Iterable[str]:
    return {image.format for image in one.images} - {request.output_format or ""}


def _backgrounds(request: ImageRequest, one: Delivered) -> Iterable[str]:
    if one.has_said("background"):
        return ()
    words = {made.background for made in one.generated} & {"transparent", "opaque"}
    if request.background == "transparent" and _is_opaque(one):
        words = {"opaque"}
    return {word for word in words if word and word != request.background}


def _qualities(request: ImageRequest, one: Delivered) -> Iterable[str]:
    asked, known = one.fitted.quality, one.candidate.target.card.qualities
    words = {made.quality for made in one.generated if made.quality}
    return [word for word in words if asked and not same_quality(asked, word, known)]


def _seeds(request: ImageRequest, one: Delivered) -> Iterable[str]:
    """Of several images each may have the next one, or all of a call the same."""
    first = one.fitted.seed
    if first is None:
        return ()
    return [str(image.seed) for image in one.images
            if image.seed is not None and not first <= image.seed <= first + one.last]  # fmt: skip


_LOOKS = {
    "size": _sizes, "aspect_ratio": _ratios, "resolution": _tiers, "output_format": _formats,
    "background": _backgrounds, "quality": _qualities, "seed": _seeds,
}  # fmt: skip
"""What came otherwise, by the setting that was asked for."""


def _is_opaque(one: Delivered) -> bool:
    return any(not can_be_transparent(image.format, image.data) for image in one.images)


def _is_near(size: Size, expected: Size) -> bool:
    is_shape = _is_factor(size.ratio / expected.ratio, SAME_SHAPE)
    return is_shape and _is_factor(size.pixels / expected.pixels, SAME_AREA)


def _is_factor(quotient: float, most: float) -> bool:
    return abs(math.log(quotient)) <= math.log(most)
