"""Azure's deployments, prices and recorded exchanges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import HttpRequest, HttpResponse, ModelCard, Provider, Size, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, InputImage, Settings
from routercore.values.money import estimate
from routercore_azure_openai import AZURE_OPENAI, routercore_providers
from routercore_azure_openai.models import CARDS, GPT_IMAGE_2

TODAY = date(2026, 11, 21)
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))


def card(id: str) -> ModelCard:
    return next(card for card in CARDS if card.id == id)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(AZURE_OPENAI, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "azure-openai" == provider.name


def test_the_key_has_a_header_of_its_own() -> None:
    """Azure's keys go into ``api-key``."""
    task = Task(card=GPT_IMAGE_2, base_url="http://127.0.0.1:9/openai/v1", prompt="a fox")
    request = AZURE_OPENAI.build(task)
    signed = AZURE_OPENAI.auth.sign(request, "secret")
    assert request.with_headers({"api-key": "secret"}) == signed
    assert "http://127.0.0.1:9/openai/v1/images/generations" == request.url


@pytest.mark.parametrize(
    ("secret", "sent"),
    [
        (" eyJ0eXAi.eyJh.c2ln ", {"authorization": "Bearer eyJ0eXAi.eyJh.c2ln"}),
        ("eyJ0eXAi", {"api-key": "eyJ0eXAi"}),
        ("0a1b2c3d", {"api-key": "0a1b2c3d"}),
    ],
)  # fmt: skip
def test_a_token_is_a_bearers(secret: str, sent: dict[str, str]) -> None:
    """An access token of Entra is told from a key by its form, and never goes out as both."""
    request = HttpRequest(method="GET", url="https://acme.openai.azure.com/openai/v1/x")
    signed = AZURE_OPENAI.auth.sign(request, secret)
    assert isinstance(signed, HttpRequest)
    assert sent == dict(signed.headers)


@pytest.mark.parametrize(
    ("id", "settings"),
    [
        ("gpt-image-2", {"moderation": "low", "safety_identifier": "h-1"}),
        ("gpt-image-1.5", {"moderation": "low", "background": "opaque"}),
    ],
)
def test_settings_are_those_of_openai(id: str, settings: dict[str, Any]) -> None:
    """What OpenAI takes for a model is passed on for its deployment."""
    request = ImageRequest(prompt="a fox", model=id, **settings)
    fit = check(card(id), request, TODAY)
    assert isinstance(fit, Fit)
    assert () == fit.warnings
    task = Task(card=card(id), base_url="http://127.0.0.1:9/openai/v1", prompt="a fox", **settings)
    assert settings.items() <= AZURE_OPENAI.build(task).json.items()


def test_fidelity_to_an_input() -> None:
    """It is passed on to an edit, as a field of the form."""
    asked: dict[str, Any] = {"images": (InputImage(b"1"),), "input_fidelity": "high"}
    request = ImageRequest(prompt="a fox", model="gpt-image-1.5", **asked)
    assert Fit(request) == check(card("gpt-image-1.5"), request, TODAY)
    task = Task(card=card("gpt-image-1.5"), base_url="http://127.0.0.1:9/openai/v1",
                prompt="a fox", **asked)  # fmt: skip
    form = {part.name: part.data for part in AZURE_OPENAI.build(task).form or ()}
    assert "high" == form["input_fidelity"]


@pytest.mark.parametrize(
    ("id", "size", "quality", "price"),
    [
        ("gpt-image-2", "1024x1024", "medium", ".053"),
        ("gpt-image-2.5-flare", "1024x1024", "high", ".05268"),
        ("gpt-image-2.5-sunburst", "3840x2160", "max", ".40026"),
        ("gpt-image-1.5", "1536x1024", "high", ".2"),
        ("gpt-image-1-mini", "1024x1536", "low", ".006"),
    ],
)
def test_estimates(id: str, size: str, quality: str, price: str) -> None:
    """A picture of a listed size is estimated at its list price."""
    asked = Settings(prompt="", size=Size.parse(size), quality=quality)
    assert Decimal(price) == estimate(card(id), asked).expected


def test_last_days_are_azures_own() -> None:
    """Azure serves some models longer than OpenAI, and one no longer."""
    assert ["gpt-image-1"] == [card.id for card in CARDS if card.is_retired(TODAY)]
    assert date(2027, 4, 7) == card("gpt-image-1-mini").shutdown


@given(replies([{"data": [{"b64_json": "iVBORw0KGgo="}]}]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    task = Task(card=GPT_IMAGE_2, base_url="https://a.example/openai/v1", prompt="a fox")
    played = play(AZURE_OPENAI, AZURE_OPENAI.generate(task), script)
    assert (played.value is None) != (played.failed is None)
