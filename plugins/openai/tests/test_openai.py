"""OpenAI's cards, prices and recorded exchanges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from routercore.provider import ModelCard, Provider, Size, Usage
from routercore.testing.transcripts import replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, InputImage, Settings
from routercore.values.money import Basis, estimate, settle
from routercore_openai import OPENAI, routercore_providers
from routercore_openai.models import CARDS, OUTPUT_RATE, output_tokens

TODAY = date(2026, 11, 21)
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
SIZES = ("1024x768", "1024x1024", "1024x1536", "1920x1080", "2560x1440", "3840x2160")
PRICES_2_5 = {
    "low": (".00402", ".00588", ".00474", ".00441", ".00615", ".01113"),
    "medium": (".00903", ".01317", ".01029", ".01029", ".01434", ".02595"),
    "high": (".03612", ".05268", ".04116", ".0396", ".05529", ".10008"),
    "xhigh": (".0642", ".09366", ".07377", ".07041", ".09828", ".1779"),
    "max": (".14445", ".21072", ".16464", ".1584", ".2211", ".40026"),
}
PRICES_2 = {
    "low": (".005", ".006", ".005", ".005", ".007", ".012"),
    "medium": (".037", ".053", ".042", ".04", ".056", ".101"),
    "high": (".145", ".211", ".165", ".158", ".222", ".401"),
}
PRICES_CLASSIC = {
    "gpt-image-1.5": {"low": (".009", ".013"), "medium": (".034", ".05"), "high": (".133", ".2")},
    "gpt-image-1-mini": {
        "low": (".005", ".006"), "medium": (".011", ".015"), "high": (".036", ".052")
    },
}  # fmt: skip


def card(id: str) -> ModelCard:
    return next(card for card in CARDS if id in card.names)


def expected_usd(id: str, size: str, quality: str) -> Decimal:
    asked = Settings(prompt="", size=Size.parse(size), quality=quality)
    amount = estimate(card(id), asked).expected
    assert amount is not None
    return amount


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(OPENAI, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, named openai."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert provider.name == "openai"


@pytest.mark.parametrize("id", ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst-2026-09-08"])
@pytest.mark.parametrize("quality", PRICES_2_5)
def test_estimates_of_2_5_are_the_published_prices(id: str, quality: str) -> None:
    """For the sizes that resellers publish at OpenAI's token rate, the estimate is their price."""
    actual = [expected_usd(id, size, quality) for size in SIZES]
    assert [Decimal(amount) for amount in PRICES_2_5[quality]] == actual


@pytest.mark.parametrize("quality", PRICES_2)
def test_estimates_of_2_are_the_published_prices(quality: str) -> None:
    """They differ from the published, rounded prices by less than a prompt of 200 tokens."""
    for size, published in zip(SIZES, PRICES_2[quality], strict=True):
        assert abs(expected_usd("gpt-image-2", size, quality) - Decimal(published)) <= Decimal(
            ".001"
        )


@pytest.mark.parametrize("id", PRICES_CLASSIC)
def test_estimates_of_classic_models_are_the_listed_prices(id: str) -> None:
    """The classic sizes and qualities cost what OpenAI lists."""
    for quality, (square, oblong) in PRICES_CLASSIC[id].items():
        assert Decimal(square) == expected_usd(id, "1024x1024", quality)
        assert Decimal(oblong) == expected_usd(id, "1536x1024", quality)
        assert Decimal(oblong) == expected_usd(id, "1024x1536", quality)


@pytest.mark.parametrize(
    "size",
    [
        "2048x2048",
        "1360x768",
        "1152x2048",
        "3072x1024",
        "1600x1200",
        "3840x1600",
        "1248x832",
        "864x800",
    ],
)
def test_unlisted_sizes_are_estimated_near_the_truth(size: str) -> None:
    """A size that no list has is estimated, from sizes of its shape, to within a tenth."""
    truth = output_tokens(Size.parse(size), 96) * OUTPUT_RATE / 1e6
    assert pytest.approx(truth, rel=0.1) == float(expected_usd("gpt-image-2", size, "high"))


def test_open_quality_and_size_make_a_range() -> None:
    """Left to the model, the price is a range from the cheapest to the dearest quality."""
    guess = estimate(card("gpt-image-2"), Settings(prompt="a heron"))
    assert guess.low is not None
    assert guess.expected is not None
    assert guess.high is not None
    assert guess.low < guess.expected < guess.high
    assert Basis.ESTIMATE is guess.basis


def test_an_edit_is_estimated_dearer_than_a_picture_from_a_prompt() -> None:
    """Input images add their tokens."""
    plain = Settings(prompt="a heron", size=Size(1024, 1024), quality="high")
    edit = Settings(
        prompt="a heron", size=Size(1024, 1024), quality="high", images=(InputImage(b"1"),)
    )
    dearer = estimate(card("gpt-image-2"), edit).expected
    base = estimate(card("gpt-image-2"), plain).expected
    assert base is not None
    assert dearer is not None
    assert Decimal(".008") < dearer - base < Decimal(".014")


def test_counted_tokens_settle_the_bill() -> None:
    """A result costs its tokens, whatever the table says."""
    usage = Usage(text_in=14, image_in=1000, image_out=343)
    asked = Settings(prompt="a heron", size=Size(1536, 864), quality="medium")
    cost = settle(card("gpt-image-2.5-flare"), asked, usage, None, delivered=1)
    assert Decimal("0.01836") == cost.usd
    assert Basis.TOKENS is cost.basis


@pytest.mark.parametrize("id", ["gpt-image-1", "dall-e-2", "dall-e-3"])
def test_retired_models_say_what_to_use(id: str) -> None:
    """A retired model is refused with the day and the successor."""
    rejections = check(card(id), ImageRequest(model=id, prompt="a heron"), TODAY)
    assert isinstance(rejections, tuple)
    assert "was shut down on 2026-" in rejections[0].message
    assert "use 'gpt-image-2'" in rejections[0].message


def test_live_models_take_a_plain_request() -> None:
    """Every model that is not retired can make a picture from a prompt."""
    live = [card for card in CARDS if not card.is_retired(TODAY)]
    fits = [check(card, ImageRequest(model=card.id, prompt="a heron"), TODAY) for card in live]
    assert len(fits) == 8
    assert all(isinstance(fit, Fit) for fit in fits)


def test_every_name_is_one_model() -> None:
    """No id or alias is claimed twice."""
    names = [name for card in CARDS for name in card.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("card", [card for card in CARDS if "svg" in card.formats],
                         ids=lambda card: card.id)  # fmt: skip
def test_one_drawing_a_call(card: ModelCard) -> None:
    """OpenAI draws one SVG a call, so that several are several calls; of others it makes ten."""
    drawn = check(card, ImageRequest(model=card.id, prompt="x", n=3, output_format="svg"), TODAY)
    assert isinstance(drawn, Fit)
    assert ["n"] == [warning.param for warning in drawn.warnings]
    assert (1, 10, 10) == tuple(map(card.max_n_of, ("svg", "png", None)))
