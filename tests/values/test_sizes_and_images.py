"""Sizes, pictures and small values say what they are."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import routercore
from routercore.testing.providers import PNG
from routercore.values.catalogue import ModelCard
from routercore.values.errors import ConfigError
from routercore.values.images import Image, ImageRequest, InputImage, Operation, sniff_format
from routercore.values.money import (
    FREE,
    UNKNOWN_COST,
    Basis,
    Cost,
    Estimate,
    Per,
    Usage,
    estimate,
    settle,
    token_cost,
    usd,
    usd_table,
)
from routercore.values.sizes import RatioSizes, Size, SizeRange, nearest_ratio, parse_ratio


@pytest.mark.parametrize("text", ["1536x1024", " 1536 X 1024", "1536×1024", "1536*1024"])
def test_sizes_are_read(text: str) -> None:
    """However it is spelt, a size is its width and height."""
    size = Size.parse(text)
    assert ("1536x1024", 1_572_864, 1.5) == (str(size), size.pixels, size.ratio)
    assert 1.572864 == size.megapixels


@pytest.mark.parametrize("text", ["", "big", "1024", "0x5", "5x0", "-1x5", "1x2x3", "1e3x5"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"size|edge"):
        Size.parse(text)


@pytest.mark.parametrize("text", ["", "16/9", "0:1", "1:0", "wide"])
def test_what_is_no_ratio(text: str) -> None:
    """A ratio is two numbers over zero."""
    with pytest.raises(ValueError, match="ratio"):
        parse_ratio(text)


def test_the_nearest_ratio() -> None:
    """Nearness is measured so that twice as wide is as far as twice as high."""
    assert "4:3" == nearest_ratio(1.3, ("1:1", "4:3", "16:9"))
    assert "1:2" == nearest_ratio(0.51, ("1:2", "2:1"))


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        (Size(64, 512), "under 128"),
        (Size(512, 64), "under 128"),
        (Size(2048, 512), "over 1024"),
        (Size(512, 2048), "over 1024"),
        (Size(510, 512), "multiple of 8"),
        (Size(512, 510), "multiple of 8"),
        (Size(128, 128), "fewer than 20,000"),
        (Size(1024, 1024), "more than 1,000,000"),
        (Size(1024, 256), "longer than 3:1"),
        (Size(256, 1024), "longer than 3:1"),
        (Size(512, 512), None),
    ],
)
def test_why_a_size_does_not_fit(size: Size, problem: str | None) -> None:
    """A range names the bound that a size breaks."""
    sizes = SizeRange(min_edge=128, max_edge=1024, multiple_of=8, min_pixels=20_000,
                      max_pixels=1_000_000, max_ratio=3.0)  # fmt: skip
    found = sizes.problem(size)
    assert found is None if problem is None else problem in (found or "")


def test_what_pixels_a_ratio_gives() -> None:
    """Declared pixels count; others are computed from the area of the tier."""
    sizes = RatioSizes(ratios=("1:1", "2:1"), tiers=("1K", "X"), tier_pixels={"X": 200},
                       pixels={"2:1": "1500x700", "2:1@X": "22x11"})  # fmt: skip
    assert [Size(22, 11), Size(1500, 700), Size(1448, 724)] == [
        sizes.expected("2:1", tier) for tier in ("X", None, "1K")
    ]
    assert [200, 1024 * 1024, 512 * 512, 200] == [
        sizes.area(tier) for tier in ("X", "1K", "512", None)
    ]
    with pytest.raises(ValueError, match="not a resolution"):
        sizes.area("huge")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"RIFF....WEBPVP8 ", "webp"),
        (b"GIF89a..", "gif"), (b"\xef\xbb\xbf <svg xmlns=''>", "svg"),
        (b"<?xml version='1.0'?><svg>", "svg"), (b"<?xml version='1.0'?><html>", None), (b"", None),
    ],
)  # fmt: skip
def test_kinds_are_told_from_the_first_bytes(data: bytes, kind: str | None) -> None:
    """What a picture is, its bytes say."""
    assert kind == sniff_format(data)


def test_an_input_image(tmp_path: Path) -> None:
    """A picture from a file has its kind, its name, its hash and its base64."""
    path = tmp_path / "heron.jpg"
    path.write_bytes(PNG)
    image = InputImage.open(path)
    assert ("image/png", "heron.jpg") == (image.media_type, image.filename)
    assert image.data_url == f"data:image/png;base64,{image.base64}"
    assert 64 == len(image.digest)
    assert InputImage(url="https://a.example").digest != InputImage(url="https://b.example").digest
    assert "image.png" == InputImage.of(b"unknown").filename


def test_an_image_is_saved(tmp_path: Path) -> None:
    """Saving writes the bytes and gives the path."""
    image = Image(data=PNG, format="png", size=Size(1, 1))
    assert PNG == image.save(tmp_path / "a.png").read_bytes()
    assert ("image/png", 64) == (image.media_type, len(image.digest))


def test_what_a_request_wants_done() -> None:
    """A mask makes an inpainting, a picture an edit; what was asked for can be listed."""
    image = InputImage(PNG)
    request = ImageRequest(prompt="x", model="m", images=(image,), quality="high")
    assert Operation.EDIT == request.operation
    assert Operation.GENERATE == ImageRequest(prompt="x", model="m").operation
    assert {"quality": "high"} == request.asked()


def test_a_card_refuses_unknown_settings() -> None:
    """A misspelt setting of a card is found when it is made."""
    with pytest.raises(ValueError, match="stile"):
        ModelCard(id="m", accepts=frozenset({"stile"}))
    assert ("pub", "m", "a") == ModelCard(id="m", name="pub", aliases=("a", "m")).names
    assert not ModelCard(id="m").is_retired(date(2026, 1, 1))


def test_a_configuration_error_has_every_problem() -> None:
    """All mistakes are told at once."""
    assert ("one", "two") == ConfigError(["one", "two"]).problems


# Money


def test_costs_add_up() -> None:
    """A sum is as certain as its weakest part, and unknown if any part is."""
    table = Cost(usd=Decimal(1), basis=Basis.TABLE)
    guess = Cost(usd=Decimal(2), basis=Basis.ESTIMATE)
    assert Cost(usd=Decimal(3), basis=Basis.ESTIMATE) == table + guess + FREE
    assert UNKNOWN_COST == table + UNKNOWN_COST
    assert Usage(text_in=3, image_out=4) == Usage(text_in=1) + Usage(text_in=2, image_out=4)
    assert (3, 4) == (Usage(text_in=1, image_in=2).input_tokens, Usage(image_out=4).output_tokens)


def price(*lines: Any, sizes: Any = None, **asked: Any) -> Estimate:
    more = {"sizes": sizes} if sizes else {}
    request = ImageRequest(**{"prompt": "x" * 400, "model": "m", **asked})
    return estimate(ModelCard(id="m", prices=lines, **more), request)


@pytest.mark.parametrize(
    ("lines", "asked", "expected"),
    [
        ([usd("0.05")], {"n": 3}, "0.15"),
        ([usd("0.01", Per.MEGAPIXEL)], {"size": Size(1024, 2048)}, "0.02"),
        ([usd("0.01", Per.MEGAPIXEL)], {}, None),
        ([usd("0.03"), usd("0.01", Per.EXTRA_MEGAPIXEL)], {"size": Size(1024, 2048)}, "0.04"),
        ([usd("0.000001", Per.PIXEL)], {"size": Size(100, 100)}, "0.01"),
        ([usd("0.03"), usd("0.01", Per.INPUT_IMAGE)], {"images": (InputImage(PNG),) * 2}, "0.05"),
        ([usd("0.03"), usd("0.01", Per.INPUT_MEGAPIXEL)], {"images": (InputImage(PNG),)}, "0.04"),
        ([usd("0.03"), usd("10", Per.TEXT_IN)], {}, "0.031"),
        ([usd("0.03", operation="edit")], {}, None),
        ([usd("0.03"), usd("0.02", quality="low")], {"quality": "low"}, "0.02"),
        ([], {}, None),
    ],
)
def test_estimates(lines: list[Any], asked: dict[str, Any], expected: str | None) -> None:
    """Each unit counts what it says; what nobody knows is unknown, not free."""
    found = price(*lines, **asked)
    assert (None if expected is None else Decimal(expected)) == found.expected
    assert (expected is not None) == found.is_known


def test_tiers_have_prices() -> None:
    """A price by tier counts for the tier that the request falls into."""
    sizes = RatioSizes(ratios=("1:1",), tiers=("1K", "2K"))
    lines = (usd("0.1", tier="1K"), usd("0.2", tier="2K"))
    asked: list[dict[str, Any]] = [{}, {"resolution": "2K"}, {"size": Size(2048, 2048)}]
    assert [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")] == [
        price(*lines, sizes=sizes, **one).expected for one in asked
    ]


def test_settlements() -> None:
    """What was reported counts before tokens, and tokens before the table."""
    lines = (*usd_table({"1024x1024": {"high": "0.2"}}), usd("40", Per.IMAGE_OUT))
    card = ModelCard(id="m", prices=lines)
    request = ImageRequest(prompt="x", model="m", size=Size(1024, 1024), quality="high")
    usage = Usage(image_out=1000)
    assert [Basis.REPORTED, Basis.TOKENS, Basis.TABLE] == [
        settle(card, request, used, reported, delivered=1).basis
        for used, reported in ((usage, Decimal(1)), (usage, None), (None, None))
    ]
    assert Decimal("0.04") == settle(card, request, usage, None, delivered=1).usd


def test_tokens_without_a_rate_are_unknown() -> None:
    """A kind of token that the list does not price makes the whole unknown."""
    rates = (usd("40", Per.IMAGE_OUT),)
    assert token_cost(rates, Usage(text_in=5, image_out=5)) is None
    assert token_cost((), Usage(image_out=5)) is None
    assert token_cost(rates, Usage()) is None


def test_the_package_is_lazy_and_complete() -> None:
    """Every public name is there on demand, and no other."""
    assert [getattr(routercore, name) for name in routercore.__all__]
    assert set(routercore.__all__) <= set(dir(routercore))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        routercore.nothing  # noqa: B018
