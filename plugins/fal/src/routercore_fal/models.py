"""The models at fal, as data: one row for each.

Fields: the endpoint types of @fal-ai/client 1.10.1 and fal's own model pages. Prices: fal's model
pages by way of LiteLLM 1.109.1, read on 2026-11-21; where none could be had, none is declared.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from routercore.provider import (
    WILDCARD,
    FixedSizes,
    Form,
    InputSize,
    MaskPolarity,
    ModelCard,
    Operation,
    Per,
    Price,
    RatioSizes,
    SizeRange,
    usd,
)

BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
ALL = BOTH | {Operation.INPAINT}
INPAINT = frozenset({Operation.INPAINT})
PHOTO = ("jpeg", "png")
ANY = ("png", "jpeg", "webp")
RATIOS = ("1:1", "16:9", "21:9", "4:3", "3:2", "2:3", "3:4", "9:16", "9:21")
GEMINI_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
FLUX_SIZES = SizeRange(min_edge=256, max_edge=1536, multiple_of=16, default="1024x768")
FLUX_2_SIZES = SizeRange(min_edge=512, max_edge=2048, multiple_of=16)
GPT_SIZES = SizeRange(max_edge=3840, multiple_of=16, min_pixels=655_360, max_pixels=8_294_400,
                      max_ratio=3.0)  # fmt: skip
GPT_PRICED = ("1024x768", "1024x1024", "1024x1536", "1920x1080", "2560x1440", "3840x2160")


def _card(id: str, name: str, *prices: Price, aliases: tuple[str, ...] = (),
          unverified: tuple[str, ...] = (), **details: Any) -> ModelCard:  # fmt: skip
    unknown = () if prices else ("prices",)
    common: dict[str, Any] = {
        "formats": PHOTO,
        "forms": (Form.URL,),
        "max_n": 4,
        "seed": True,
        "charged_options": {"rendering_speed": None, "enable_web_search": None},
        "price_source": "https://fal.ai/models" if prices else "",
        "price_date": date(2026, 11, 21) if prices else None,
        "unverified": frozenset({"max_n", *unknown, *unverified}),
    }
    return ModelCard(id=id, name=name, aliases=aliases, prices=prices, **{**common, **details})


def _flux_2(id: str, name: str, images: int, **details: Any) -> ModelCard:
    """FLUX.2, of which one call makes one picture."""
    return _card(id, name, operations=BOTH, sizes=FLUX_2_SIZES, max_images=images,
                 **{"max_n": 1, "unverified": ("sizes", "max_images"), **details})  # fmt: skip


def _nano(id: str, name: str, *prices: Price, tiers: tuple[str, ...] = ()) -> ModelCard:
    sizes = RatioSizes(ratios=GEMINI_RATIOS, tiers=tiers, default_tier="1K" if tiers else None)
    return _card(id, name, *prices, aliases=(id.rpartition("/")[2],), operations=BOTH, sizes=sizes,
                 formats=ANY, max_images=10, unverified=("max_images", "seed"))  # fmt: skip


def _gpt(id: str, name: str, *rows: tuple[str, str, str], **details: Any) -> ModelCard:
    """A model of OpenAI's, with the price of six sizes for each quality, generated and edited."""
    common: dict[str, Any] = {
        "operations": ALL,
        "sizes": GPT_SIZES,
        "qualities": tuple(quality for quality, _, _ in rows),
        "default_quality": "high",
        "formats": ANY,
        "max_images": 16,
        "mask": MaskPolarity.WHITE,
        "seed": False,
        "latency": 40.0,
        "unverified": ("mask", "max_images"),
    }
    prices = [
        usd(amount, size=size, quality=quality, operation=operation)
        for quality, generated, edited in rows
        for operation, amounts in (
            (Operation.GENERATE, generated),
            (Operation.EDIT, edited),
            (Operation.INPAINT, edited),
        )
        for size, amount in zip(GPT_PRICED, amounts.split(), strict=True)
    ]
    return _card(id, name, *prices, **{**common, **details})


