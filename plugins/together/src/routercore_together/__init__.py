"""Together AI: FLUX and other open models, to generate and to edit."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_together.models import CARDS
from routercore_together.service import Together

TOGETHER = Together(
    name="together",
    auth=bearer("TOGETHER_API_KEY"),
    origins=("https://api.together.xyz/v1",),
    cards=CARDS,
    response_format="base64",
    setting_fields={"seed": "seed", "negative_prompt": "negative_prompt"},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [TOGETHER]
