"""The models behind Hugging Face's router, as data: any repository, at one of its backends.

Backends: huggingface_hub 2.4.0. Prices are those of a backend, passed through; the one declared is
from LiteLLM 1.109.1, read on 2026-11-21.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import WILDCARD, AnySize, Form, ModelCard, Operation, Per, SizeRange, usd

SCHNELL = "black-forest-labs/FLUX.1-schnell"
DEV = "black-forest-labs/FLUX.1-dev"
DEFAULT_BACKEND = "hf-inference"
BACKEND_IDS = {
    ("fal-ai", SCHNELL): "fal-ai/flux/schnell",
    ("fal-ai", DEV): "fal-ai/flux/dev",
    ("replicate", SCHNELL): "black-forest-labs/flux-schnell",
    ("replicate", DEV): "black-forest-labs/flux-dev",
}
"""What a backend calls a repository, where it is not by the repository's own name."""
BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
SIZES = SizeRange(min_edge=256, max_edge=1536, multiple_of=16)


def _card(id: str, name: str = "", *aliases: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "sizes": SIZES,
        "formats": ("jpeg",),
        "choose_format": False,
        "forms": (Form.BYTES, Form.BASE64, Form.URL),
        "seed": True,
        "negative_prompt": True,
        "latency": 10.0,
        "unverified": frozenset({"sizes", "formats", "prices", "latency"}),
    }
    return ModelCard(id=id, name=name, aliases=aliases, **{**common, **details})


CARDS = (
    _card(SCHNELL, "flux-schnell", "flux-1-schnell", negative_prompt=False, latency=4.0),
    _card(DEV, "flux-dev", "flux-1-dev", negative_prompt=False),
    _card("stabilityai/stable-diffusion-xl-base-1.0", "sdxl-1.0"),
    _card(f"{SCHNELL}:nscale", seed=False, negative_prompt=False, formats=("png",),
          prices=(usd("0.0000000013", Per.PIXEL),), charged_options={"provider_id": None},
          price_source="https://github.com/BerriAI/litellm", price_date=date(2026, 11, 21),
          unverified=frozenset({"sizes", "formats", "latency"})),
    _card(WILDCARD, sizes=AnySize(), operations=BOTH, max_images=1,
          unverified=frozenset({"operations", "sizes", "formats", "seed", "negative_prompt",
                                "prices", "latency"})),
)  # fmt: skip
