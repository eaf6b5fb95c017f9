"""Ideogram: its paths, its two refusals, its cards."""

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
    Provider,
    ProviderFailed,
    Size,
    Task,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import form_values, replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_ideogram import Ideogram, routercore_providers

PROVIDER = Ideogram()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"data": [{"url": "https://ideogram.ai/api/images/x.png", "is_image_safe": True, "seed": 9}]}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "ideogram" == provider.name


def task(model: str = "ideogram-v3", **settings: Any) -> Task:
    plain = {"prompt": "a kite", "base_url": "https://api.ideogram.ai", **settings}
    return Task(card=CARDS[model], **plain)


def form(of: Task) -> dict[str, Any]:
    return form_values(PROVIDER.build(of).form or ())


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "ideogram-v3/generate"),
        ({"model": "ideogram-v4"}, "ideogram-v4/generate"),
        ({"images": (PICTURE,)}, "ideogram-v3/remix"),
        ({"images": (PICTURE,), "mask": PICTURE}, "ideogram-v3/edit"),
        ({"background": "transparent"}, "ideogram-v3/generate-transparent"),
    ],
)
def test_every_operation_has_its_path(settings: dict[str, Any], path: str) -> None:
    """What is to be done decides the path, under whatever base URL."""
    request = PROVIDER.build(task(base_url="http://127.0.0.1:9", **settings))
    assert f"http://127.0.0.1:9/v1/{path}" == request.url


@pytest.mark.parametrize(
    ("settings", "ratio"),
    [
        ({"size": Size(1024, 1024)}, "1x1"),
        ({"size": Size(1312, 736)}, "16x9"),
        ({"aspect_ratio": "4:5"}, "4x5"),
        ({"size": Size(512, 1536), "aspect_ratio": "1:3"}, "1x3"),
        ({}, None),
    ],
)
def test_a_transparent_picture_is_asked_for_by_ratio(
    settings: dict[str, Any], ratio: str | None
) -> None:
    """Pixels become the ratio that they have."""
    sent = form(task(background="transparent", **settings))
    assert ratio == sent.get("aspect_ratio")
    assert "resolution" not in sent


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"background": "transparent", "size": Size(960, 832)}, "size"),
        ({"background": "transparent", "images": (PICTURE,)}, "background"),
    ],
)
def test_what_cannot_be_done_is_not_sent(settings: dict[str, Any], param: str) -> None:
    """What an endpoint does not take is refused here, and may be right elsewhere."""
    with pytest.raises(ProviderFailed) as raised:
        PROVIDER.build(task(**settings))
    failure = raised.value.failure
    assert (Fault.UNSUPPORTED, param, True) == (failure.fault, failure.param, failure.only_here)


def test_version_four_is_sent_what_it_takes() -> None:
    """Its one declared size is its default, and is not sent."""
    sent = form(task("ideogram-v4", size=Size(1024, 1024), seed=3))
    assert {"prompt": "a kite", "seed": "3"} == sent


def test_options_pass_through() -> None:
    """Settings of the vendor alone are sent as they are, lists as repeated fields."""
    options = {"magic_prompt": "OFF", "style_codes": ["AAFF5733", "0133FF57"]}
    sent = form(task(options=options, style="realistic"))
    assert "OFF" == sent["magic_prompt"]
    assert ["AAFF5733", "0133FF57"] == sent["style_codes"]
    assert "REALISTIC" == sent["style_type"]


@pytest.mark.parametrize(
    ("status", "fault"),
    [(400, Fault.INVALID_REQUEST), (422, Fault.REFUSED), (402, Fault.QUOTA),
     (429, Fault.RATE_LIMITED), (503, Fault.OVERLOADED)],
)  # fmt: skip
def test_errors(status: int, fault: Fault) -> None:
    """A refusal has a status of its own."""
    assert fault is PROVIDER.classify(answer({"error": "no"}, status)).fault


def test_prices() -> None:
    """A picture costs by its rendering speed, and as the default one where none is asked for."""
    for speed, price in (("TURBO", "0.03"), ("QUALITY", "0.09"), (None, "0.06")):
        guess = estimate(CARDS["ideogram-v3"], Settings(prompt="x", quality=speed))
        assert Decimal(price) == guess.expected
    assert 69 == len(CARDS["ideogram-v3"].sizes.sizes)  # type: ignore[union-attr]


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
