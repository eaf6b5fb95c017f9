"""RelayRouter: pictures from prompts, by any image model that a key may use."""

from collections.abc import Iterable

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    ModelCard,
    Operation,
    Provider,
    Row,
    bearer,
    hookimpl,
)

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset({Operation.GENERATE}),
    sizes=AnySize(),
    choose_format=False,
    forms=(Form.URL,),
    max_n=10,
    latency=20.0,
    unverified=frozenset({"sizes", "formats", "max_n", "latency"}),
)
"""The documented parameters are model, prompt, n and size; nothing else is sent."""

RELAYROUTER = Row(
    name="relayrouter",
    auth=bearer("RELAYROUTER_API_KEY"),
    origins=("https://relayrouter.io/v1",),
    cards=(ANY.named("gpt-image-1"), ANY),
    lists_other_models=True,
    failures_are_free=True,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [RELAYROUTER]
