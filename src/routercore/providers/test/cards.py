"""The models of the embedded provider, and the scripts that some of them always play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from routercore.provider import Form, MaskPolarity, ModelCard, Operation, SizeRange, usd

TEST = ModelCard(
    id="test/test",
    operations=frozenset({Operation.GENERATE, Operation.EDIT, Operation.INPAINT}),
    sizes=SizeRange(min_edge=16, max_edge=4096),
    qualities=("low", "medium", "high"),
    default_quality="medium",
    formats=("png", "webp", "jpeg"),
    compression=True,
    backgrounds=("opaque", "transparent"),
    forms=(Form.BYTES,),
    max_n=10,
    max_prompt=32_000,
    max_images=16,
    mask=MaskPolarity.ALPHA,
    seed=True,
    negative_prompt=True,
    partial_images=3,
    accepts=frozenset({"user", "safety_identifier", "style", "moderation", "input_fidelity"}),
    latency=0.2,
    prices=(usd("0"),),
    price_source="embedded",
    price_date=date(2026, 11, 21),
)
PAID = replace(TEST, id="test/paid", name="test/paid", prices=(usd("0.04"),))
"""Lists a price that nobody charges."""

SCRIPTS: Mapping[str, Mapping[str, object]] = {
    "test/slow": {"latency": 10.0},
    "test/job": {"job": True, "latency": 3.0},
    "test/overloaded": {"fail": "overloaded"},
    "test/rate-limited": {"fail": "rate_limited", "retry_after": 20.0},
    "test/refusing": {"refuse": True},
    "test/broken": {"bad_image": True},
}
"""Options of models that always misbehave; a caller's own options come on top."""

CARDS = (
    TEST,
    PAID,
    *(
        replace(TEST, id=name, name=name, latency=float(str(script.get("latency", 0.2))))
        for name, script in SCRIPTS.items()
    ),
)
