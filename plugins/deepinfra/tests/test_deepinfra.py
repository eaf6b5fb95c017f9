"""DeepInfra's two APIs, prices and recorded exchanges."""

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
from routercore_deepinfra import DEEPINFRA, routercore_providers
from routercore_deepinfra.models import CARDS

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
ELSEWHERE = "http://127.0.0.1:9/v1"
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")


def card(name: str) -> ModelCard:
    return next(card for card in CARDS if name in card.names)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(DEEPINFRA, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "deepinfra" == provider.name


def test_both_apis_are_at_the_base_url() -> None:
    """What generates and what edits both go to the base URL that is configured."""
    kontext = card("flux-kontext-pro")
    new = Task(card=kontext, base_url=ELSEWHERE, prompt="a hat")
    edit = Task(card=kontext, base_url=ELSEWHERE, prompt="a hat", images=(PICTURE,))
    assert f"{ELSEWHERE}/inference/{kontext.id}" == DEEPINFRA.build(new).url
    assert f"{ELSEWHERE}/openai/images/edits" == DEEPINFRA.build(edit).url


@pytest.mark.parametrize(
    ("name", "size", "price"),
    [
        ("flux-schnell", Size(1024, 1024), "0.0005"),
        ("flux-schnell", Size(1440, 1440), "0.0010"),
        ("flux-pro-1.1", None, "0.04"),
        ("flux-kontext-pro", None, "0.04"),
        ("flux-dev", None, None),
    ],
)
def test_prices(name: str, size: Size | None, price: str | None) -> None:
    """A picture costs what is well known; where nothing is, no price is made up."""
    actual = estimate(card(name), Settings(prompt="x", size=size)).expected
    assert (Decimal(price) if price else None) == actual


def test_discovery_keeps_to_declared_models() -> None:
    """The list has models of every kind and does not say which; only declared ones are offered."""
    listing = {"data": [{"id": "black-forest-labs/FLUX-1-dev"}, {"id": "acme/chat"}]}
    reply = HttpResponse(status=200, body=json.dumps(listing).encode())
    played = play(DEEPINFRA, DEEPINFRA.discover(ELSEWHERE), [reply])
    assert ["flux-dev"] == [card.name for card in played.result]
    assert [f"{ELSEWHERE}/openai/models"] == [request.url for request in played.requests]


@given(replies([{"images": ["data:image/png;base64,iVBORw0KGgo="], "seed": 3}]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    task = Task(card=card("flux-dev"), base_url=DEEPINFRA.origins[0], prompt="a fox")
    played = play(DEEPINFRA, DEEPINFRA.generate(task), script)
    assert (played.value is None) != (played.failed is None)
