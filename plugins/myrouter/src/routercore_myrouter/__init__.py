"""MyRouter: pictures from prompts, by gpt-image-1 and gpt-image-1.5."""

from collections.abc import Iterable

from routercore.provider import (
    FixedSizes,
    Form,
    ModelCard,
    Operation,
    Provider,
    Row,
    bearer,
    hookimpl,
)

GPT_IMAGE_1_5 = ModelCard(
    id="gpt-image-1.5",
    operations=frozenset({Operation.GENERATE}),
    sizes=FixedSizes(("1024x1024", "1536x1024", "1024x1536")),
    qualities=("low", "medium", "high"),
    default_quality="medium",
    # An answer names its format, one of these; a request cannot ask for it.
    formats=("png", "webp", "jpeg"),
    choose_format=False,
    forms=(Form.BASE64,),
    max_n=10,
    max_prompt=32_000,
    latency=30.0,
    unverified=frozenset({"formats", "latency"}),
)

MYROUTER = Row(
    name="myrouter",
    auth=bearer("MYROUTER_API_KEY"),
    origins=("https://api.myrouter.ai/v1",),
    cards=(GPT_IMAGE_1_5, GPT_IMAGE_1_5.named("gpt-image-1")),
    models_path=None,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [MYROUTER]
