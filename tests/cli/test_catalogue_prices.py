"""``routercore models --json``: each model once, and the prices that vendors publish.

The amounts are those of the vendors' price lists as read on 21 November 2026.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from routercore.plugins import load_plugins

PUBLISHED = [
    ("gpt-image-1.5", "openai", "expected", "0.034"),
    ("gpt-image-1.5", "openai", "high", "0.133"),
    ("gpt-image-1-mini", "openai", "low", "0.005"),
    ("flux-2-pro", "black-forest-labs", "expected", "0.03"),
    ("flux-2-max", "black-forest-labs", "expected", "0.07"),
    ("flux-kontext-max", "black-forest-labs", "expected", "0.08"),
    ("flux-pro-1.1", "black-forest-labs", "expected", "0.04"),
    ("gemini-3-pro-image", "google", "expected", "0.134"),
    ("gemini-2.5-flash-image", "google", "expected", "0.039"),
    ("grok-imagine-image", "xai", "expected", "0.02"),
    ("photon-flash-1", "luma", "expected", "0.002"),
    ("qwen-image-3.0", "alibaba-dashscope", "expected", "0.03"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The list, with every installed provider enabled."""
    variables = {provider.auth.env for provider in load_plugins().providers.values()}
    keys = {variable: "sk-none-of-these" for variable in variables if variable}
    command = [sys.executable, "-m", "routercore", "models", "--json"]
    cwd: Path = tmp_path_factory.mktemp("models")
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **keys}, capture_output=True, text=True, check=True
    )
    listed: list[dict[str, Any]] = json.loads(done.stdout)["models"]
    return listed


def test_every_model_is_listed_once(models: list[dict[str, Any]]) -> None:
    """Under one public name, with everybody who serves it."""
    names = [model["name"] for model in models]
    assert sorted(set(names)) == sorted(names)
    servers = {m["name"]: {t["provider"] for t in m["targets"]} for m in models}
    assert {"openai", "fal"} <= servers["gpt-image-2"]
    assert {"black-forest-labs", "together"} <= servers["flux-2-pro"]


@pytest.mark.parametrize(("name", "provider", "bound", "amount"), PUBLISHED)
def test_prices_are_those_published(
    models: list[dict[str, Any]], name: str, provider: str, bound: str, amount: str
) -> None:
    """A picture of 1024x1024, within a prompt's price of a hundredth of a cent."""
    [model] = [model for model in models if model["name"] == name]
    [target] = [target for target in model["targets"] if target["provider"] == provider]
    difference = abs(Decimal(target["price_1024x1024"][bound]) - Decimal(amount))
    assert difference <= Decimal("0.0001")
