"""OpenRouter: image models of many vendors behind one API and one key."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_openrouter.models import CARDS
from routercore_openrouter.service import OpenRouter

OPENROUTER = OpenRouter(
    name="openrouter",
    auth=bearer("OPENROUTER_API_KEY"),
    origins=("https://openrouter.ai/api/v1",),
    cards=CARDS,
    generations_path="/images",
    models_path="/images/models",
    setting_fields={"aspect_ratio": "aspect_ratio", "resolution": "resolution", "seed": "seed"},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [OPENROUTER]
