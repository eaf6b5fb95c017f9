"""Whether a model card can do a request: refused with reasons, or fitted with warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, assert_never

from routercore.values.amounts import number_of
from routercore.values.catalogue import PLAIN_SETTINGS, ModelCard
from routercore.values.images import ImageRequest, Operation, Warning
from routercore.values.money import fit_ratio
from routercore.values.sizes import (
    AnySize,
    FixedSizes,
    InputSize,
    RatioSizes,
    Size,
    SizeRange,
    nearest_ratio,
    parse_ratio,
)

CONVERTIBLE = frozenset({"png", "jpeg", "webp"})
"""Formats that the engine can make out of one another."""
MAX_RATIO_CHANGE = 1.3
"""A size is adapted while its shape changes less than this; 16:9 to 3:2 is 1.19."""
MAX_AREA_CHANGE = 4.0
SAME_TIER = 2.0
"""Areas that differ by less pass for one resolution: 2K is four times 1K."""
QUALITY_LEVELS = {"low": 0.0, "medium": 0.5, "standard": 0.5, "high": 1.0, "hd": 1.0,
                  "premium": 1.0, "xhigh": 1.5, "max": 2.0}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a card cannot do a request, and which parameter decided."""

    param: str
    message: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as a card can do it, and what had to be adapted for that."""

    request: ImageRequest
    warnings: tuple[Warning, ...] = ()


@dataclass
class _Fitting:
    """Collects what one check finds."""

    card: ModelCard
    request: ImageRequest
    today: date
    changes: dict[str, Any] = field(default_factory=dict)
    warnings: list[Warning] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def reject(self, param: str, message: str) -> None:
        self.rejections.append(Rejection(param, message))

    def adapt(self, param: str, message: str, *, delivered: str | None = None, **to: Any) -> None:
        """Change the request by ``to`` and warn; refuse instead where the caller is strict."""
        if self.request.strict:
            self.reject(param, f"{message}, and the request is strict")
            return
        self.changes.update(to)
        # Warnings are kept, and shared with results; what is private to one caller is not.
        asked = str(getattr(self.request, param)) if param not in _PRIVATE else None
        self.warnings.append(
            Warning(code=f"{param}_adapted", param=param, message=message,
                    requested=asked, delivered=delivered)
        )  # fmt: skip

    def drop(self, param: str, message: str) -> None:
        self.adapt(param, message, **{param: None})


_PRIVATE = frozenset({"prompt", "negative_prompt", "user", "safety_identifier"})
"""Settings that are quoted nowhere: what a caller words freely, and who its users are."""


def check(card: ModelCard, request: ImageRequest, today: date) -> Fit | tuple[Rejection, ...]:
    """Fit ``request`` to ``card``, or say, parameter by parameter, why that cannot be. Pure.

    Every setting is honoured, adapted with a warning, or a reason for rejection.
    """
    fitting = _Fitting(card, request, today)
    for step in (_life, _operation, _prompt, _shape, _quality, _format, _background, _numbers,
                 _plain):  # fmt: skip
        step(fitting)
    if fitting.rejections:
        return tuple(fitting.rejections)
    fitted = replace(request, **fitting.changes) if fitting.changes else request
    return Fit(fitted, tuple(fitting.warnings))


def _life(f: _Fitting) -> None:
    if f.card.is_retired(f.today):
        instead = f"; use {f.card.successor!r}" if f.card.successor else ""
        f.reject("model", f"{f.card.id!r} was shut down on {f.card.shutdown}{instead}")


def _operation(f: _Fitting) -> None:
    card, request = f.card, f.request
    if request.operation not in card.operations:
        param = {Operation.INPAINT: "mask", Operation.EDIT: "image", Operation.GENERATE: "image"}
        missing = {
            Operation.INPAINT: "takes no mask",
            Operation.EDIT: "takes no input image",
            Operation.GENERATE: "needs an input image",
        }
        f.reject(param[request.operation], f"{card.id!r} {missing[request.operation]}")
    elif len(request.images) > card.max_images:
        f.reject("image", f"{card.id!r} takes at most {number_of(card.max_images, 'input image')}")


def _prompt(f: _Fitting) -> None:
    limit, length = f.card.max_prompt, len(f.request.prompt)
    if not f.card.prompt:
        if f.request.prompt:
            f.adapt("prompt", f"{f.card.id!r} takes no words; the prompt is not sent", prompt="")
        return
    if limit is not None and length > limit:
        f.reject("prompt", f"the prompt has {length:,} characters; {f.card.id!r} takes {limit:,}")


def _shape(f: _Fitting) -> None:
    """Bring size, ratio and tier into the form that the card wants."""
    request = f.request
    if request.size is None and not request.aspect_ratio and not request.resolution:
        return
    param = "size" if request.size is not None else "aspect_ratio"
    try:
        _fit_shape(f, param)
    except ValueError as error:  # A ratio or a tier that nobody can read.
        f.reject(param if request.aspect_ratio else "resolution", str(error))


def _fit_shape(f: _Fitting, param: str) -> None:
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
        elif request.resolution and not _similar_area(near, wanted):
            message = f"{f.card.id!r} cannot make {request.resolution}; {near} is nearest"
            f.adapt("resolution", message, delivered=str(near), **_pixels(near))
        else:
            f.changes.update(_pixels(near))
    else:
        assert_never(sizes)


def _pixels(size: Size) -> dict[str, Any]:
    """A shape said in pixels, and in nothing else: a vendor is told it once."""
    return {"size": size, "aspect_ratio": None, "resolution": None}


def _ratio_sizes(f: _Fitting, sizes: RatioSizes, param: str) -> None:
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


def _ratio(f: _Fitting, sizes: RatioSizes) -> None:
    asked = f.request.aspect_ratio
    if asked and asked not in sizes.ratios:
        near = nearest_ratio(parse_ratio(asked), sizes.ratios)
        f.adapt("aspect_ratio", f"{f.card.id!r} has no {asked}; {near} is nearest",
                delivered=near, aspect_ratio=near)  # fmt: skip


def _resolution(f: _Fitting, sizes: RatioSizes) -> None:
    asked = f.request.resolution
    if asked and asked not in sizes.tiers:
        offered = f"offers {', '.join(sizes.tiers)}" if sizes.tiers else "has one resolution"
        f.drop("resolution", f"{f.card.id!r} {offered}")


def _adapt_size(f: _Fitting, param: str, wanted: Size, near: Size, **to: Any) -> None:
    if not _similar(near, wanted, MAX_RATIO_CHANGE) or not (
        1 / MAX_AREA_CHANGE <= near.pixels / wanted.pixels <= MAX_AREA_CHANGE
    ):
        f.reject(param, f"{f.card.id!r} cannot make {wanted}; the nearest it can is {near}")
        return
    f.adapt(param, f"{f.card.id!r} cannot make {wanted}; {near} is nearest",
            delivered=str(near), **(to or _pixels(near)))  # fmt: skip


def _similar(a: Size, b: Size, factor: float) -> bool:
    return abs(math.log(a.ratio / b.ratio)) <= math.log(factor)


def _similar_area(a: Size, b: Size) -> bool:
    return 1 / SAME_TIER <= a.pixels / b.pixels <= SAME_TIER


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


def _quality(f: _Fitting) -> None:
    asked, offered = f.request.quality, f.card.qualities
    if asked is None or asked in offered:
        return
    if not offered:
        f.drop("quality", f"{f.card.id!r} has no choice of quality")
        return
    level = QUALITY_LEVELS.get(asked)
    if level is None:
        f.reject("quality", f"{f.card.id!r} takes {', '.join(offered)}, not {asked!r}")
        return
    near = _nearest_quality(offered, level)
    f.adapt("quality", f"{f.card.id!r} has no {asked!r}; {near!r} is nearest",
            delivered=near, quality=near)  # fmt: skip


def _nearest_quality(offered: tuple[str, ...], level: float) -> str:
    """By level where the words are known, by position from cheap to dear where they are not."""
    if all(word in QUALITY_LEVELS for word in offered):
        return min(offered, key=lambda word: abs(QUALITY_LEVELS[word] - level))
    return offered[round(min(level, 1.0) * (len(offered) - 1))]


def _format(f: _Fitting) -> None:
    card, asked = f.card, f.request.output_format
    offered = card.formats if card.choose_format else card.formats[:1]
    if asked is not None and asked not in offered:
        if asked not in CONVERTIBLE or CONVERTIBLE.isdisjoint(card.formats):
            f.reject("output_format", f"{card.id!r} gives {', '.join(card.formats)}, not {asked}")
            return
        f.adapt("output_format", f"{card.id!r} does not give {asked}; converted after delivery",
                delivered=asked, output_format=None)  # fmt: skip
    if f.request.output_compression is not None:
        _compression(
            f, asked or card.formats[0], is_ours=asked is not None and asked not in offered
        )


def _compression(f: _Fitting, format: str, *, is_ours: bool) -> None:
    """Who converts a picture compresses it; the vendor would compress what is thrown away."""
    if format not in ("jpeg", "webp"):
        f.reject("output_compression", f"{format} cannot be compressed; ask for jpeg or webp")
    elif is_ours or not f.card.compression:
        f.drop("output_compression", f"{f.card.id!r} has no compression; applied after delivery")


def _background(f: _Fitting) -> None:
    asked = f.request.background
    if asked == "transparent":
        if asked not in f.card.backgrounds:
            f.reject("background", f"{f.card.id!r} makes no transparent background")
        elif f.request.output_format == "jpeg":
            f.reject("background", "a jpeg cannot be transparent; ask for png or webp")
    elif asked == "opaque" and not f.card.backgrounds:
        f.changes["background"] = None  # Opaque is what a model without the choice makes.
    elif asked is not None and asked not in f.card.backgrounds:
        f.drop("background", f"{f.card.id!r} has no background {asked!r}")


def _numbers(f: _Fitting) -> None:
    card, request = f.card, f.request
    most = card.max_n_of(request.output_format)
    if request.n > most:
        f.adapt("n", f"{card.id!r} makes {most} a call; asked for in several calls")
    if request.seed is not None and not card.seed:
        f.drop("seed", f"{card.id!r} takes no seed")
    if request.negative_prompt and not card.negative_prompt:
        f.drop("negative_prompt", f"{card.id!r} takes no negative prompt")
    if (request.partial_images or 0) > card.partial_images:
        f.adapt("partial_images", f"{card.id!r} sends at most {card.partial_images}",
                delivered=str(card.partial_images), partial_images=card.partial_images)  # fmt: skip


def _plain(f: _Fitting) -> None:
    for param in sorted(PLAIN_SETTINGS - f.card.accepts):
        if getattr(f.request, param) is None:
            continue
        if param in ("markup", "svg", "frame_count", "frame_duration_ms"):
            f.reject(param, f"{f.card.id!r} takes no {param}")
        else:
            f.drop(param, f"{f.card.id!r} takes no {param}")
    if f.request.markup is not None and f.request.mask is not None:
        f.reject("markup", "a markup excludes a mask; send one of them")
    _listed(f, "style", f.card.styles)
    _listed(f, "input_fidelity", f.card.fidelities)


def _listed(f: _Fitting, param: str, words: tuple[str, ...]) -> None:
    """Leave out a word that the model does not know, in whatever case it is written."""
    asked = getattr(f.request, param)
    known = {word.lower() for word in words}
    if asked and param in f.card.accepts and words and asked.lower() not in known:
        f.drop(param, f"{f.card.id!r} takes {', '.join(words)}, not {asked!r}")
