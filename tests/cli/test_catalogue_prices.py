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
from routercore.provider import ModelCard

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
    ("qwen-image-2.0-pro", "alibaba-dashscope", "expected", "0.075"),
    ("stable-image-ultra", "stability", "expected", "0.08"),
    ("stable-image-core", "stability", "expected", "0.03"),
    ("sd3.5-large", "stability", "expected", "0.065"),
    ("sd3.5-medium", "stability", "expected", "0.035"),
    ("stable-image-ultra", "amazon-bedrock", "expected", "0.14"),
    ("stable-image-core", "amazon-bedrock", "expected", "0.04"),
    ("sd3.5-large", "amazon-bedrock", "expected", "0.08"),
    ("flux-schnell", "fireworks", "expected", "0.0014"),
    ("flux-dev", "fireworks", "expected", "0.014"),
    ("sdxl-1.0", "fireworks", "expected", "0.0039"),
    ("flux-kontext-max", "fireworks", "expected", "0.08"),
    ("recraft-v3", "recraft", "expected", "0.04"),
    ("recraft-v2", "recraft", "expected", "0.022"),
    ("recraft-v4.1", "recraft", "expected", "0.04"),
    ("gpt-image-2", "fal", "low", "0.006"),
    ("gpt-image-2", "fal", "high", "0.211"),
    ("gpt-image-2.5-flare", "fal", "high", "0.21072"),
    ("flux-dev", "fal", "expected", "0.025"),
    ("flux-schnell", "fal", "expected", "0.003"),
    ("gemini-3-pro-image", "fal", "expected", "0.15"),
    ("gemini-2.5-flash-image", "fal", "expected", "0.039"),
    ("gemini-3.1-flash-image", "google", "expected", "0.067"),
    ("gemini-3.1-flash-lite-image", "google", "expected", "0.0336"),
    ("gemini-nano-banana-2.1", "google", "expected", "0.0336"),
    ("gpt-image-1-mini", "openai", "high", "0.036"),
    ("flux-2-flex", "black-forest-labs", "expected", "0.05"),
    ("flux-2-klein-4b", "black-forest-labs", "expected", "0.014"),
    ("flux-pro-1.1-ultra", "black-forest-labs", "expected", "0.06"),
    ("flux-dev", "black-forest-labs", "expected", "0.025"),
    ("grok-imagine-image-2.0", "xai", "low", "0.04"),
    ("grok-imagine-image-2.0", "xai", "expected", "0.06"),
    ("photon-1", "luma", "expected", "0.015"),
    ("seedream-5.0-pro", "bytedance-seedream", "expected", "0.09"),
    ("ideogram-v3", "ideogram", "low", "0.03"),
    ("ideogram-v3", "ideogram", "expected", "0.06"),
    ("ideogram-v3", "ideogram", "high", "0.09"),
    ("flux-schnell", "cloudflare-workers-ai", "expected", "0.0005"),
    ("black-forest-labs/FLUX.1-schnell:nscale", "huggingface", "expected", "0.00136"),
    ("flux-schnell", "together", "expected", "0.0027"),
    ("flux-kontext-max", "together", "expected", "0.08"),
    ("flux-pro-1.1", "deepinfra", "expected", "0.04"),
    ("flux-schnell", "replicate", "expected", "0.003"),
    ("flux-pro-1.1", "replicate", "expected", "0.04"),
    ("sd-cpp-local", "sdcpp", "expected", "0"),
]
OF_EDITS = [
    ("inpaint", "stability", "0.05"),
    ("search-and-replace", "stability", "0.05"),
    ("sketch", "stability", "0.05"),
    ("upscale-fast", "stability", "0.02"),
    ("upscale-conservative", "stability", "0.4"),
    ("upscale-creative", "stability", "0.6"),
    ("stability.stable-outpaint-v1:0", "amazon-bedrock", "0.06"),
    ("stability.stable-fast-upscale-v1:0", "amazon-bedrock", "0.03"),
    ("stability.stable-image-inpaint-v1:0", "amazon-bedrock", "0.07"),
    ("stability.stable-style-transfer-v1:0", "amazon-bedrock", "0.08"),
    ("images/removeBackground", "recraft", "0.01"),
    ("images/crispUpscale", "recraft", "0.004"),
    ("images/creativeUpscale", "recraft", "0.25"),
    ("images/eraseRegion", "recraft", "0.002"),
    ("flux-pro-1.0-fill", "black-forest-labs", "0.05"),
    ("flux-pro-1.0-expand", "black-forest-labs", "0.05"),
]
"""What is done to a picture, by the id that its vendor has for it."""
OF_A_MILLION = [
    ("gpt-image-2", "openai", {"text_in": "5", "image_in": "8", "image_out": "30"}),
    ("gpt-image-2.6-sunburst", "openai", {"text_in": "5", "image_in": "8", "image_out": "30"}),
    ("gpt-image-1.5", "openai", {"text_out": "10", "image_out": "32"}),
    ("gpt-image-1-mini", "openai", {"text_in": "2", "image_in": "2.5", "image_out": "8"}),
    ("gpt-image-2", "azure-openai", {"text_in": "5", "image_in": "8", "image_out": "30"}),
    ("gpt-image-1.5", "azure-openai", {"text_out": "10", "image_out": "32"}),
    ("gpt-image-1-mini", "azure-openai", {"text_in": "2", "image_in": "2.5", "image_out": "8"}),
    ("gemini-3-pro-image", "google", {"text_in": "2", "text_out": "12", "image_out": "120"}),
    ("gemini-3.1-flash-image", "google", {"text_in": "0.5", "text_out": "3", "image_out": "60"}),
    ("gemini-2.5-flash-image", "google", {"text_in": "0.3", "text_out": "2.5", "image_out": "30"}),
]
UNPUBLISHED = {
    "leonardo", "relayrouter", "imagerouter", "myrouter", "easyrouter", "openrouter",
    "runware", "openai-compatible", "localai", "comfyui", "automatic1111",
}  # fmt: skip
"""Vendors without a list of prices, or whose answers alone tell them; and one's own servers."""


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


def card_of(provider: str, id: str) -> ModelCard:
    (card,) = (card for card in load_plugins().providers[provider].catalogue() if card.id == id)
    return card


@pytest.mark.parametrize(("id", "provider", "amount"), OF_EDITS)
def test_prices_of_edits_are_those_published(id: str, provider: str, amount: str) -> None:
    """A picture that is made of another."""
    first = next(price for price in card_of(provider, id).prices if price.per == "image")
    assert Decimal(amount) == first.usd


@pytest.mark.parametrize(("id", "provider", "amounts"), OF_A_MILLION)
def test_prices_of_tokens_are_those_published(
    id: str, provider: str, amounts: dict[str, str]
) -> None:
    """A million of each kind."""
    rates = {price.per.value: price.usd for price in card_of(provider, id).prices}
    assert {unit: Decimal(amount) for unit, amount in amounts.items()} == {
        unit: rates[unit] for unit in amounts
    }


def test_every_vendor_with_a_list_of_prices_is_looked_at() -> None:
    """Each that publishes prices has at least one of them checked here."""
    checked = {row[1] for row in (*PUBLISHED, *OF_EDITS, *OF_A_MILLION)}
    priced = {
        name
        for name, provider in load_plugins().providers.items()
        if any(price.usd for card in provider.catalogue() for price in card.prices)
    }
    assert {"test", "google-vertex"} == priced - checked
    assert not UNPUBLISHED & priced
