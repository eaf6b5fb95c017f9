"""Google's cards, prices, keys and recorded exchanges."""

from __future__ import annotations

import base64
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Fault,
    HttpRequest,
    HttpResponse,
    ModelCard,
    Provider,
    ProviderFailed,
    ServerEvent,
    Size,
    Task,
    Usage,
    fail,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import load, replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import Basis, estimate, settle
from routercore_google import routercore_providers
from routercore_google.accounts import SCOPE, GoogleAuth
from routercore_google.gemini import AIStudio, Vertex
from routercore_google.models import CARDS, FLASH, VERTEX_CARDS

TODAY = date(2026, 11, 21)
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PROVIDERS = {provider.name: provider for provider in routercore_providers()}
REQUEST = HttpRequest(method="POST", url="https://aiplatform.googleapis.com/v1/x", json={})
AUTH = GoogleAuth("K")
ANSWER = {
    "candidates": [{"content": {"parts": [{"inlineData": {"data": "iVBORw0KGgo="}}]}}],
    "usageMetadata": {
        "promptTokenCount": 9,
        "candidatesTokenCount": 1120,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    },
}
BLOCKED = {"promptFeedback": {"blockReason": "OTHER"}, "candidates": [{"finishReason": "STOP"}]}


def card(id: str) -> ModelCard:
    return next(card for card in CARDS if id in card.names)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDERS[load(path).provider], path)


def test_hook_contributes_two_providers() -> None:
    """The plugin's hook contributes AI Studio and Vertex AI."""
    assert ["google", "google-vertex"] == list(PROVIDERS)
    assert all(isinstance(provider, Provider) for provider in PROVIDERS.values())


@pytest.mark.parametrize(
    ("id", "ratio", "tier", "size"),
    [
        ("gemini-3-pro-image", "16:9", "4K", "5504x3072"),
        ("gemini-3.1-flash-image", "1:1", "512", "512x512"),
        ("gemini-3.1-flash-image", "2:3", "512", "424x632"),
        ("gemini-nano-banana-2.1", "8:1", "2K", "6144x768"),
        ("gemini-3.1-flash-lite-image", "3:2", "1K", "1264x848"),
    ],
)
def test_pixels_are_those_of_googles_table(id: str, ratio: str, tier: str, size: str) -> None:
    """A size of the table is asked for as its ratio and resolution, and met exactly."""
    request = ImageRequest(prompt="a fox", model=id, size=Size.parse(size))
    fit = check(card(id), request, TODAY)
    assert isinstance(fit, Fit)
    assert ((ratio, tier), ()) == (
        (fit.request.aspect_ratio, fit.request.resolution),
        fit.warnings,
    )


@pytest.mark.parametrize(
    ("id", "tier", "price"),
    [
        ("gemini-2.5-flash-image", None, "0.039"),
        ("gemini-3-pro-image", None, "0.134"),
        ("gemini-3-pro-image", "2K", "0.134"),
        ("gemini-3-pro-image", "4K", "0.24"),
        ("gemini-3.1-flash-image", "512", "0.045"),
        ("gemini-3.1-flash-image", None, "0.067"),
        ("gemini-3.1-flash-image", "2K", "0.101"),
        ("gemini-3.1-flash-image", "4K", "0.151"),
        ("gemini-3.1-flash-lite-image", None, "0.0336"),
        ("gemini-nano-banana-2.1", None, "0.0336"),
    ],
)
def test_estimates_are_the_listed_prices(id: str, tier: str | None, price: str) -> None:
    """A picture costs what Google lists for its resolution."""
    asked = Settings(prompt="", resolution=tier)
    assert Decimal(price) == estimate(card(id), asked).expected


def test_counted_tokens_settle_the_bill() -> None:
    """A result costs its tokens, whatever the table says."""
    usage = Usage(text_in=9, text_out=40, image_out=1120)
    cost = settle(card("gemini-3.1-flash-image"), Settings(prompt="x"), usage, None, delivered=1)
    assert (Decimal("0.0673245"), Basis.TOKENS) == (cost.usd, cost.basis)


def test_previews_are_names_of_the_models_that_followed() -> None:
    """A preview's name, which ended, asks for the model itself."""
    assert "gemini-3-pro-image" == card("gemini-3-pro-image-preview").id
    assert "gemini-3.1-flash-image" == card("gemini-3.1-flash-image-preview").id


def test_options_do_not_pass_by_what_a_picture_costs() -> None:
    """How many pictures and of what size is not among the options of a request."""
    options = {
        "contents": [],
        "imageConfig": {"imageSize": "4K", "personGeneration": "ALLOW_NONE"},
        "generationConfig": {"candidateCount": 8, "temperature": 1, "imageConfig": {"x": 1}},
    }
    studio, pro = AIStudio(), card("gemini-3-pro-image")
    task = Task(card=pro, base_url=studio.origins[0], prompt="a fox", options=options)
    body = studio.body(task)
    assert {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"personGeneration": "ALLOW_NONE"},
        "temperature": 1,
    } == body["generationConfig"]
    assert "a fox" == body["contents"][0]["parts"][0]["text"]


def test_options_may_be_spelt_as_google_spells_them() -> None:
    """An option in snake case is the same option, and says nothing past the request either."""
    options = {
        "image_config": {"image_size": "4K", "person_generation": "ALLOW_NONE"},
        "generation_config": {"candidate_count": 8, "image_config": {"x": 1}},
    }
    studio, pro = AIStudio(), card("gemini-3-pro-image")
    body = studio.body(Task(card=pro, base_url=studio.origins[0], prompt="x", options=options))
    assert {"contents", "generationConfig"} == set(body)
    assert {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"person_generation": "ALLOW_NONE"},
    } == body["generationConfig"]


