"""xAI's cards, prices and recorded exchanges."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given

from routercore.provider import HttpResponse, Provider, Size, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import estimate
from routercore_xai import XAI, routercore_providers
from routercore_xai.models import CARDS, GROK_IMAGINE, GROK_IMAGINE_2

TODAY = date(2026, 11, 21)
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
ANSWER = {
    "data": [{"b64_json": "iVBORw0KGgo=", "respect_moderation": True}],
    "usage": {"cost_in_usd_ticks": 1},
}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(XAI, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "xai" == provider.name


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [("1024x1024", "1:1", "1K"), ("2048x2048", "1:1", "2K"), ("2560x1440", "16:9", "2K")],
)
def test_sizes_become_ratio_and_resolution(size: str, ratio: str, tier: str) -> None:
    """A size in pixels is asked for as the nearest ratio and resolution."""
    request = ImageRequest(prompt="a fox", model="m", size=Size.parse(size))
    fit = check(GROK_IMAGINE_2, request, TODAY)
    assert isinstance(fit, Fit)
    assert (ratio, tier, None) == (
        fit.request.aspect_ratio,
        fit.request.resolution,
        fit.request.size,
    )


@pytest.mark.parametrize(
    ("quality", "price"), [(None, "0.06"), ("low", "0.04"), ("medium", "0.06")]
)
def test_prices(quality: str | None, price: str) -> None:
    """A picture costs what xAI lists for its quality."""
    asked = Settings(prompt="a fox", quality=quality)
    assert Decimal(price) == estimate(GROK_IMAGINE_2, asked).expected
    assert Decimal("0.02") == estimate(GROK_IMAGINE, Settings(prompt="a fox")).expected


def test_retired_models_name_their_successor() -> None:
    """A model that has ended is refused, with what to use instead."""
    for card in CARDS:
        assert card.is_retired(TODAY) == (card.successor is not None)


@pytest.mark.parametrize("ticks", [None, "x", True, -1, []])
def test_an_absurd_cost_is_unknown(ticks: object) -> None:
    """A cost that is none is unknown, and costs no picture."""
    body = {**ANSWER, "usage": {"cost_in_usd_ticks": ticks}}
    reply = HttpResponse(status=200, body=json.dumps(body).encode())
    task = Task(card=GROK_IMAGINE, base_url="http://127.0.0.1:9/v1", prompt="a fox")
    played = play(XAI, XAI.generate(task), [reply])
    assert played.result.cost_usd is None
    assert ["http://127.0.0.1:9/v1/images/generations"] == [r.url for r in played.requests]


@given(replies([ANSWER]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    task = Task(card=GROK_IMAGINE, base_url=XAI.origins[0], prompt="a fox")
    played = play(XAI, XAI.generate(task), script)
    assert (played.value is None) != (played.failed is None)
