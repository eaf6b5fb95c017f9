"""xAI's Grok Imagine: generate and edit, by ratio and resolution."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_xai.models import CARDS
from routercore_xai.service import Xai

XAI = Xai(
    name="xai",
    auth=bearer("XAI_API_KEY"),
    origins=("https://api.x.ai/v1",),
    cards=CARDS,
    response_format="b64_json",
    lists_other_models=True,
    setting_fields={"aspect_ratio": "aspect_ratio", "resolution": "resolution"},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [XAI]
