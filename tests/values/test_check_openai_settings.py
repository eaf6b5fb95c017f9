"""How requests are fitted to cards, for the settings that OpenAI's newest models have."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from routercore.values.catalogue import PLAIN_SETTINGS, MaskPolarity, ModelCard
from routercore.values.check import Fit, Rejection, check
from routercore.values.images import ImageRequest, InputImage, Operation


def test_markup_and_mask_exclude_each_other() -> None:
    """A card that takes both takes them one at a time."""
    card = ModelCard(
        id="m",
        operations=frozenset(Operation),
        max_images=1,
        mask=MaskPolarity.ALPHA,
        accepts=frozenset({"markup"}),
    )
    image = InputImage(b"1")
    request = ImageRequest(model="m", prompt="x", images=(image,), mask=image, markup=image)
    rejections = check(card, request, date(2026, 11, 21))
    assert rejections == (Rejection("markup", "a markup excludes a mask; send one of them"),)


TODAY = date(2026, 11, 21)
IMAGE = InputImage(b"1")
NEWEST = ModelCard(
    id="m",
    operations=frozenset(Operation),
    max_images=1,
    mask=MaskPolarity.ALPHA,
    formats=("png", "jpeg", "gif", "svg"),
    compression=True,
    partial_images=3,
    accepts=PLAIN_SETTINGS,
    generate_only=frozenset({"moderation"}),
)


def asking(**settings: Any) -> ImageRequest:
    return ImageRequest(**{"model": "m", "prompt": "x", **settings})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"frame_count": 4}, ("frame_count", "frame_count is for gif; ask for that output_format")),
        ({"frame_duration_ms": 100, "output_format": "png"},
         ("frame_duration_ms", "frame_duration_ms is for gif; ask for that output_format")),
        ({"svg": {"model": "x"}, "output_format": "gif"},
         ("svg", "svg is for svg; ask for that output_format")),
        ({"images": (IMAGE,), "mask": IMAGE, "output_format": "gif"},
         ("mask", "a gif is made without a mask")),
    ],
)  # fmt: skip
def test_settings_of_another_format(settings: dict[str, Any], reason: tuple[str, str]) -> None:
    """What says nothing to a picture of the format is refused by name, not sent along."""
    assert (Rejection(*reason),) == check(NEWEST, asking(**settings), TODAY)


@pytest.mark.parametrize(
    ("settings", "param", "requested", "delivered"),
    [
        ({"output_format": "gif", "partial_images": 2}, "partial_images", "2", "0"),
        ({"output_format": "svg", "partial_images": 1}, "partial_images", "1", "0"),
        ({"output_format": "gif", "frame_duration_ms": 104}, "frame_duration_ms", "104", "100"),
        ({"output_format": "gif", "frame_duration_ms": 105}, "frame_duration_ms", "105", "110"),
        ({"output_format": "gif", "frame_duration_ms": 1}, "frame_duration_ms", "1", "10"),
        ({"input_fidelity": "high"}, "input_fidelity", "high", None),
        ({"images": (IMAGE,), "moderation": "low"}, "moderation", "low", None),
    ],
)
def test_settings_that_are_done_otherwise(
    settings: dict[str, Any], param: str, requested: str, delivered: str | None
) -> None:
    """What a format or an operation does not have is adapted with a warning, or refused."""
    found = check(NEWEST, asking(**settings), TODAY)

    assert isinstance(found, Fit)
    (warning,) = found.warnings
    assert (f"{param}_adapted", requested, delivered) == (
        warning.code, warning.requested, warning.delivered
    )  # fmt: skip
    fitted = getattr(found.request, param)
    assert delivered == (None if fitted is None else str(fitted))
    strict = check(NEWEST, asking(strict=True, **settings), TODAY)
    assert isinstance(strict, tuple)
    assert [param] == [reason.param for reason in strict]


@pytest.mark.parametrize(
    "settings",
    [
        {"output_format": "gif", "frame_count": 2, "frame_duration_ms": 110},
        {"output_format": "svg", "svg": {"model": "x"}},
        {"images": (IMAGE,), "input_fidelity": "high"},
        {"moderation": "low"},
        {"partial_images": 3},
    ],
)
def test_settings_in_their_place(settings: dict[str, Any]) -> None:
    """With the format and the operation that they belong to, all of them are passed on."""
    asked = asking(strict=True, **settings)
    assert Fit(asked) == check(NEWEST, asked, TODAY)


@pytest.mark.parametrize("format", [None, "png", "gif", "svg"])
def test_no_compression_of_what_cannot_be_compressed(format: str | None) -> None:
    """100, which is OpenAI's default, asks for nothing; what is less cannot be done."""
    plain = asking(output_format=format, strict=True)

    found = check(NEWEST, asking(output_format=format, output_compression=100, strict=True), TODAY)
    assert Fit(plain) == found
    less = check(NEWEST, asking(output_format=format, output_compression=99), TODAY)
    why = f"{format or 'png'} cannot be compressed; ask for jpeg or webp"
    assert (Rejection("output_compression", why),) == less
