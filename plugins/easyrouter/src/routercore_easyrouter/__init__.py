"""EasyRouter: GPT Image and DALL-E behind OpenAI's Images API, a Gemini behind its chat."""

from collections.abc import Iterable

from routercore.provider import Provider, Row, bearer, hookimpl
from routercore_easyrouter.models import CARDS

EASYROUTER = Row(
    name="easyrouter",
    auth=bearer("EASYROUTER_API_KEY"),
    origins=("https://easyrouter.io/v1",),
    cards=CARDS,
    models_path=None,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [EASYROUTER]
