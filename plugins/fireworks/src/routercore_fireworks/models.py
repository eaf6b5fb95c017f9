"""The models, as other SDKs knew them on 21 November 2026.

All but Kontext are billed by the step, so that the number of steps is always sent and a picture has
one price; it is another where a request asks for another number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from routercore.provider import FixedSizes, Form, ModelCard, Operation, RatioSizes, usd

PREFIX = "accounts/fireworks/models"
RATIOS = ("1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21")
SDXL_SIZES = FixedSizes(
    ("1024x1024", "1152x896", "896x1152", "1216x832", "832x1216", "1344x768", "768x1344",
     "1536x640", "640x1536")
)  # fmt: skip
"""The sizes that the SDXL family was trained on."""
RESULT_LIFETIME = 600.0
UNVERIFIED = frozenset({"sizes", "prices", "latency"})


def _card(id: str, name: str, price: str, *aliases: str, **details: Any) -> ModelCard:
    common: dict[str, Any] = {
        "formats": ("jpeg", "png"),
        "forms": (Form.BYTES,),
        "seed": True,
        "charged_options": {"num_inference_steps": None, "steps": None},
        "price_source": "https://fireworks.ai/pricing",
        "price_date": date(2026, 11, 21),
        "unverified": UNVERIFIED,
    }
    return ModelCard(id=f"{PREFIX}/{id}", name=name, aliases=(id, *aliases), prices=(usd(price),),
                     **{**common, **details})  # fmt: skip


def _flux(id: str, name: str, price: str, *aliases: str, **details: Any) -> ModelCard:
    return _card(id, name, price, *aliases, sizes=RatioSizes(ratios=RATIOS), **details)


def _kontext(id: str, price: str, alias: str) -> ModelCard:
    """A job, whose result is a URL."""
    return _flux(id, id, price, alias, operations=frozenset({Operation.GENERATE, Operation.EDIT}),
                 max_images=1, forms=(Form.URL,), url_lifetime=RESULT_LIFETIME, latency=12.0,
                 unverified=UNVERIFIED | {"url_lifetime"})  # fmt: skip


def _sdxl(id: str, name: str) -> ModelCard:
    return _card(id, name, "0.0039", sizes=SDXL_SIZES, negative_prompt=True, latency=4.0)


FLUX_FP8 = (
    _flux("flux-1-schnell-fp8", "flux-schnell", "0.0014", "flux-1-schnell", latency=2.0),
    _flux("flux-1-dev-fp8", "flux-dev", "0.014", "flux-1-dev", latency=6.0),
)
KONTEXT_CARDS = (
    _kontext("flux-kontext-pro", "0.04", "flux-1-kontext-pro"),
    _kontext("flux-kontext-max", "0.08", "flux-1-kontext-max"),
)
SDXL = (
    _sdxl("stable-diffusion-xl-1024-v1-0", "sdxl-1.0"),
    _sdxl("playground-v2-1024px-aesthetic", "playground-v2"),
    _sdxl("playground-v2-5-1024px-aesthetic", "playground-v2.5"),
    _sdxl("SSD-1B", "ssd-1b"),
    _sdxl("japanese-stable-diffusion-xl", "japanese-sdxl"),
)
CARDS = (*FLUX_FP8, *KONTEXT_CARDS, *SDXL)
WORKFLOWS = frozenset(card.id for card in FLUX_FP8)
KONTEXT = frozenset(card.id for card in KONTEXT_CARDS)
STEPS: Mapping[str, Mapping[str, int]] = {
    f"{PREFIX}/flux-1-schnell-fp8": {"num_inference_steps": 4},
    f"{PREFIX}/flux-1-dev-fp8": {"num_inference_steps": 28},
    **{card.id: {"steps": 30} for card in SDXL},
}
"""How many steps a picture has whose price is declared; a request's own options go first."""
