"""The server of stable-diffusion.cpp: OpenAI's Images API over the one model it started with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
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
    compact,
    hookimpl,
    usd,
)

LOADED = ModelCard(
    id="sd-cpp-local",
    operations=frozenset(Operation),
    sizes=AnySize(),
    formats=("png", "jpeg", "webp"),
    compression=True,
    forms=(Form.BASE64,),
    max_n=8,
    max_images=4,
    mask=MaskPolarity.WHITE,
    seed=True,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"sizes", "max_n", "max_images", "mask", "negative_prompt", "latency"}),
)
"""Whatever the server was started with; it ignores the name of a model."""


class StableDiffusionCpp(Row):
    """A row whose further settings travel in the prompt, as the server wants them."""

    __slots__ = ()

    def body(self, task: Task) -> dict[str, Any]:
        extra = compact(
            {"seed": task.seed, "negative_prompt": task.negative_prompt, **task.options}
        )
        body = super().body(replace(task, options={}))
        if extra:
            arguments = json.dumps(extra, ensure_ascii=False)
            body["prompt"] += f" <sd_cpp_extra_args>{arguments}</sd_cpp_extra_args>"
        return body


SDCPP = StableDiffusionCpp(
    name="sdcpp",
    auth=bearer("SDCPP_API_KEY", optional=True),
    origins=("http://127.0.0.1:1234/v1",),
    cards=(LOADED, replace(LOADED, id=WILDCARD, name=WILDCARD)),
    image_field="image[]",
    setting_fields={"seed": None, "negative_prompt": None},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [SDCPP]
