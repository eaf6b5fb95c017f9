"""Bedrock's cards, signatures, prices and recorded exchanges."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given

from routercore.provider import HttpRequest, HttpResponse, ModelCard, Operation, Provider, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_amazon_bedrock import routercore_providers
from routercore_amazon_bedrock.bedrock import Bedrock
from routercore_amazon_bedrock.models import CARDS, LIVE, SERVICES
from routercore_amazon_bedrock.signing import BedrockAuth, region_of

TODAY = date(2026, 11, 21)
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PROVIDER = Bedrock()
AUTH = BedrockAuth("K")


def task(name: str = "stable-image-ultra", base_url: str = PROVIDER.origins[0]) -> Task:
    card = next(card for card in CARDS if card.name == name)
    return Task(card=card, base_url=base_url, prompt="a teapot, “blue”")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "amazon-bedrock" == provider.name


def signature(request: HttpRequest, secret_key: str, region: str) -> str:
    """Signature version 4 of a request, computed from Amazon's description of it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    url = urlsplit(request.url)
    headers["host"] = url.netloc
    canonical = "\n".join(
        [
            request.method,
            quote(url.path, safe="/~"),
            url.query,
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.content or b"").hexdigest(),
        ]
    )
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/bedrock/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


@pytest.mark.parametrize("region", ["us-west-2", "eu-central-1"])
@pytest.mark.parametrize("token", ["", ":session/token+=="])
def test_an_access_key_signs_the_very_bytes(region: str, token: str) -> None:
    """The signature is the one that Amazon's description gives for what is sent."""
    base_url = f"https://bedrock-runtime.{region}.amazonaws.com"
    request = PROVIDER.build(task(base_url=base_url))
    signed = AUTH.sign(request, f"AKIDEXAMPLE:s3cr3t/+key{token}")
    told = signed.headers["authorization"].rpartition("Signature=")[2]
    assert signature(signed, "s3cr3t/+key", region) == told
    assert (request.content, request.url) == (signed.content, signed.url)
    assert (token[1:] or None) == signed.headers.get("x-amz-security-token")
    assert "s3cr3t" not in str(dict(signed.headers))


LISTED = {
    "modelSummaries": [
        {"modelId": "stability.stable-image-ultra-v1:1", "modelLifecycle": {"status": "ACTIVE"}},
        {"modelId": "stability.sd3-5-large-v1:0",
         "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2027-02-01T00:00:00Z"}},
        {"modelId": "stability.stable-image-next-v1:0"},
        {"modelId": "amazon.nova-canvas-v2:0"},
        {"modelId": 5},
        None,
    ]
}  # fmt: skip


@pytest.mark.parametrize("body", [LISTED, {"modelSummaries": None}, []])
def test_discovery_asks_the_control_plane(body: Any) -> None:
    """Listed models keep their cards, with the last day that Amazon names; new ones are added."""
    answer = HttpResponse(status=200, body=json.dumps(body).encode())
    base_url = "https://bedrock-runtime.eu-west-1.amazonaws.com"
    played = play(PROVIDER, PROVIDER.discover(base_url), [answer])
    [request] = played.requests
    assert (
        "https://bedrock.eu-west-1.amazonaws.com/foundation-models?byOutputModality=IMAGE"
        == request.url
    )
    expected = [
        ("stability.stable-image-ultra-v1:1", None),
        ("stability.sd3-5-large-v1:0", date(2027, 2, 1)),
        ("stability.stable-image-next-v1:0", None),
    ]
    found = [(card.id, card.shutdown) for card in played.value or ()]
    assert (expected if body == LISTED else []) == found


def test_the_list_is_signed_with_its_question() -> None:
    """The signature covers the query, for the region of the control plane's host."""
    url = "https://bedrock.eu-west-1.amazonaws.com/foundation-models?byOutputModality=IMAGE"
    signed = AUTH.sign(HttpRequest(method="GET", url=url), "AKIDEXAMPLE:s3cr3t/+key")
    told = signed.headers["authorization"].rpartition("Signature=")[2]
    assert signature(signed, "s3cr3t/+key", "eu-west-1") == told


@pytest.mark.parametrize(
    ("base_url", "companion"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "https://bedrock.us-east-1.amazonaws.com"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
         "https://bedrock-fips.us-gov-west-1.amazonaws.com"),
        ("http://bedrock-runtime.us-east-1.amazonaws.com", None),
        ("https://bedrock-runtime.us-east-1.amazonaws.com.evil.example", None),
        ("https://evil.example/bedrock-runtime.us-east-1.amazonaws.com", None),
        ("https://bedrock-runtime.us-east-1.amazonaws.com:8443", None),
        ("https://user@bedrock-runtime.us-east-1.amazonaws.com", None),
        ("http://127.0.0.1:9", None),
    ],
)  # fmt: skip
def test_the_credential_goes_to_amazons_control_plane_alone(
    base_url: str, companion: str | None
) -> None:
    """A base URL of Amazon's has one companion; a proxy or a lookalike has none."""
    assert ([companion] if companion else []) == PROVIDER.companions(base_url)
    played = play(PROVIDER, PROVIDER.discover(base_url), [HttpResponse(status=200, body=b"{}")])
    assert played.requests[0].url.startswith(f"{companion or base_url}/foundation-models?")


def test_a_bedrock_key_is_a_bearers() -> None:
    """A key without a colon goes out as it is."""
    signed = AUTH.sign(PROVIDER.build(task()), " ABSKexample== ")
    assert "Bearer ABSKexample==" == signed.headers["authorization"]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("vpce-1.bedrock-runtime.ap-northeast-1.vpce.amazonaws.com", "ap-northeast-1"),
        ("127.0.0.1:9", "us-west-2"),
    ],
)
def test_the_host_names_the_region(host: str, region: str) -> None:
    """A region is read from the address, and from nothing that a caller can set."""
    assert region == region_of(f"https://{host}/model/x/invoke")


def test_everything_goes_to_another_base_url() -> None:
    """A call goes to the base URL that is configured."""
    request = PROVIDER.build(task(base_url="http://127.0.0.1:9"))
    assert "http://127.0.0.1:9/model/stability.stable-image-ultra-v1%3A1/invoke" == request.url
    assert {"prompt": "a teapot, “blue”"} == json.loads(request.content or b"")


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("stable-image-ultra", "0.14"),
        ("stable-image-core", "0.04"),
        ("sd3.5-large", "0.08"),
        ("stable-image-inpaint", "0.07"),
        ("stable-image-outpaint", "0.06"),
        ("stable-image-upscale-creative", "0.60"),
    ],
)
def test_prices(name: str, price: str) -> None:
    """A picture costs what Amazon lists."""
    assert Decimal(price) == estimate(task(name).card, Settings(prompt="x")).expected


def test_amazons_own_models_have_ended() -> None:
    """Nova Canvas and Titan are known, and say what to use instead."""
    assert [card for card in CARDS if card not in LIVE] == [c for c in CARDS if c.is_retired(TODAY)]


@pytest.mark.parametrize("card", LIVE, ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Every card has its service, and takes no more images than the service has fields."""
    edits = card.operations - {Operation.GENERATE}
    assert bool(edits) == bool(card.max_images)
    assert card.max_images <= len(SERVICES[card.id].images)
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)


@given(replies([{"seeds": [1], "finish_reasons": [None], "images": ["iVBORw0KGgo="]}]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
