"""The recorded exchanges and the cards of the openai-compatible plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routercore.config import load
from routercore.provider import Provider, Task
from routercore.testing.transcripts import replay
from routercore_openai_compatible import OPENAI_COMPATIBLE, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(OPENAI_COMPATIBLE, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert provider.name == "openai-compatible"


def test_a_configured_card_has_its_settings_sent() -> None:
    """What the operator says that a model takes is passed on, each under its usual name."""
    card = {"id": "sdxl", "seed": True, "negative_prompt": True, "operations": ["generate"],
            "sizes": {"ratios": ["1:1", "16:9"], "tiers": ["1K", "2K"]}}  # fmt: skip
    table = {"plugin": "openai-compatible", "base_url": "http://127.0.0.1:9/v1", "cards": [card]}
    setup = load({"providers": {"workshop": table}}, {}).setup
    [configured] = [one for one in setup.providers if one.name == "workshop"]
    asked: dict[str, Any] = {"seed": 7, "negative_prompt": "fog", "aspect_ratio": "16:9",
                             "resolution": "2K"}  # fmt: skip
    task = Task(prompt="a mill", card=configured.cards[0], base_url="http://127.0.0.1:9/v1",
                **asked)  # fmt: skip
    assert asked.items() <= OPENAI_COMPATIBLE.build(task).json.items()
