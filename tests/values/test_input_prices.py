"""What input images add to an estimate, where a vendor bills their megapixels."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from routercore.values.catalogue import ModelCard
from routercore.values.images import InputImage, Operation, Settings
from routercore.values.money import BILLED_MEGAPIXEL, Basis, Estimate, Per, estimate, usd
from routercore.values.sizes import FixedSizes, InputSize

OUTPUT, MEGAPIXEL = Decimal("0.03"), Decimal("0.015")
PRICES = (usd("0.03"), usd("0.015", Per.INPUT_MEGAPIXEL))
EDGES = st.integers(1, 8192)
SIZES = st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=4)


def picture(width: int, height: int) -> InputImage:
    """The beginning of a PNG, which is all that tells its size."""
    start = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    return InputImage(start + struct.pack(">II", width, height) + b"\x08\x06\x00\x00\x00")


def guess(*images: InputImage, n: int = 1, max_n: int = 1) -> Estimate:
    card = ModelCard(id="m", prices=PRICES, max_n=max_n)
    return estimate(card, Settings(prompt="", images=images, n=n))


@given(SIZES)
def test_each_picture_counts_its_own_megapixels(sizes: list[tuple[int, int]]) -> None:
    """Rounded up for each of them, as the price list says, and certain."""
    megapixels = sum(math.ceil(width * height / BILLED_MEGAPIXEL) for width, height in sizes)
    found = guess(*[picture(*size) for size in sizes])
    assert OUTPUT + megapixels * MEGAPIXEL == found.expected
    assert Basis.TABLE is found.basis
    assert found.low == found.expected == found.high


@given(SIZES, EDGES, EDGES)
def test_no_picture_is_free_and_none_makes_it_cheaper(
    sizes: list[tuple[int, int]], width: int, height: int
) -> None:
    """One more picture adds at least a megapixel; a larger one never costs less."""
    images = [picture(*size) for size in sizes]
    fewer, more = guess(*images).expected, guess(*images, picture(width, height)).expected
    larger = guess(*images, picture(width + 512, height + 512)).expected
    assert fewer is not None
    assert more is not None
    assert larger is not None
    assert fewer + MEGAPIXEL <= more <= larger


@given(SIZES, st.sampled_from([InputImage(url="https://x.example/a.png"), InputImage(b"?")]))
def test_a_picture_of_unknown_size_is_said_to_be_a_guess(
    sizes: list[tuple[int, int]], unknown: InputImage
) -> None:
    """It counts as one megapixel, and the estimate no longer claims to be the price list's."""
    images = [picture(*size) for size in sizes]
    known = guess(*images).expected
    found = guess(*images, unknown)
    assert known is not None
    assert known + MEGAPIXEL == found.expected
    assert Basis.ESTIMATE is found.basis


@given(st.integers(1, 8), st.integers(1, 8), EDGES, EDGES)
def test_every_call_is_sent_the_inputs(n: int, max_n: int, width: int, height: int) -> None:
    """Pictures that are split over calls pay for their inputs once a call."""
    megapixels = math.ceil(width * height / BILLED_MEGAPIXEL)
    calls = math.ceil(n / max_n)
    expected = n * OUTPUT + calls * megapixels * MEGAPIXEL
    assert expected == guess(picture(width, height), n=n, max_n=max_n).expected


def test_an_edit_that_keeps_its_size_is_billed_by_it() -> None:
    """Where the result is as large as the input, the input's pixels are the output's."""
    card = ModelCard(
        id="m",
        operations=frozenset({Operation.GENERATE, Operation.EDIT}),
        sizes=FixedSizes(("1024x1024",)),
        operation_sizes={Operation.EDIT: InputSize()},
        prices=(usd("0.01", Per.MEGAPIXEL),),
    )
    large = Settings(prompt="", images=(picture(2048, 2048),))
    assert Decimal("0.04") == estimate(card, large).expected
    assert Decimal("0.01") == estimate(card, Settings(prompt="")).expected
    unknown = Settings(prompt="", images=(InputImage(url="https://x.example/a.png"),))
    assert not estimate(card, unknown).is_known
