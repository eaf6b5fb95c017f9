"""What comes out otherwise than asked for is told: by the bytes, and by the upstream's word."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.serving import MODEL, card, provider, router_of, served, setup
from tests.upstreams import Answer, Upstream, mask, picture

from routercore.values.catalogue import ModelCard
from routercore.values.sizes import AnySize, FixedSizes, RatioSizes

RATIOS = card(sizes=RatioSizes(ratios=("1:1", "16:9", "4:3"), tiers=("1K", "2K")))
TABLED = card(sizes=RatioSizes(ratios=("1:1", "4:3"), pixels={"4:3": "1280x896"}))
PIXELS = card(sizes=AnySize(), qualities=("low", "medium", "high"),
              backgrounds=("transparent", "opaque"), formats=("png", "webp", "jpeg", "gif"),
              choose_format=True, compression=True)  # fmt: skip


def answer(data: bytes, **said: Any) -> Answer:
    """An upstream's answer with one picture, and what it says of it."""
    images = [{"b64_json": base64.b64encode(data).decode()}]
    return Answer(200, {"created": 1, "data": images, **said})


def body_of(upstream: Upstream, directory: Path, model: ModelCard, given: Answer,
            **asked: Any) -> dict[str, Any]:  # fmt: skip
    upstream.script.append(given)
    with served(router_of(setup(directory, provider("near", upstream.base_url, model)))) as client:
        response = client.post("/v1/images/generations",
                               json={"model": MODEL, "prompt": "x", **asked})  # fmt: skip
    assert 200 == response.status_code, response.text
    body: dict[str, Any] = response.json()
    return body


def told(body: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(one["code"], one["requested"], one["delivered"]) for one in body["warnings"]]


@pytest.mark.parametrize(
    ("model", "asked", "size", "warnings"),
    [
        (RATIOS, {"size": "1792x1024"}, (64, 64),
         [("size_adapted", "1792x1024", "64x64"), ("size_changed", "1792x1024", "64x64")]),
        (RATIOS, {"size": "1792x1024"}, (1376, 768),
         [("size_adapted", "1792x1024", "1376x768")]),
        (RATIOS, {"aspect_ratio": "16:9", "strict": True}, (32, 64),
         [("aspect_ratio_changed", "16:9", "32x64")]),
        (RATIOS, {"aspect_ratio": "16:9", "strict": True}, (1344, 768), []),
        (RATIOS, {"aspect_ratio": "16:9", "resolution": "2K"}, (1344, 768),
         [("resolution_changed", "2K", "1344x768")]),
        (RATIOS, {"aspect_ratio": "16:9", "resolution": "2K"}, (2752, 1536), []),
        (RATIOS, {"aspect_ratio": "21:9", "resolution": "1K"}, (1376, 768),
         [("aspect_ratio_adapted", "21:9", "16:9")]),
        (RATIOS, {"resolution": "4K"}, (2048, 2048), [("resolution_adapted", "4K", "2K")]),
        (RATIOS, {"resolution": "4K"}, (1024, 1024),
         [("resolution_adapted", "4K", "2K"), ("resolution_changed", "4K", "1024x1024")]),
        (TABLED, {"aspect_ratio": "4:3"}, (1280, 896), []),
        (TABLED, {"aspect_ratio": "4:3"}, (1024, 768), []),
        (PIXELS, {"aspect_ratio": "16:9"}, (1344, 768), []),
        (PIXELS, {"aspect_ratio": "16:9"}, (768, 768),
         [("aspect_ratio_changed", "16:9", "768x768")]),
        (PIXELS, {"size": "64x64"}, (80, 64), [("size_changed", "64x64", "80x64")]),
        (card(sizes=FixedSizes(("1536x1024",))), {"size": "1792x1024"}, (1024, 1024),
         [("size_adapted", "1792x1024", "1024x1024"),
          ("size_changed", "1792x1024", "1024x1024")]),
    ],
)  # fmt: skip
def test_shapes(
    upstream: Upstream, tmp_path: Path, model: ModelCard, asked: dict[str, Any],
    size: tuple[int, int], warnings: list[tuple[str, str, str]],
) -> None:  # fmt: skip
    """Size, ratio and tier are those of the bytes; what a vendor's table rounds is no change."""
    body = body_of(upstream, tmp_path, model, answer(picture(*size)), **asked)

    assert ("{}x{}".format(*size), warnings) == (body["size"], told(body))


