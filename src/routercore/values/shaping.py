"""How a size, a ratio and a tier are brought into the form that a card wants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

from routercore.values.images import ImageRequest
from routercore.values.money import fit_ratio
from routercore.values.sizes import (
    AnySize,
    FixedSizes,
    InputSize,
    RatioSizes,
    Size,
    SizeRange,
    is_of_tier,
    nearest_ratio,
    parse_ratio,
    tier_of,
    tier_pixels,
)

if TYPE_CHECKING:
    from routercore.values.check import Fitting

MAX_RATIO_CHANGE = 1.3
"""A size is adapted while its shape changes less than this; 16:9 to 3:2 is 1.19."""
MAX_AREA_CHANGE = 4.0


def fit_shape(f: Fitting) -> None:
    """Bring size, ratio and tier into the form that the card wants."""
    request = f.request
    if request.size is None and not request.aspect_ratio and not request.resolution:
        return
    param = "size" if request.size is not None else "aspect_ratio"
    try:
        _fit(f, param)
    except ValueError as error:  # A ratio or a tier that nobody can read.
        f.reject(param if request.aspect_ratio else "resolution", str(error))


def _fit(f: Fitting, param: str) -> None:
    request = f.request
    sizes = f.card.sizes_of(request.operation)
    if isinstance(sizes, InputSize):
        for asked in ("size", "aspect_ratio", "resolution"):
            if getattr(request, asked):
                f.drop(asked, f"{f.card.id!r} keeps the size of the input image")
    elif isinstance(sizes, RatioSizes):
        _ratio_sizes(f, sizes, param)
    elif isinstance(sizes, AnySize):
        f.changes.update(_pixels(request.size or _asked_size(request, 1)))
    elif isinstance(sizes, FixedSizes | SizeRange):
        wanted = request.size or _asked_size(request, 1)
        near = _nearest(sizes, request.size or _asked_size(request, _multiple(sizes)))
        if near != wanted and (request.size is not None or not _similar(near, wanted, 1.02)):
            _adapt_size(f, param, wanted, near)
        elif request.resolution and not is_of_tier(near, tier_pixels(request.resolution)):
            message = f"{f.card.id!r} cannot make {request.resolution}; {near} is nearest"
            f.adapt("resolution", message, delivered=str(near), **_pixels(near))
        else:
            f.changes.update(_pixels(near))
    else:
        assert_never(sizes)


def _pixels(size: Size) -> dict[str, Any]:
    """A shape said in pixels, and in nothing else: a vendor is told it once."""
    return {"size": size, "aspect_ratio": None, "resolution": None}


def _ratio_sizes(f: Fitting, sizes: RatioSizes, param: str) -> None:
    request = f.request
    if request.size is not None:
        ratio, tier = fit_ratio(sizes, request.size)
        near = sizes.expected(ratio, tier)
        if near != request.size:
            _adapt_size(f, param, request.size, near, size=None, aspect_ratio=ratio,
                        resolution=tier)  # fmt: skip
        else:
            f.changes.update(size=None, aspect_ratio=ratio, resolution=tier)
        return
    _ratio(f, sizes)
    _resolution(f, sizes)


def _ratio(f: Fitting, sizes: RatioSizes) -> None:
    asked = f.request.aspect_ratio
    if asked and asked not in sizes.ratios:
        near = nearest_ratio(parse_ratio(asked), sizes.ratios)
        f.adapt("aspect_ratio", f"{f.card.id!r} has no {asked}; {near} is nearest",
                delivered=near, aspect_ratio=near)  # fmt: skip


def _resolution(f: Fitting, sizes: RatioSizes) -> None:
    asked = f.request.resolution
    if asked and asked not in sizes.tiers:
        if not sizes.tiers:
            f.drop("resolution", f"{f.card.id!r} has one resolution")
            return
        near = tier_of(sizes, sizes.area(asked))
        f.adapt("resolution", f"{f.card.id!r} offers {', '.join(sizes.tiers)}; {near} is nearest",
                delivered=near, resolution=near)  # fmt: skip


def _adapt_size(f: Fitting, param: str, wanted: Size, near: Size, **to: Any) -> None:
    if not _similar(near, wanted, MAX_RATIO_CHANGE) or not (
        1 / MAX_AREA_CHANGE <= near.pixels / wanted.pixels <= MAX_AREA_CHANGE
    ):
        f.reject(param, f"{f.card.id!r} cannot make {wanted}; the nearest it can is {near}")
        return
    f.adapt(param, f"{f.card.id!r} cannot make {wanted}; {near} is nearest",
            delivered=str(near), **(to or _pixels(near)))  # fmt: skip


def _similar(a: Size, b: Size, factor: float) -> bool:
    return abs(math.log(a.ratio / b.ratio)) <= math.log(factor)


def _asked_size(request: ImageRequest, multiple: int) -> Size:
    """Pixels for a ratio and tier; about one megapixel unless a tier says more."""
    area = RatioSizes(ratios=()).area(request.resolution)
    ratio = parse_ratio(request.aspect_ratio or "1:1")
    edges = (math.sqrt(area * ratio), math.sqrt(area / ratio))
    width, height = (max(1, round(edge / multiple)) * multiple for edge in edges)
    return Size(width, height)


def _multiple(sizes: FixedSizes | SizeRange) -> int:
    return sizes.multiple_of if isinstance(sizes, SizeRange) else 1


def _nearest(sizes: FixedSizes | SizeRange, wanted: Size) -> Size:
    """The offered size closest to ``wanted``: in shape first, then in area."""
    if isinstance(sizes, FixedSizes):
        offered = [Size.parse(text) for text in sizes.sizes]
        return min(
            offered,
            key=lambda size: (
                round(abs(math.log(size.ratio / wanted.ratio)), 3),
                abs(math.log(size.pixels / wanted.pixels)),
            ),
        )
    return wanted if sizes.problem(wanted) is None else _into_range(sizes, wanted)


def _into_range(sizes: SizeRange, wanted: Size) -> Size:
    """Scale into the bounds on area and edges, then round to the multiple."""
    limit = sizes.max_ratio or math.inf
    ratio = min(max(wanted.ratio, 1 / limit), limit)
    area = max(wanted.pixels, sizes.min_pixels or 1)
    area = min(area, sizes.max_pixels or area)
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    scale = max(1.0, sizes.min_edge / min(width, height))
    scale = min(scale, (sizes.max_edge or math.inf) / max(width, height))
    step = sizes.multiple_of
    candidates = [
        Size(w, h)
        for w in _around(width * scale, step)
        for h in _around(height * scale, step)
        if sizes.problem(Size(w, h)) is None
    ]
    return min(
        candidates,
        key=lambda size: abs(size.width - wanted.width) + abs(size.height - wanted.height),
        default=Size.parse(sizes.default),
    )


def _around(edge: float, step: int) -> tuple[int, int]:
    down = max(1, math.floor(edge / step)) * step
    return down, down + step
