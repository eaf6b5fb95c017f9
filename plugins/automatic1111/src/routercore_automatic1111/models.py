"""The checkpoints of a server, which it knows itself."""

from __future__ import annotations

from dataclasses import replace

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    usd,
)

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset(Operation),
    sizes=AnySize(),
    choose_format=False,
    forms=(Form.BASE64,),
    max_n=8,
    max_images=1,
    mask=MaskPolarity.WHITE,
    seed=True,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"sizes", "max_n", "mask", "latency"}),
)
"""Any checkpoint of the server, by its name."""
LOADED = replace(ANY, id="loaded", name="loaded", is_public=False)
"""Whatever checkpoint the server has loaded, which saves the time to load another."""
