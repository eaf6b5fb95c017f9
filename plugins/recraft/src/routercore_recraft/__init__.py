"""Recraft: raster and vector pictures, generated, edited and inpainted."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_recraft.models import CARDS
from routercore_recraft.service import Recraft

RECRAFT = Recraft(
    name="recraft",
    auth=bearer("RECRAFT_API_TOKEN"),
    origins=("https://external.api.recraft.ai/v1",),
    cards=CARDS,
    response_format="b64_json",
    setting_fields={
        "output_format": "image_format",
        "negative_prompt": "negative_prompt",
        "seed": "random_seed",
    },
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [RECRAFT]
