"""OpenAI's image models: generate, edit, inpaint, and stream."""

from collections.abc import Iterable

from routercore.provider import Provider, Row, bearer, hookimpl
from routercore_openai.models import CARDS

OPENAI = Row(
    name="openai",
    auth=bearer("OPENAI_API_KEY"),
    origins=("https://api.openai.com/v1",),
    cards=CARDS,
    lists_other_models=True,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [OPENAI]