def see_through(format: str, **settings: Any) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(mask())).save(out, format, **settings)
    return out.getvalue()


@pytest.mark.parametrize(
    ("given", "asked", "background", "delivered"),
    [
        (answer(picture(), background="opaque"), "transparent", "opaque", "opaque"),
        (answer(picture(), background="transparent"), "transparent", "opaque", "opaque"),
        (answer(picture()), "transparent", "opaque", "opaque"),
        (answer(picture(format="webp")), "transparent", "opaque", "opaque"),
        (answer(see_through("png"), background="opaque"), "transparent", "opaque", "opaque"),
        (answer(see_through("png"), background="transparent"), "transparent", "transparent", None),
        (answer(see_through("webp", lossless=True)), "transparent", "transparent", None),
        (answer(see_through("webp")), "transparent", "transparent", None),
        (answer(see_through("png"), background="transparent"), "opaque", "transparent",
         "transparent"),
        (answer(picture(), background="opaque"), "opaque", "opaque", None),
    ],
)  # fmt: skip
def test_backgrounds(
    upstream: Upstream, tmp_path: Path, given: Answer, asked: str, background: str,
    delivered: str | None,
) -> None:  # fmt: skip
    """A picture without an alpha channel is not transparent, whatever is said of it."""
    body = body_of(upstream, tmp_path, PIXELS, given, background=asked)

    warnings = [("background_changed", asked, delivered)] if delivered else []
    assert (background, warnings) == (body["background"], told(body))


@pytest.mark.parametrize(
    ("asked", "said", "delivered"),
    [
        ("high", "low", "low"), ("high", "high", None), ("high", "hd", None),
        ("medium", "standard", None), ("high", "auto", None), ("high", "exquisite", None),
    ],
)  # fmt: skip
def test_qualities(
    upstream: Upstream, tmp_path: Path, asked: str, said: str, delivered: str | None
) -> None:
    """Another quality than asked for is told where the upstream says so in a word that is known."""
    body = body_of(upstream, tmp_path, PIXELS, answer(picture(), quality=said), quality=asked)

    warnings = [("quality_changed", asked, delivered)] if delivered else []
    assert (said, warnings) == (body["quality"], told(body))


@pytest.mark.parametrize("strict", [False, True])
def test_another_format_is_converted_and_told(
    upstream: Upstream, tmp_path: Path, strict: bool
) -> None:
    """What an upstream gave as something else is delivered, being paid, and declared converted."""
    given = answer(picture(format="jpeg"))
    body = body_of(upstream, tmp_path, PIXELS, given, output_format="png", strict=strict)

    assert "png" == body["output_format"]
    assert [("output_format_adapted", "png", "png")] == told(body)
    assert "the provider delivered jpeg; converted after delivery" == body["warnings"][0]["message"]


def test_a_compression_goes_along_with_a_conversion(upstream: Upstream, tmp_path: Path) -> None:
    """Where the upstream gave another format than asked for, its compression was lost, too."""
    noise = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(noise, "png")
    lengths = [
        len(base64.b64decode(
            body_of(upstream, tmp_path, PIXELS, answer(noise.getvalue()), output_format="jpeg",
                    output_compression=level)["data"][0]["b64_json"]))
        for level in (5, 90)
    ]  # fmt: skip
    assert lengths[0] * 2 < lengths[1]
