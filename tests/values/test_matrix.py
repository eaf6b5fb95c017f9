"""Every setting against every model of every installed provider: nothing is dropped silently."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.upstreams import mask, picture

from routercore.plugins import load_plugins
from routercore.values.catalogue import ModelCard
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, InputImage, Operation
from routercore.values.sizes import AnySize, FixedSizes, RatioSizes, Size, SizeRange, parse_ratio

TODAY = date(2026, 1, 1)
IMAGE, MASK = InputImage(picture()), InputImage(mask())
SHAPE = ("size", "aspect_ratio", "resolution")
VALUES: dict[str, tuple[Any, ...]] = {
    "n": (1, 2, 10),
    "size": (Size(1024, 1024), Size(1536, 1024), Size(1024, 1536), Size(256, 256),
             Size(1792, 1024), Size(333, 777), Size(3840, 2160)),
    "aspect_ratio": ("1:1", "16:9", "9:16", "21:9", "7:5"),
    "resolution": ("1K", "2K", "4K", "0.5K"),
    "quality": ("low", "medium", "high", "xhigh", "max", "standard", "hd", "turbo"),
    "output_format": ("png", "jpeg", "webp", "gif", "svg"),
    "output_compression": (0, 50, 100),
    "background": ("transparent", "opaque"),
    "moderation": ("low",),
    "style": ("vivid", "natural", "baroque"),
    "seed": (0, 7, 2**63 - 1),
    "negative_prompt": ("fog",),
    "input_fidelity": ("low", "high"),
    "complexity": ("low", "high"),
    "frame_count": (2, 16),
    "frame_duration_ms": (10, 200),
    "svg": ({"model": "m"},),
    "user": ("jo",),
    "safety_identifier": ("h",),
    "partial_images": (1, 3),
    "markup": (MASK,),
}  # fmt: skip
"""Values of each setting that somebody may ask for; ``auto`` is the same as not asking."""


@cache
def cards() -> tuple[tuple[str, ModelCard], ...]:
    """Every card that an installed provider declares."""
    providers = load_plugins().providers
    return tuple(
        (f"{name}:{card.id}", card)
        for name, provider in sorted(providers.items())
        for card in provider.catalogue()
    )


def asking(card: ModelCard, **changes: Any) -> ImageRequest:
    """A request for the card's first operation."""
    offered = card.operations
    fields: dict[str, Any] = {"prompt": "a lighthouse", "model": card.name}
    if Operation.GENERATE not in offered or "markup" in changes:
        fields["images"] = (IMAGE,)
        if Operation.EDIT not in offered:
            fields["mask"] = MASK
    return ImageRequest(**{**fields, **changes})


def lost(card: ModelCard, request: ImageRequest, asked: dict[str, Any]) -> list[str]:
    """The settings that were neither honoured, nor warned of, nor a reason to refuse."""
    found = check(card, request, TODAY)
    if not isinstance(found, Fit):
        return [] if all(reason.param and reason.message for reason in found) else ["a reason"]
    warned = {warning.param for warning in found.warnings}
    if warned & set(SHAPE):
        warned.update(SHAPE)  # A shape is adapted as a whole.
    return [
        name
        for name, value in asked.items()
        if name not in warned and not is_honoured(card, found.request, name, value)
    ]


def is_honoured(card: ModelCard, fitted: ImageRequest, name: str, value: Any) -> bool:
    """Whether a provider is told what was asked for."""
    if name in SHAPE:
        return _is_shape_honoured(card, fitted, name, value)
    if name == "background" and value == "opaque" and value not in card.backgrounds:
        return fitted.background is None  # What a model without the choice makes.
    if name == "output_compression" and value == 100 and fitted.output_compression is None:
        format = fitted.output_format or card.formats[0]
        return format not in ("jpeg", "webp")  # What nothing can compress is as good as it gets.
    return bool(value == getattr(fitted, name))


def _is_shape_honoured(card: ModelCard, fitted: ImageRequest, name: str, value: Any) -> bool:
    """A shape may be said in pixels, or as a ratio and a tier, as the vendor wants it."""
    sizes = card.sizes_of(fitted.operation)
    if isinstance(sizes, RatioSizes):
        if name == "size":
            ratio = fitted.aspect_ratio or "1:1"
            return bool(value == sizes.expected(ratio, fitted.resolution))
        return bool(value == getattr(fitted, name))
    if fitted.size is None:
        return False
    assert isinstance(sizes, AnySize | FixedSizes | SizeRange)
    if name == "size":
        return bool(value == fitted.size)
    if name == "aspect_ratio":
        return abs(fitted.size.ratio / parse_ratio(value) - 1) < 0.05
    edges = max(fitted.size.width, fitted.size.height), min(fitted.size.width, fitted.size.height)
    is_uhd = value == "4K" and edges == (3840, 2160)
    return is_uhd or 1 / 2 < fitted.size.pixels / RatioSizes(ratios=()).area(value) < 2


@pytest.mark.parametrize("name", VALUES)
def test_nothing_is_dropped_silently(name: str) -> None:
    """Each value of the setting is honoured, warned of or refused by each card."""
    dropped = [
        f"{label}: {name}={value!r}"
        for label, card in cards()
        for value in VALUES[name]
        if lost(card, asking(card, **{name: value}), {name: value})
    ]
    assert [] == dropped


@pytest.mark.parametrize("name", sorted(VALUES.keys() - {"n", "size", "output_format"}))
def test_strict_requests_are_not_adapted(name: str) -> None:
    """A strict request is done as it is or refused: no card warns."""
    warned = []
    for label, card in cards():
        for value in VALUES[name]:
            found = check(card, asking(card, strict=True, **{name: value}), TODAY)
            if isinstance(found, Fit) and found.warnings:
                warned.append(f"{label}: {name}={value!r}")
    assert [] == warned


@settings(max_examples=300)
@given(data=st.data())
def test_settings_together(data: st.DataObject) -> None:
    """Also together no setting hides another one."""
    label, card = data.draw(st.sampled_from(cards()))
    names = data.draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=2, max_size=5))
    if "size" in names:
        names -= {"aspect_ratio", "resolution"}
    asked = {name: data.draw(st.sampled_from(VALUES[name])) for name in sorted(names)}

    assert [] == lost(card, asking(card, **asked), asked), label


def test_there_is_something_to_try() -> None:
    """The matrix has every setting of a request, and the cards of many providers."""
    known = set(ImageRequest.__dataclass_fields__)
    of_the_router = {"prompt", "images", "mask", "model", "response_format", "strict", "options",
                     "max_price"}  # fmt: skip
    assert known - of_the_router == set(VALUES)
    assert len({label.partition(":")[0] for label, _ in cards()}) >= 20
