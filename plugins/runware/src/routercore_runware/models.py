"""The models at Runware, as data: a few by their public names, and any by its AIR id.

Fields: the vendor's SDK 0.5.24 and its documentation, read on 2026-11-21. No prices are declared:
every answer says what it cost.
"""

from __future__ import annotations

from typing import Any

from routercore.provider import (
    WILDCARD,
    AnySize,
    Form,
    MaskPolarity,
    ModelCard,
    Operation,
    SizeRange,
)

ALL = frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT})
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
SIZES = SizeRange(min_edge=128, max_edge=2048, multiple_of=64)
DIFFUSED = ("runware:10", "civitai:")
"""AIR ids of models that start from a picture; all others are shown it as a reference."""


def _card(id: str, name: str, *aliases: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "operations": ALL,
        "sizes": SIZES,
        "formats": ("jpeg", "png", "webp"),
        "forms": (Form.BASE64, Form.URL),
        "max_n": 20,
        "max_images": 1,
        "mask": MaskPolarity.WHITE,
        "seed": True,
        "negative_prompt": True,
        "latency": 5.0,
        "unverified": frozenset({"operations", "sizes", "max_n", "max_images", "mask", "latency"}),
    }
    return ModelCard(id=id, name=name, aliases=aliases, **{**common, **details})


CARDS = (
    _card("runware:100@1", "flux-schnell", "flux-1-schnell", latency=2.0),
    _card("runware:101@1", "flux-dev", "flux-1-dev"),
    _card("runware:400@1", "flux-2-dev", operations=BOTH, max_images=4, mask=None,
          negative_prompt=False, latency=8.0),
    _card(WILDCARD, "", sizes=AnySize(), max_images=10),
)  # fmt: skip