def _gpt_2_5(variant: str) -> ModelCard:
    rows = {
        "low": "0.00402 0.00588 0.00474 0.00441 0.00615 0.01113",
        "medium": "0.00903 0.01317 0.01029 0.01029 0.01434 0.02595",
        "high": "0.03612 0.05268 0.04116 0.0396 0.05529 0.10008",
        "xhigh": "0.0642 0.09366 0.07377 0.07041 0.09828 0.1779",
        "max": "0.14445 0.21072 0.16464 0.1584 0.2211 0.40026",
    }
    table = [(quality, amounts, amounts) for quality, amounts in rows.items()]
    return _gpt(f"openai/gpt-image-2.5/{variant}/text-to-image", f"gpt-image-2.5-{variant}", *table)


def _old_gpt(id: str, name: str) -> ModelCard:
    sizes = FixedSizes(("1024x1024", "1536x1024", "1024x1536"))
    return _card(id, name, operations=ALL, sizes=sizes, qualities=("low", "medium", "high"),
                 default_quality="high", formats=ANY, backgrounds=("transparent", "opaque"),
                 max_images=16, mask=MaskPolarity.WHITE, seed=False, latency=40.0,
                 accepts=frozenset({"input_fidelity"}), shutdown=date(2026, 12, 1),
                 successor="gpt-image-2", unverified=("shutdown", "max_images"))  # fmt: skip


