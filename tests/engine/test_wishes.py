"""What callers may put among a provider's options."""

from __future__ import annotations

from decimal import Decimal

import pytest

from routercore.engine.wishes import refuse_reserved, refuse_wrong
from routercore.values.errors import RequestError
from routercore.values.images import ImageRequest


@pytest.mark.parametrize(
    "name",
    ["model", "n", "prompt", "size", "num_images", "webhook_url", "Base-URL", "deployment",
     "api_version", "inference_profile", "numberResults", "negativePrompt", "webhookURL",
     "uploadEndpoint", "account_id", "bill_to", "provider_id", "workflow", "slots", "models",
     "extra_headers", "proxy", "url", "messages", "refiner_checkpoint", "width",
     "image_size", "Height", "megapixels"],
)  # fmt: skip
def test_options_with_a_place_of_their_own_are_refused(name: str) -> None:
    """Limits, prices and addresses cannot be passed by through an option; the option is named."""
    with pytest.raises(RequestError) as refused:
        refuse_reserved("acme", {"steps": 4, name: "x"})
    assert f"options.acme.{name}" == refused.value.param


@pytest.mark.parametrize("amount", ["0.05", "", -1, Decimal("NaN"), float("inf"), True])
def test_a_limit_that_is_no_amount(amount: object) -> None:
    """A price limit that is no number of dollars is refused by its name, also where it is text."""
    with pytest.raises(RequestError, match="max_price is") as refused:
        refuse_wrong(ImageRequest(prompt="x", model="m", max_price=amount))
    assert "max_price" == refused.value.param


@pytest.mark.parametrize("amount", [None, 0, 1, 0.05, Decimal("0.05")])
def test_a_limit_in_dollars(amount: object) -> None:
    """Numbers of every kind are limits."""
    refuse_wrong(ImageRequest(prompt="x", model="m", max_price=amount))


def test_other_options_pass() -> None:
    """What only the provider understands is its own affair."""
    loras = [{"model": "civitai:58390@62833", "weight": 0.8}]
    routing = {"provider": {"sort": "price"}, "override_settings": {"CLIP_stop_at_last_layers": 2}}
    refuse_reserved("acme", {"steps": 4, "guidance_scale": 3.5, "lora": loras, **routing})


@pytest.mark.parametrize(
    "options",
    [
        {"extra": {"models": ["cheap/other"]}},
        {"override_settings": {"sd_model_checkpoint": "other.safetensors"}},
        {"nodes": [{"inputs": [{"webhookUrl": "https://elsewhere.example"}]}]},
        {"tasks": [{"numberResults": 20}]},
        {"image_config": {"image_size": "4K"}},
        {"plugins": ({"headers": {"x": "y"}},)},
    ],
)
def test_what_lies_deeper_is_found(options: dict[str, object]) -> None:
    """Neither a table nor a list hides what may not be set."""
    with pytest.raises(RequestError) as refused:
        refuse_reserved("acme", options)
    assert f"options.acme.{next(iter(options))}" == refused.value.param


def test_a_number_of_pictures_is_found_in_a_table() -> None:
    """How many pictures there are to be is no option, however deep it lies."""
    options = {"generationConfig": {"candidateCount": 4}}
    with pytest.raises(RequestError, match="generationConfig"):
        refuse_reserved("acme", options)
