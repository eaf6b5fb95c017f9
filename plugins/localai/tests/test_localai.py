"""LocalAI: its paths, its prompts, its card."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import HttpResponse, InputImage, Provider, Task
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_localai import ANY, LOCALAI, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"created": 1795219200, "data": [{"b64_json": "iVBO"}]}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(LOCALAI, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "localai" == provider.name


def task(**settings: Any) -> Task:
    plain = {"prompt": "a red cube", "base_url": LOCALAI.origins[0], **settings}
    return Task(card=ANY.named("stablediffusion"), **plain)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "generations"),
        ({"images": (PICTURE,)}, "generations"),
        ({"images": (PICTURE,), "mask": PICTURE}, "inpainting"),
    ],
)
def test_every_operation_has_its_path(settings: dict[str, Any], path: str) -> None:
    """What is to be done decides the path, under whatever base URL."""
    request = LOCALAI.build(task(base_url="http://10.0.0.7/v1", **settings))
    assert f"http://10.0.0.7/v1/images/{path}" == request.url


@pytest.mark.parametrize(
    ("prompt", "negative", "sent"),
    [("a cube", None, "a cube"), ("a cube", "red", "a cube|red"), ("a|b", None, "a|b"),
     ("a|b", "red", "a b|red")],
)  # fmt: skip
def test_a_negative_prompt_is_part_of_the_prompt(
    prompt: str, negative: str | None, sent: str
) -> None:
    """The first bar of what is sent is the one before the negative prompt."""
    assert sent == LOCALAI.body(task(prompt=prompt, negative_prompt=negative))["prompt"]


def test_its_list_does_not_say_what_makes_pictures() -> None:
    """Models that may be of any kind are not offered."""
    listing = HttpResponse(status=200, body=b'{"data": [{"id": "llama"}, {"id": "flux"}]}')
    assert [] == play(LOCALAI, LOCALAI.discover(LOCALAI.origins[0]), [listing]).result


def test_it_costs_nothing() -> None:
    """A picture of one's own machine is free."""
    assert Decimal(0) == estimate(ANY, Settings(prompt="x")).expected


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(LOCALAI, LOCALAI.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
