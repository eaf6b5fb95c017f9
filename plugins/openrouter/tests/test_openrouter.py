"""OpenRouter's cards, what it lists, and recorded exchanges."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    AnySize,
    HttpResponse,
    ModelCard,
    Operation,
    Provider,
    RatioSizes,
    Size,
    Task,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_openrouter import OPENROUTER, routercore_providers
from routercore_openrouter.models import ANY, CARDS, public_name

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
GEMINI = {
    "id": "google/gemini-3.1-flash-image",
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["image"]},
    "supported_parameters": {
        "aspect_ratio": {"type": "enum", "values": ["1:1", "4:5", "2.35:1", "auto"]},
        "resolution": {"type": "enum", "values": ["4K", "1K"]},
        "quality": {"type": "enum", "values": ["auto", "low", "high"]},
        "n": {"type": "range", "min": 1, "max": 4},
        "seed": {"type": "boolean"},
        "input_references": {"type": "range", "min": 0, "max": 14},
    },
    "supports_streaming": False,
}
PLAIN = {
    "id": "acme/pencil",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]},
    "supported_parameters": {},
    "supports_streaming": True,
}
PRICES = {
    "endpoints": [
        {"pricing": []},
        {
            "pricing": [
                {"billable": "output_image", "unit": "image", "cost_usd": 0.067},
                {"billable": "output_image", "unit": "image", "cost_usd": 0.151, "variant": "4K"},
                {"billable": "output_image", "unit": "image", "cost_usd": 9, "variant": "deluxe"},
                {"billable": "input_text", "unit": "token", "cost_usd": "0.0000005"},
                {"billable": "input_font", "unit": "request", "cost_usd": 1},
            ]
        },
    ]
}
ANSWER = {"data": [{"b64_json": "iVBORw0KGgo="}], "usage": {"cost": 0.04}}


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def discovered(*replies: HttpResponse) -> dict[str, ModelCard]:
    played = play(OPENROUTER, OPENROUTER.discover("http://127.0.0.1:9/v1"), replies)
    assert "http://127.0.0.1:9/v1/images/models" == played.requests[0].url
    return {card.id: card for card in played.result}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(OPENROUTER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "openrouter" == provider.name


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("openai/gpt-image-2", "gpt-image-2"),
        ("google/gemini-3-pro-image-preview", "gemini-3-pro-image"),
        ("black-forest-labs/flux.2-pro", "flux-2-pro"),
        ("bytedance-seed/seedream-4.5", "seedream-4.5"),
        ("acme/pencil", "acme/pencil"),
    ],
)
def test_public_names(id: str, name: str) -> None:
    """A model has the name that it has at every provider."""
    assert name == public_name(id)


def test_discovery_reads_what_a_model_takes() -> None:
    """A listed model offers what its entry names, and nothing else."""
    cards = discovered(answer({"data": [GEMINI, PLAIN]}), answer(PRICES))
    gemini, plain = cards["google/gemini-3.1-flash-image"], cards["acme/pencil"]
    assert RatioSizes(ratios=("1:1", "4:5"), tiers=("1K", "4K"), default_tier="1K") == gemini.sizes
    assert (("low", "high"), 4, 14, True) == (
        gemini.qualities,
        gemini.max_n,
        gemini.max_images,
        gemini.seed,
    )
    assert (AnySize(), (), 1, 0, 3) == (
        plain.sizes,
        plain.qualities,
        plain.max_n,
        plain.max_images,
        plain.partial_images,
    )
    assert frozenset({Operation.GENERATE}) == plain.operations


def test_discovery_reads_prices_of_declared_models() -> None:
    """The first endpoint with a price list tells what a picture costs at each resolution."""
    card = discovered(answer({"data": [GEMINI]}), answer(PRICES))["google/gemini-3.1-flash-image"]
    assert Decimal("0.0670005") == estimate(card, Settings(prompt="a f?")).expected
    large = Settings(prompt="", size=Size(4096, 4096))
    assert Decimal("0.151") == estimate(card, large).expected


def test_a_price_list_that_cannot_be_had_costs_no_model() -> None:
    """A model stays listed, without a price, when its price list fails."""
    cards = discovered(answer({"data": [GEMINI]}), answer({}, 500))
    assert () == cards["google/gemini-3.1-flash-image"].prices


def test_cards_have_no_prices_of_their_own() -> None:
    """What nobody lists for certain is unknown, never zero."""
    for card in CARDS:
        assert estimate(card, Settings(prompt="a fox")).expected is None


@given(replies([ANSWER]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    task = Task(card=ANY.named("acme/pencil"), base_url=OPENROUTER.origins[0], prompt="a fox")
    played = play(OPENROUTER, OPENROUTER.generate(task), script)
    assert (played.value is None) != (played.failed is None)


@given(replies([{"data": [GEMINI]}, PRICES]))
def test_any_list_ends_well(script: list[HttpResponse]) -> None:
    """Whatever is listed, discovery ends in cards or in a failure."""
    played = play(OPENROUTER, OPENROUTER.discover(OPENROUTER.origins[0]), script)
    assert (played.value is None) != (played.failed is None)
