"""What a server makes: a workflow, with its own checkpoint or with one that is named."""

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
from routercore_comfyui.graph import UNNAMED

ANY = ModelCard(
    id=WILDCARD,
    operations=frozenset(Operation),
    sizes=AnySize(),
    choose_format=False,
    forms=(Form.BYTES,),
    max_images=10,
    mask=MaskPolarity.WHITE,
    seed=True,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"operations", "sizes", "formats", "max_images", "mask", "latency"}),
)
"""Any checkpoint of the server, for workflows with a slot for it."""
WORKFLOW = replace(ANY, id=UNNAMED, name=UNNAMED, is_public=False)
