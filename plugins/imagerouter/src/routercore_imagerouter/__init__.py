"""ImageRouter: an open catalogue of models by many vendors, behind OpenAI's Images API."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_imagerouter.models import CARDS
from routercore_imagerouter.service import ImageRouter

IMAGEROUTER = ImageRouter(
    name="imagerouter",
    auth=bearer("IMAGEROUTER_API_KEY"),
    origins=("https://api.imagerouter.io/v1/openai",),
    cards=CARDS,
    # The list lives beside the OpenAI-compatible part of the API, not in it.
    models_path="../models?type=image&limit=1000",
    image_field="image[]",
    mask_field="mask[]",
    response_format="b64_json",
    reports_cost=True,
    failures_are_free=True,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [IMAGEROUTER]
