"""Workers AI: its accounts, its two forms of answers, its codes, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Fault,
    HttpResponse,
    InputImage,
    ModelCard,
    Operation,
    Provider,
    ProviderFailed,
    RawImage,
    Size,
    Task,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import form_values, replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_cloudflare_workers_ai import WorkersAI, routercore_providers

PROVIDER = WorkersAI()
CARDS = {card.name: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
ACCOUNT = {"account_id": "ab12"}
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"result": {"image": "iVBO"}, "success": True, "errors": [], "messages": []}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "cloudflare-workers-ai" == provider.name


def task(model: str = "flux-schnell", **settings: Any) -> Task:
    plain = {"prompt": "glass snail", "base_url": PROVIDER.origins[0], "options": ACCOUNT}
    return Task(card=CARDS[model], **{**plain, **settings})


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://api.cloudflare.com/client/v4/accounts/ab12/ai/run/"),
        ({"base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/accounts/ab12/ai/run/"),
        ({"base_url": "http://127.0.0.1:9/accounts/x", "options": {}},
         "http://127.0.0.1:9/accounts/x/ai/run/"),
    ],
)  # fmt: skip
def test_the_account_is_in_the_path(settings: dict[str, Any], url: str) -> None:
    """The account comes from the options, or with the base URL."""
    request = PROVIDER.build(task(**settings))
    assert f"{url}@cf/black-forest-labs/flux-1-schnell" == request.url
    assert "account_id" not in request.json


@pytest.mark.parametrize("account", [None, 5, "", "../x", "a/b", "a?b"])
def test_nothing_is_sent_without_an_account(account: Any) -> None:
    """An account that is missing, or none, is noticed before anything is sent."""
    with pytest.raises(ProviderFailed) as raised:
        PROVIDER.build(task(options={"account_id": account}))
    assert (Fault.INVALID_REQUEST, "account_id", True) == (
        raised.value.failure.fault,
        raised.value.failure.param,
        raised.value.failure.only_here,
    )


def test_a_model_of_one_size_is_not_asked_for_it() -> None:
    """Its size is declared, and is not a setting of the model."""
    assert {"prompt": "glass snail"} == PROVIDER.build(task(size=Size(1024, 1024))).json


def test_a_form_also_without_a_file() -> None:
    """FLUX.2 takes forms, whatever is in them."""
    request = PROVIDER.build(task("flux-2-dev", seed=3))
    assert {"prompt": "glass snail", "seed": "3"} == form_values(request.form or ())


@pytest.mark.parametrize(
    ("reply", "image"),
    [
        (answer(MADE), RawImage(base64="iVBO")),
        (answer({"image": "iVBO"}), RawImage(base64="iVBO")),
        (HttpResponse(status=200, headers={"content-type": "image/jpeg"}, body=b"jpeg"),
         RawImage(data=b"jpeg")),
    ],
)  # fmt: skip
def test_every_form_is_read(reply: HttpResponse, image: RawImage) -> None:
    """Any model may answer in any form."""
    assert (image,) == PROVIDER.parse(task(), reply).images


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (429, 3036, Fault.QUOTA),
        (429, 3040, Fault.OVERLOADED),
        (429, 1, Fault.RATE_LIMITED),
        (400, 3030, Fault.REFUSED),
        (400, 5007, Fault.MODEL_NOT_FOUND),
        (400, 5004, Fault.INVALID_REQUEST),
        (403, 10000, Fault.UNAUTHENTICATED),
        (403, 5018, Fault.FORBIDDEN),
        (200, 1, Fault.SERVER_ERROR),
        (200, 3030, Fault.REFUSED),
        (500, None, Fault.SERVER_ERROR),
    ],
)
def test_codes_decide(status: int, code: int | None, fault: Fault) -> None:
    """Codes say more than statuses, and statuses more than nothing."""
    body = {"success": False, "errors": [{"code": code, "message": "no"}], "result": None}
    assert fault is PROVIDER.classify(answer(body, status)).fault


def test_prices() -> None:
    """One price is known; the others are not zero."""
    assert Decimal("0.0005") == estimate(CARDS["flux-schnell"], Settings(prompt="x")).expected
    assert estimate(CARDS["sdxl-1.0"], Settings(prompt="x")).expected is None


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Edits come with images, and masks with inpainting."""
    assert bool(card.max_images) == bool(card.operations - {Operation.GENERATE})
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