def test_vertex_chooses_formats() -> None:
    """The format of a picture is Vertex AI's alone to choose."""
    assert not any(card.choose_format for card in CARDS)
    assert all(card.choose_format and card.compression for card in VERTEX_CARDS)


def test_discovery_keeps_declared_cards_and_adds_new_models() -> None:
    """What Google lists is offered: with its card, or as a model of which little is known."""
    methods = {"supportedGenerationMethods": ["generateContent"]}
    listing = {
        "models": [
            {"name": "models/gemini-3-pro-image", **methods},
            {"name": "models/gemini-3-pro-image-preview", **methods},
            {"name": "models/gemini-4-flash-image", **methods},
            {"name": "models/gemini-3-flash", **methods},
            {"name": "models/imagen-4.0-generate-001", "supportedGenerationMethods": ["predict"]},
            {"name": None},
        ]
    }
    provider = AIStudio()
    reply = HttpResponse(status=200, body=json.dumps(listing).encode())
    played = play(provider, provider.discover("http://127.0.0.1:9/v1beta"), [reply])
    assert ["gemini-3-pro-image", "gemini-4-flash-image"] == [c.id for c in played.result]
    assert ["http://127.0.0.1:9/v1beta/models?pageSize=1000"] == [r.url for r in played.requests]


@pytest.fixture(scope="module")
def service_account() -> dict[str, str]:
    """A service account's key, made for the test."""
    pytest.importorskip("google.auth")
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "client_email": "robot@acme.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": pem.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_a_service_account_signs_a_token_of_its_own(service_account: dict[str, str]) -> None:
    """The token names the account and the scope, and the key itself is not sent."""
    signed = AUTH.sign(REQUEST, json.dumps(service_account))
    scheme, _, token = signed.headers["authorization"].partition(" ")
    claims = token.split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert ("Bearer", service_account["client_email"]) == (scheme, told["iss"])
    assert (SCOPE, 3600) == (told["scope"], told["exp"] - told["iat"])
    assert "PRIVATE KEY" not in str(signed)


@pytest.mark.parametrize("secret", ['{"type": "service_account"}', "{", '{"private_key": "x"}'])
def test_a_key_that_is_none_is_not_quoted(secret: str) -> None:
    """A broken service account is told as such, without its words."""
    pytest.importorskip("google.auth")
    with pytest.raises(ProviderFailed) as raised:
        AUTH.sign(REQUEST, secret)
    assert Fault.UNAUTHENTICATED is raised.value.failure.fault
    assert secret not in str(raised.value)


def test_tokens_and_keys_have_their_headers() -> None:
    """An access token is a bearer's; anything else is an API key."""
    assert {"authorization": "Bearer ya29.x"} == dict(AUTH.sign(REQUEST, " ya29.x\n").headers)
    assert {"x-goog-api-key": "AIza"} == dict(AUTH.sign(REQUEST, "AIza").headers)


@given(replies([ANSWER]) | replies([BLOCKED]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    provider = Vertex()
    task = Task(card=VERTEX_CARDS[0], base_url=provider.origins[0], prompt="a fox")
    played = play(provider, provider.generate(task), script)
    assert (played.value is None) != (played.failed is None)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"candidates": [{"content": {"parts": [{"text": "Let me see."}]}}]}, Fault.REPLY_CUT),
        ({"candidates": [{"finishReason": "NO_IMAGE"}]}, Fault.NO_IMAGE),
        ([], Fault.REPLY_CUT),
        (None, None),
    ],
)
def test_a_stream_without_an_end_is_cut(body: Any, fault: Fault | None) -> None:
    """What ended before the answer did is no refusal; a picture that came by then counts."""
    head = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
    event = ServerEvent("message", json.dumps(ANSWER if body is None else body))
    studio = AIStudio()
    task = Task(card=FLASH, base_url=studio.origins[0], prompt="a fox", stream=True)
    played = play(studio, studio.generate(task), [head, event])
    assert fault == (played.failed.failure.fault if played.failed else None)


@pytest.mark.parametrize(
    "end",
    [
        ServerEvent("message", json.dumps({"error": {"code": 503, "status": "UNAVAILABLE"}})),
        ServerEvent("message", "no json"),
        ServerEvent("message", "[]"),
        fail(Fault.DEADLINE, "time is over"),
    ],
)
def test_a_picture_that_is_there_stays(end: Any) -> None:
    """It is paid for: what becomes of the stream after it takes it from nobody."""
    head = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
    picture = {"candidates": [{"content": {"parts": [{"inlineData": {"data": "iVBO"}}]}}]}
    studio = AIStudio()
    task = Task(card=FLASH, base_url=studio.origins[0], prompt="a fox", stream=True)
    event = ServerEvent("message", json.dumps(picture))
    played = play(studio, studio.generate(task), [head, event, end])
    assert played.value is not None
    assert 1 == len(played.value.images)


def test_no_more_drafts_are_told_of_than_were_asked_for() -> None:
    """Who wants no partial images gets none, though the model thinks in pictures."""
    head = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
    draft = {"inlineData": {"data": "iVBO"}, "thought": True}
    chunk = {"candidates": [{"content": {"parts": [draft, draft, draft]}}]}
    events = [ServerEvent("message", json.dumps(one)) for one in (chunk, ANSWER)]
    studio = AIStudio()
    for wanted in (None, 1, 2):
        task = Task(card=FLASH, base_url=studio.origins[0], prompt="a fox", stream=True,
                    partial_images=wanted)  # fmt: skip
        played = play(studio, studio.generate(task), [head, *events])
        assert (wanted or 0) == len(played.notices)
        assert played.value is not None
        assert 1 == len(played.value.images)
