"""The server of stable-diffusion.cpp: its extra arguments, its cards."""

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
from routercore_sdcpp import LOADED, SDCPP, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
MADE = {"created": 1795219200, "output_format": "png", "data": [{"b64_json": "iVBO"}]}


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


def test_a_plain_prompt_stays_as_it_is() -> None:
    """Extra arguments are there only where something was asked for."""
    assert "a red cube" == SDCPP.body(task())["prompt"]


def test_settings_and_options_travel_in_the_prompt() -> None:
    """They are sent as the server's extra arguments, and nowhere else."""
    options = {"sample_params": {"sample_steps": 8}}
    body = SDCPP.body(task(seed=7, negative_prompt="grün", options=options))
    prompt, _, rest = body["prompt"].partition(" <sd_cpp_extra_args>")
    assert "a red cube" == prompt
    sent = json.loads(rest.removesuffix("</sd_cpp_extra_args>"))
    assert {"seed": 7, "negative_prompt": "grün", **options} == sent
    assert "sample_params" not in body


def test_everything_goes_to_another_base_url() -> None:
    """The server is wherever the configuration says."""
    request = SDCPP.build(task(base_url="http://10.0.0.7:1234/v1"))
    assert "http://10.0.0.7:1234/v1/images/generations" == request.url


def test_the_model_of_the_list_is_the_declared_one() -> None:
    """Discovery finds the one model that the server says it has."""
    listing = HttpResponse(status=200, body=b'{"data": [{"id": "sd-cpp-local"}]}')
    played = play(SDCPP, SDCPP.discover(SDCPP.origins[0]), [listing])
    assert [LOADED] == played.result


def test_it_costs_nothing() -> None:
    """A picture of one's own machine is free, under whatever name."""
    for card in SDCPP.cards:
        assert Decimal(0) == estimate(card, Settings(prompt="x")).expected
    assert {LOADED.id, WILDCARD} == {card.id for card in SDCPP.cards}


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(SDCPP, SDCPP.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
