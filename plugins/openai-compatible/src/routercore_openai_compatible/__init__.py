"""Any service that speaks OpenAI's Images API, at whatever base URL a configuration gives."""

from collections.abc import Iterable
from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    Provider,
    Row,
    Task,
    bearer,
    hookimpl,
)

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset(Operation),
    sizes=AnySize(),
    qualities=("low", "medium", "high"),
    formats=("png", "jpeg", "webp"),
    choose_format=False,
    forms=(Form.BASE64, Form.URL),
    max_n=10,
    max_images=16,
    mask=MaskPolarity.ALPHA,
    accepts=frozenset({"user"}),
    latency=20.0,
    unverified=frozenset(
        {"operations", "sizes", "qualities", "formats", "forms", "max_n", "max_images", "mask",
         "accepts", "latency"}
    ),
)  # fmt: skip
"""Nothing is known of the service: what most of them take is tried, the rest is not sent."""

WITHOUT_RESPONSE_FORMAT = ("gpt-image-", "chatgpt-image-")
"""Models that always answer with base64, and refuse to be asked for it."""


class AnyService(Row):
    """A row that asks for base64 wherever that may be asked for."""

    __slots__ = ()

    def body(self, task: Task) -> dict[str, Any]:
        body = super().body(task)
        if task.model.rpartition("/")[2].startswith(WITHOUT_RESPONSE_FORMAT):
            body.pop("response_format", None)
        return body


OPENAI_COMPATIBLE = AnyService(
    name="openai-compatible",
    auth=bearer("OPENAI_COMPATIBLE_API_KEY", optional=True),
    origins=("http://compatible.invalid/v1",),
    cards=(ANY,),
    response_format="b64_json",
    setting_fields={
        name: name for name in ("seed", "negative_prompt", "aspect_ratio", "resolution")
    },
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [OPENAI_COMPATIBLE]
