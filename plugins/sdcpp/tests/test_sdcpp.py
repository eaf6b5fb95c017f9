"""The server of stable-diffusion.cpp: its jobs, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import WILDCARD, HttpResponse, Provider, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_sdcpp import LOADED, StableDiffusionCpp, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
SDCPP = StableDiffusionCpp()
ACCEPTED = {"id": "job_01", "status": "queued"}
MADE = {"id": "job_01", "status": "completed", "result": {"images": [{"b64_json": "iVBO"}]}}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(SDCPP, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "sdcpp" == provider.name


def task(**settings: Any) -> Task:
    plain = {"prompt": "a red cube", "base_url": SDCPP.origins[0], **settings}
    return Task(card=LOADED, **plain)


@pytest.mark.parametrize("base", ["http://10.0.0.7:1234", "http://10.0.0.7:1234/v1"])
def test_everything_goes_to_another_base_url(base: str) -> None:
    """The server is wherever the configuration says, also by the address of its other API."""
    request = SDCPP.build(task(base_url=base))
    assert "http://10.0.0.7:1234/sdcpp/v1/img_gen" == request.url


@pytest.mark.parametrize(("limits", "most"), [({"max_batch_count": 3}, 3), ({}, 8), ([], 8)])
def test_the_server_says_how_many_pictures_it_makes(limits: Any, most: int) -> None:
    """Discovery finds the one model, under its declared name."""
    told = HttpResponse(status=200, body=json.dumps({"limits": limits}).encode())
    (card,) = play(SDCPP, SDCPP.discover(SDCPP.origins[0]), [told]).result
    assert (LOADED.id, most) == (card.id, card.max_n)


def test_it_costs_nothing() -> None:
    """A picture of one's own machine is free, under whatever name."""
    for card in SDCPP.catalogue():
        assert Decimal(0) == estimate(card, Settings(prompt="x")).expected
    assert {LOADED.id, WILDCARD} == {card.id for card in SDCPP.catalogue()}


@given(replies([ACCEPTED, MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(SDCPP, SDCPP.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
