"""Recraft: its names for settings, its money, its cards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Fault,
    FixedSizes,
    HttpResponse,
    InputImage,
    ModelCard,
    Operation,
    Provider,
    Size,
    Task,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import form_values, replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import estimate
from routercore_recraft import RECRAFT, routercore_providers

CARDS = {card.id: card for card in RECRAFT.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"created": 1795219200, "credits": 40, "data": [{"b64_json": "iVBO", "image_id": "18ac"}]}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(RECRAFT, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "recraft" == provider.name


def task(model: str = "recraftv3", **settings: Any) -> Task:
    plain = {"prompt": "a kite", "base_url": "https://external.api.recraft.ai/v1", **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return HttpResponse(status=status, body=data)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "generations"),
        ({"images": (PICTURE,)}, "imageToImage"),
        ({"images": (PICTURE,), "mask": PICTURE}, "inpaint"),
    ],
)
def test_every_operation_has_its_path(settings: dict[str, Any], path: str) -> None:
    """What is to be done decides the path, under whatever base URL."""
    request = RECRAFT.build(task(base_url="http://127.0.0.1:9/v1", **settings))
    assert f"http://127.0.0.1:9/v1/images/{path}" == request.url


def test_an_option_takes_the_place_of_a_default() -> None:
    """The strength of an edit can be chosen."""
    edit = task(images=(PICTURE,), options={"strength": 0.2})
    assert "0.2" == form_values(RECRAFT.build(edit).form or ())["strength"]


@pytest.mark.parametrize("mask", [None, PICTURE])
def test_an_edit_keeps_the_size_of_its_picture(mask: InputImage | None) -> None:
    """A size beside an input image is left out with a warning, or a reason for the strict."""
    card = CARDS["recraftv3"]
    request = ImageRequest(prompt="a kite", model=card.id, images=(PICTURE,), mask=mask,
                           size=Size(1024, 1024))  # fmt: skip
    fit = check(card, request, date(2026, 11, 21))
    assert isinstance(fit, Fit)
    assert (None, ["size"]) == (fit.request.size, [warning.param for warning in fit.warnings])
    assert not isinstance(check(card, replace(request, strict=True), date(2026, 11, 21)), Fit)


@pytest.mark.parametrize("credits", [None, "x", True, -1, []])
def test_an_absurd_amount_of_credits_is_unknown(credits: Any) -> None:
    """Credits that are no amount are no cost, and cost no picture."""
    made = RECRAFT.parse(task(), answer({**MADE, "credits": credits}))
    assert (1, None) == (len(made.images), made.cost_usd)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, {"code": "prompt_flagged", "message": "no"}, Fault.REFUSED),
        (400, "the prompt was flagged as NSFW", Fault.REFUSED),
        (400, {"code": "not_enough_credits", "message": "no"}, Fault.QUOTA),
        (400, {"code": "invalid_size", "message": "1x1"}, Fault.INVALID_REQUEST),
        (402, "payment required", Fault.QUOTA),
        (401, "request unauthorized", Fault.UNAUTHENTICATED),
        (429, {"message": "slow down"}, Fault.RATE_LIMITED),
        (502, "<html>", Fault.GATEWAY),
    ],
)
def test_errors(status: int, body: Any, fault: Fault) -> None:
    """Codes decide where a status says little; bodies may be plain text."""
    assert fault is RECRAFT.classify(answer(body, status)).fault


@pytest.mark.parametrize(
    ("model", "price"),
    [("recraftv4_1", "0.04"), ("recraftv4_1_pro", "0.25"), ("recraftv4_1_vector", "0.08"),
     ("recraftv4_1_pro_vector", "0.30"), ("recraftv3", "0.04"), ("recraftv2", "0.022")],
)  # fmt: skip
def test_prices(model: str, price: str) -> None:
    """A picture costs what the vendor lists."""
    assert Decimal(price) == estimate(CARDS[model], Settings(prompt="x")).expected


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Vectors are SVG, masks come with images, and sizes are sizes."""
    assert ("vector" in card.id) == (card.formats == ("svg",))
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)
    if isinstance(card.sizes, FixedSizes):
        assert [str(Size.parse(text)) for text in card.sizes.sizes] == [*card.sizes.sizes]


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(RECRAFT, RECRAFT.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
