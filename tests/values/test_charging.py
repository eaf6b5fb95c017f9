"""What options do to the price: known as before, an upper end, or unknown; never passed by."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from routercore import Router
from routercore.plugins import load_plugins
from routercore.provider.cards import card_from
from routercore.provider.spec import Provider
from routercore.values.catalogue import ModelCard
from routercore.values.charging import as_charged
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import Basis, Per, Usage, estimate, settle, usd

ASKED = Settings(prompt="a picture")
CARD = ModelCard(id="m", prices=(usd("0.04"),), charged_options={"steps": None, "series": 15})


@cache
def providers() -> dict[str, Provider]:
    return dict(load_plugins().providers)


CHARGED: list[tuple[str, str, dict[str, Any]]] = [
    ("fireworks", "flux-dev", {"num_inference_steps": 50}),
    ("fireworks", "sdxl-1.0", {"steps": 60}),
    ("together", "flux-schnell", {"steps": 12}),
    ("together", "flux-dev", {"image_loras": [{"path": "x", "scale": 1}]}),
    ("deepinfra", "flux-schnell", {"num_inference_steps": 8}),
    ("cloudflare-workers-ai", "flux-schnell", {"steps": 8}),
    ("cloudflare-workers-ai", "flux-schnell", {"num_steps": 8}),
    ("huggingface", "black-forest-labs/FLUX.1-schnell:nscale", {"provider_id": "dear/model"}),
    ("ideogram", "ideogram-v3", {"rendering_speed": "FLASH"}),
    ("ideogram", "ideogram-v3", {"upscale_factor": "X4"}),
    ("recraft", "recraft-v4.1", {"upscale": "upscale16mp"}),
    ("fal", "ideogram-v3", {"rendering_speed": "QUALITY"}),
    ("fal", "gemini-3-pro-image", {"enable_web_search": True}),
    ("bytedance-seedream", "seedream-4.5", {"tools": [{"type": "web_search"}]}),
    ("google", "gemini-3.1-flash-image", {"tools": [{"google_search": {}}]}),
    ("google", "gemini-3-pro-image", {"generation_config": {"thinking_config": {"x": 1}}}),
    ("google", "gemini-3-pro-image", {"generationConfig": {"imageConfig": {"imageSize": "4K"}}}),
    ("google-vertex", "gemini-3-pro-image", {"tools": [{"googleSearch": {}}]}),
    ("openai", "gpt-image-1.5", {"quality": "high"}),
    ("black-forest-labs", "flux-2-pro", {"width": 2048}),
    ("xai", "grok-imagine-image", {"resolution": "2k"}),
    ("alibaba-dashscope", "qwen-image-3.0", {"size": "2048*2048"}),
    ("recraft", "recraft-outpaint", {"model": "recraftv4_1_pro"}),
]


@pytest.mark.parametrize(("provider", "model", "options"), CHARGED)
def test_an_option_that_changes_the_price(
    provider: str, model: str, options: dict[str, Any]
) -> None:
    """The declared price is given up where an option has the vendor charge another."""
    cards = providers()[provider].catalogue()
    card = next(card for card in cards if model in (card.name, card.id))
    assert estimate(card, ASKED).is_known
    assert not estimate(as_charged(card, options), ASKED).is_known
    assert Basis.UNKNOWN is settle(as_charged(card, options), ASKED, None, None, delivered=1).basis
    assert (
        Decimal("0.5")
        == settle(as_charged(card, options), ASKED, None, Decimal("0.5"), delivered=1).usd
    )


@pytest.mark.parametrize(
    ("provider", "model", "options"),
    [
        ("openrouter", "*", {"provider": {"sort": "price"}}),
        ("openrouter", "*", {"plugins": [{"id": "web"}]}),
    ],
)
def test_prices_that_are_discovered(provider: str, model: str, options: dict[str, Any]) -> None:
    """A price that the vendor lists holds for the endpoint that it is listed for."""
    (card,) = (one for one in providers()[provider].catalogue() if one.id == model)
    assert set(options) <= card.charged_options.keys()


@pytest.mark.parametrize(
    ("options", "low", "expected", "high"),
    [
        ({"guidance": 3}, "0.04", "0.04", "0.04"),
        ({"num_images": 4}, "0.04", "0.04", "0.16"),
        ({"series": "auto"}, "0.04", "0.04", "0.60"),
        ({"series": "disabled"}, "0.04", "0.04", "0.04"),
        ({"series_options": {"max_images": 3}}, "0.04", "0.04", "0.12"),
        ({"num_images": 2, "maxImages": 3}, "0.04", "0.04", "0.24"),
        ({"lora": [{"model": "x", "width": 4}]}, "0.04", "0.04", "0.04"),
    ],
)
def test_an_option_that_only_multiplies(
    options: dict[str, Any], low: str, expected: str, high: str
) -> None:
    """The estimate has an upper end, and what is delivered is charged picture by picture."""
    guess = estimate(as_charged(CARD, options), ASKED)
    assert (Decimal(low), Decimal(expected), Decimal(high)) == (
        guess.low, guess.expected, guess.high
    )  # fmt: skip
    cost = settle(as_charged(CARD, options), ASKED, None, None, delivered=3)
    assert Decimal("0.12") == cost.usd


def test_what_is_counted_stays_counted() -> None:
    """Tokens are charged as they are counted, whatever made the model use them."""
    card = ModelCard(id="m", prices=(usd("0.1"), usd("60", Per.IMAGE_OUT)))
    thinking = as_charged(card, {"thinkingConfig": {"includeThoughts": True}})
    cost = settle(thinking, ASKED, Usage(image_out=1000), None, delivered=1)
    assert (Decimal("0.06"), Basis.TOKENS) == (cost.usd, cost.basis)


def test_what_is_free_stays_free() -> None:
    """A server of one's own charges nothing for more steps."""
    card = ModelCard(id="m", prices=(usd("0"),), charged_options={"steps": None})
    assert card is as_charged(card, {"steps": 50, "num_images": 4})


def test_a_card_of_the_configuration_says_so_too() -> None:
    """An operator's own card names the options with which its price does not hold."""
    card = card_from({"id": "m", "prices": [{"usd": "0.1"}], "charged_options": ["steps"]})
    assert not estimate(as_charged(card, {"Steps": 4}), ASKED).is_known


@pytest.mark.parametrize(
    ("provider", "target", "asked"),
    [({"steps": 8}, {}, {}), ({}, {"steps": 8}, {}), ({}, {}, {"steps": 8})],
    ids=["provider", "target", "request"],
)
async def test_whoever_gives_the_option(
    provider: dict[str, Any], target: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The plan's price follows the options of the provider, of the target and of the request."""
    config = {
        "providers": {"together": {"api_key": "sk-1", "options": provider}},
        "models": {"p": {"targets": [{"target": "together:flux-schnell", "options": target}]}},
    }
    async with Router.from_config(config) as router:
        plan = router.plan(ImageRequest(model="p", prompt="x", options={"together": asked}))
        plain = router.plan(ImageRequest(model="together:flux-dev", prompt="x"))
    (candidate,) = plan.candidates
    assert not candidate.estimate.is_known
    assert provider != {} or plain.candidates[0].estimate.is_known
