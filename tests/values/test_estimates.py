"""Estimates of sizes that a price list has, or has not."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from routercore.values.catalogue import ModelCard
from routercore.values.images import InputImage, Settings
from routercore.values.money import Basis, Estimate, Per, Price, Usage, estimate, settle, usd
from routercore.values.sizes import FixedSizes, Size, SizeRange

TABLE = (
    usd("0.10", size="1024x1024"),
    usd("0.40", size="2048x2048"),
    usd("0.08", size="1536x1024"),
    usd("0.16", size="3072x2048"),
)
CARD = ModelCard(id="m", sizes=SizeRange(), prices=TABLE)


def guess(size: str, card: ModelCard = CARD, n: int = 1) -> Estimate:
    return estimate(card, Settings(prompt="", size=Size.parse(size), n=n))


def test_a_listed_size_costs_what_the_list_says() -> None:
    """A case of the table is that case, times the number of images."""
    price = Decimal("0.30")
    assert Estimate(low=price, expected=price, high=price, basis=Basis.TABLE) == guess(
        "1024x1024", n=3
    )


def test_an_upright_picture_costs_what_it_costs_lying() -> None:
    """Where only one orientation is listed, the other is estimated at the same price."""
    assert guess("1024x1536").expected == Decimal("0.08")
    assert guess("1024x1536").basis is Basis.ESTIMATE


def test_the_shape_counts_before_the_area() -> None:
    """A square between two listed squares is priced from them, not from an oblong of its area."""
    between = guess("1536x1536").expected
    pixels = (Decimal(1536**2) - 1024**2) / (2048**2 - 1024**2)
    assert between == Decimal("0.10") + Decimal("0.30") * pixels


def test_beyond_the_list_a_price_grows_with_the_area() -> None:
    """Larger than all listed goes in proportion; smaller than all costs what the smallest does."""
    assert guess("4096x4096").expected == Decimal("1.60")
    assert guess("512x512").expected == Decimal("0.10")


@given(st.integers(64, 8192), st.integers(64, 8192))
def test_every_size_has_an_estimate(width: int, height: int) -> None:
    """With a price list by size, no size is unknown, none is free, and both orientations agree."""
    price = guess(f"{width}x{height}").expected
    assert price is not None
    assert price >= Decimal("0.08")
    turned = guess(f"{height}x{width}").expected
    assert turned == price


@given(st.integers(256, 4096), st.integers(256, 4096))
def test_larger_of_one_shape_is_never_cheaper(a: int, b: int) -> None:
    """Along one shape prices grow with the picture."""
    small, large = sorted((a, b))
    first, second = guess(f"{small}x{small}").expected, guess(f"{large}x{large}").expected
    assert first is not None
    assert second is not None
    assert first <= second


def test_a_price_with_ends_makes_a_range() -> None:
    """The least and the most of a vague price are the ends of the estimate."""
    price = Price(Decimal("0.03"), low=Decimal("0.02"), high=Decimal("0.05"))
    expected = Estimate(
        low=Decimal("0.02"),
        expected=Decimal("0.03"),
        high=Decimal("0.05"),
        basis=Basis.ESTIMATE,
    )
    assert expected == estimate(ModelCard(id="m", prices=(price,)), Settings(prompt="x"))


def test_open_size_ranges_over_the_fixed_sizes() -> None:
    """A size left to the model makes a range over what it offers."""
    card = ModelCard(id="m", sizes=FixedSizes(("1024x1024", "2048x2048")), prices=TABLE)
    expected = Estimate(
        low=Decimal("0.10"),
        expected=Decimal("0.10"),
        high=Decimal("0.40"),
        basis=Basis.ESTIMATE,
    )
    assert expected == estimate(card, Settings(prompt=""))


def test_no_price_is_unknown_and_never_zero() -> None:
    """Without a price, or with prices for other qualities alone, nothing is known."""
    assert Estimate() == guess("512x512", ModelCard(id="m"))
    card = ModelCard(id="m", qualities=("low", "high"), prices=(usd("1", quality="low"),))
    assert Estimate() == estimate(card, Settings(prompt=""))
    assert not guess("512x512", ModelCard(id="m")).is_known


def test_input_images_are_counted_in_tokens() -> None:
    """A price of input tokens adds to an edit."""
    card = ModelCard(id="m", prices=(usd("0.10"), usd("10", Per.IMAGE_IN)))
    edit = Settings(prompt="", images=(InputImage(b"1"), InputImage(b"2")))
    assert estimate(card, edit).expected == Decimal("0.10") + 2 * Decimal("0.01536")


def test_settling_prefers_what_was_reported_then_tokens_then_the_table() -> None:
    """The bill goes by the best evidence there is."""
    card = ModelCard(id="m", prices=(usd("0.10"), usd("5", Per.TEXT_IN), usd("30", Per.IMAGE_OUT)))
    asked, usage = Settings(prompt="", n=2), Usage(text_in=100, image_out=1000)
    reported = settle(card, asked, usage, Decimal("0.07"), delivered=2)
    counted = settle(card, asked, usage, None, delivered=2)
    listed = settle(card, asked, None, None, delivered=1)
    assert (reported.usd, reported.basis) == (Decimal("0.07"), Basis.REPORTED)
    assert (counted.usd, counted.basis) == (Decimal("0.0305"), Basis.TOKENS)
    assert (listed.usd, listed.basis) == (Decimal("0.10"), Basis.TABLE)


def test_each_call_of_a_split_request_pays_for_its_inputs() -> None:
    """Four pictures in calls of three cost four outputs, and the input picture twice."""
    prices = (usd("0.04"), usd("0.01", Per.INPUT_IMAGE))
    card = ModelCard(id="m", max_n=3, prices=prices)
    asked = Settings(prompt="", images=(InputImage(b"x"),), n=4)
    assert Decimal("0.18") == estimate(card, asked).expected
