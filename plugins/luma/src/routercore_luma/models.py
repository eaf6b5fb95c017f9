"""Luma's Photon models, as data.

Fields: lumaai 1.21.0, 2026-04. Prices: the list of 2024, which could not be verified since.
"""

from __future__ import annotations

from datetime import date

from routercore.provider import Form, ModelCard, Operation, RatioSizes, usd

RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")


def _photon(id: str, price: str, latency: float) -> ModelCard:
    return ModelCard(
        id=id,
        sizes=RatioSizes(ratios=RATIOS, default_ratio="16:9", tier_pixels={"1080p": 1920 * 1080}),
        operations=frozenset({Operation.GENERATE, Operation.EDIT}),
        max_images=4,
        formats=("jpeg", "png"),
        forms=(Form.URL,),
        latency=latency,
        prices=(usd(price),),
        price_source="https://lumalabs.ai/dream-machine/api/pricing",
        price_date=date(2026, 11, 21),
        unverified=frozenset({"prices", "sizes", "latency", "max_images"}),
    )


CARDS = (_photon("photon-1", "0.015", 15.0), _photon("photon-flash-1", "0.002", 6.0))