CARDS = (
    _gpt(
        "openai/gpt-image-2",
        "gpt-image-2",
        ("low", "0.005 0.006 0.005 0.005 0.007 0.012", "0.011 0.015 0.018 0.017 0.019 0.024"),
        ("medium", "0.037 0.053 0.042 0.04 0.056 0.101", "0.043 0.061 0.054 0.053 0.068 0.113"),
        ("high", "0.145 0.211 0.165 0.158 0.222 0.401", "0.151 0.219 0.178 0.158 0.234 0.413"),
    ),
    _gpt_2_5("flare"),
    _gpt_2_5("sunburst"),
    _old_gpt("fal-ai/gpt-image-1.5", "gpt-image-1.5"),
    _old_gpt("fal-ai/gpt-image-1-mini", "gpt-image-1-mini"),
    _card("fal-ai/flux/schnell", "flux-schnell", usd("0.003", Per.MEGAPIXEL),
          aliases=("flux-1-schnell",), sizes=FLUX_SIZES, latency=2.0, unverified=("sizes",)),
    _card("fal-ai/flux/dev", "flux-dev", usd("0.025", Per.MEGAPIXEL), aliases=("flux-1-dev",),
          sizes=FLUX_SIZES, latency=4.0, unverified=("sizes",)),
    _card("fal-ai/flux-pro/v1.1", "flux-pro-1.1", usd("0.04"), aliases=("flux-1.1-pro",),
          sizes=FLUX_SIZES, unverified=("sizes",)),
    _card("fal-ai/flux-pro/v1.1-ultra", "flux-pro-1.1-ultra", usd("0.06"),
          aliases=("flux-1.1-pro-ultra",),
          sizes=RatioSizes(ratios=RATIOS, default_ratio="16:9", tier_pixels={"4MP": 2048 * 2048})),
    _card("fal-ai/flux-pro/kontext", "flux-kontext-pro", aliases=("flux-1-kontext-pro",),
          operations=BOTH, sizes=RatioSizes(ratios=RATIOS), max_images=1, unverified=("sizes",)),
    _card("fal-ai/flux-pro/kontext/max", "flux-kontext-max", aliases=("flux-1-kontext-max",),
          operations=BOTH, sizes=RatioSizes(ratios=RATIOS), max_images=1, unverified=("sizes",)),
    _card("fal-ai/flux-pro/v1/fill", "flux-pro-1.0-fill", aliases=("flux-fill-pro",),
          operations=INPAINT, sizes=InputSize(), max_images=1, mask=MaskPolarity.WHITE,
          unverified=("mask",)),
    _card("fal-ai/flux-general/inpainting", "flux-general-inpainting", operations=INPAINT,
          sizes=FLUX_SIZES, max_images=1, mask=MaskPolarity.WHITE, unverified=("mask", "sizes")),
    _card("fal-ai/flux-lora/inpainting", "flux-lora-inpainting", operations=INPAINT,
          sizes=FLUX_SIZES, max_images=1, mask=MaskPolarity.WHITE, unverified=("mask", "sizes")),
    _flux_2("fal-ai/flux-2", "flux-2-dev", 4, formats=ANY, max_n=4, unverified=()),
    _flux_2("fal-ai/flux-2-pro", "flux-2-pro", 8),
    _flux_2("fal-ai/flux-2-max", "flux-2-max", 8),
    _flux_2("fal-ai/flux-2-flex", "flux-2-flex", 8),
    _nano("fal-ai/nano-banana", "gemini-2.5-flash-image", usd("0.039")),
    _nano("fal-ai/nano-banana-2", "gemini-3.1-flash-image", usd("0.06", tier="0.5K"),
          usd("0.08", tier="1K"), usd("0.12", tier="2K"), usd("0.16", tier="4K"),
          tiers=("0.5K", "1K", "2K", "4K")),
    _nano("fal-ai/nano-banana-pro", "gemini-3-pro-image", usd("0.15", tier="1K"),
          usd("0.15", tier="2K"), usd("0.30", tier="4K"), tiers=("1K", "2K", "4K")),
    _card("fal-ai/ideogram/v3", "ideogram-v3", usd("0.06"),
          operations=frozenset({Operation.GENERATE, Operation.INPAINT}), sizes=FLUX_SIZES,
          qualities=("TURBO", "BALANCED", "QUALITY"), default_quality="BALANCED",
          negative_prompt=True, accepts=frozenset({"style"}), choose_format=False,
          formats=("png",), max_images=1, mask=MaskPolarity.BLACK,
          unverified=("sizes", "formats", "mask")),
    _card("fal-ai/bytedance/seedream/v4.5/text-to-image", "seedream-4.5", operations=BOTH,
          sizes=SizeRange(min_edge=1920, max_edge=4096, min_pixels=2560 * 1440,
                          max_pixels=4096 * 4096, default="2048x2048"),
          choose_format=False, formats=("png",), max_images=10, unverified=("formats",)),
    _card("fal-ai/bytedance/seedream/v3/text-to-image", "seedream-3.0", usd("0.03"),
          sizes=FLUX_2_SIZES, choose_format=False, formats=("png",),
          unverified=("sizes", "formats")),
    _card("fal-ai/qwen-image", "qwen-image", sizes=FLUX_SIZES, formats=("png", "jpeg"),
          negative_prompt=True, unverified=("sizes",)),
    _card("fal-ai/recraft/v3/text-to-image", "recraft-v3", usd("0.0398"), sizes=FLUX_2_SIZES,
          max_n=1, seed=False, accepts=frozenset({"style"}), choose_format=False,
          formats=("png",), unverified=("sizes", "formats")),
    _card("fal-ai/stable-diffusion-v35-large", "sd3.5-large",
          aliases=("stable-diffusion-3.5-large",), sizes=FLUX_SIZES, negative_prompt=True,
          unverified=("sizes",)),
    _card("fal-ai/stable-diffusion-v35-medium", "sd3.5-medium", usd("0.0398"),
          aliases=("stable-diffusion-3.5-medium",), sizes=FLUX_SIZES, negative_prompt=True,
          unverified=("sizes",)),
    _card("bria/text-to-image/3.2", "bria-3.2", usd("0.0398"), sizes=RatioSizes(ratios=RATIOS),
          max_n=1, negative_prompt=True, choose_format=False, formats=("png",),
          unverified=("sizes", "formats")),
    _card("fal-ai/luma-photon", "photon-1", sizes=RatioSizes(ratios=RATIOS), max_n=1, seed=False,
          choose_format=False, formats=("jpeg",), unverified=("sizes", "formats")),
    _card("fal-ai/luma-photon/flash", "photon-flash-1", sizes=RatioSizes(ratios=RATIOS), max_n=1,
          seed=False, choose_format=False, formats=("jpeg",), unverified=("sizes", "formats")),
    _card(WILDCARD, "", operations=BOTH, max_n=1, max_images=10, choose_format=False,
          unverified=("formats", "sizes", "seed", "max_images")),
)  # fmt: skip
