"""Together's cards, prices and recorded exchanges."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given

from routercore.provider import HttpResponse, InputImage, ModelCard, Provider, Size, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_together import TOGETHER, routercore_providers
from routercore_together.models import CARDS

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
ELSEWHERE = "http://127.0.0.1:9/v1"
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")


def card(name: str) -> ModelCard:
    return next(card for card in CARDS if name in card.names)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(TOGETHER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "together" == provider.name


@pytest.mark.parametrize("name", ["flux-2-pro", "gemini-3-pro-image", "gemini-2.5-flash-image"])
def test_several_images_are_references(name: str) -> None:
    """Models of the newer kind take a list, always of their own field."""
    images = (PICTURE, PICTURE)
    task = Task(card=card(name), base_url=ELSEWHERE, prompt="a hat", images=images)
    request = TOGETHER.build(task)
    assert [PICTURE.data_url] * 2 == request.json["reference_images"]
    assert "image_url" not in request.json
    assert f"{ELSEWHERE}/images/generations" == request.url


@pytest.mark.parametrize(
    ("name", "size", "price"),
    [
        ("flux-schnell", Size(1024, 1024), "0.0027"),
        ("flux-dev", Size(1440, 1440), "0.050"),
        ("flux-pro-1.1", None, "0.04"),
        ("flux-kontext-max", None, "0.08"),
        ("flux-schnell-free", None, "0"),
        ("flux-2-pro", None, None),
    ],
)
def test_prices(name: str, size: Size | None, price: str | None) -> None:
    """A picture costs its megapixels; where no price is known, none is made up."""
    actual = estimate(card(name), Settings(prompt="x", size=size)).expected
    assert (Decimal(price) if price else None) == actual


def test_discovery_offers_models_of_images() -> None:
    """Declared models keep their cards, new ones are offered, and chat is left out."""
    listing = [
        {"id": "black-forest-labs/FLUX.1-dev", "type": "image"},
        {"id": "acme/new", "type": "image"},
        {"id": "acme/chat", "type": "chat"},
    ]
    reply = HttpResponse(status=200, body=json.dumps(listing).encode())
    played = play(TOGETHER, TOGETHER.discover(ELSEWHERE), [reply])
    assert ["flux-dev", "acme/new"] == [card.name for card in played.result]
    assert [f"{ELSEWHERE}/models"] == [request.url for request in played.requests]


@given(replies([{"data": [{"b64_json": "iVBORw0KGgo="}]}]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    task = Task(card=card("flux-dev"), base_url=TOGETHER.origins[0], prompt="a fox")
    played = play(TOGETHER, TOGETHER.generate(task), script)
    assert (played.value is None) != (played.failed is None)
