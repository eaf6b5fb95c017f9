"""What callers may put among a provider's options."""

from __future__ import annotations

import pytest

from routercore.engine.wishes import refuse_reserved
from routercore.values.errors import RequestError


@pytest.mark.parametrize(
    "name",
    ["model", "n", "prompt", "size", "num_images", "webhook_url", "Base-URL", "deployment",
     "api_version", "inference_profile", "numberResults", "negativePrompt", "webhookURL",
     "uploadEndpoint", "account_id", "bill_to", "provider_id", "workflow", "slots"],
)  # fmt: skip
def test_options_with_a_place_of_their_own_are_refused(name: str) -> None:
    """Limits, prices and addresses cannot be passed by through an option; the option is named."""
    with pytest.raises(RequestError) as refused:
        refuse_reserved("acme", {"steps": 4, name: "x"})
    assert f"options.acme.{name}" == refused.value.param


def test_other_options_pass() -> None:
    """What only the provider understands is its own affair."""
    refuse_reserved("acme", {"steps": 4, "guidance_scale": 3.5, "provider": {"sort": "price"}})


def test_a_number_of_pictures_is_found_in_a_table() -> None:
    """How many pictures there are to be is no option, however deep it lies."""
    options = {"generationConfig": {"candidateCount": 4}}
    with pytest.raises(RequestError, match="generationConfig"):
        refuse_reserved("acme", options)
