"""Every setting is honoured, adapted with a warning, or a reason for rejection."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.values.catalogue import ModelCard
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, InputImage, Operation
from routercore.values.sizes import (
    AnySize,
    FixedSizes,
    InputSize,
    RatioSizes,
    Size,
    SizeRange,
)

TODAY = date(2026, 6, 1)
IMAGE = InputImage(b"\x89PNG")
ALL = frozenset(Operation)
RATIOS = RatioSizes(ratios=("1:1", "16:9", "9:16"), tiers=("1K", "2K"), default_tier="1K")
FIXED = FixedSizes(("1024x1024", "1536x1024", "1024x1536"))
RANGE = SizeRange(min_edge=256, max_edge=2048, multiple_of=16, max_pixels=4_000_000, max_ratio=3)

EDITS: dict[str, Any] = {"operations": ALL, "max_images": 1}
WIDE = SizeRange(multiple_of=16, max_edge=3840, max_pixels=3840 * 2160, max_ratio=3)


def outcome(card: dict[str, Any], **asked: Any) -> Fit | tuple[Any, ...]:
    request = ImageRequest(**{"prompt": "a heron", "model": "m", **asked})
    return check(ModelCard(id="m", **card), request, TODAY)


def fit(card: dict[str, Any], **asked: Any) -> Fit:
    found = outcome(card, **asked)
    assert isinstance(found, Fit)
    return found


def rejected(card: dict[str, Any], **asked: Any) -> list[str]:
    found = outcome(card, **asked)
    assert isinstance(found, tuple)
    return [reason.param for reason in found]


@pytest.mark.parametrize(
    ("card", "asked", "params"),
    [
        ({"shutdown": date(2026, 5, 1), "successor": "n"}, {}, ["model"]),
        ({}, {"images": (IMAGE,)}, ["image"]),
        ({"operations": {Operation.INPAINT}, "max_images": 1}, {"images": (IMAGE,)}, ["mask"]),
        ({"operations": {Operation.INPAINT}, "max_images": 1}, {}, ["image"]),
        ({"operations": ALL}, {"images": (IMAGE,)}, ["image"]),
        ({"operations": {Operation.EDIT}, "max_images": 1}, {}, ["image"]),
        ({"max_images": 1}, {"images": (IMAGE,), "mask": IMAGE}, ["mask"]),
        ({"max_prompt": 3}, {}, ["prompt"]),
        ({"sizes": FIXED}, {"size": Size(64, 64)}, ["size"]),
        ({"sizes": FIXED}, {"size": Size(4096, 512)}, ["size"]),
        ({"sizes": RATIOS}, {"size": Size(3000, 300)}, ["size"]),
        ({"sizes": FIXED}, {"aspect_ratio": "wide"}, ["aspect_ratio"]),
        ({"sizes": RATIOS}, {"aspect_ratio": "wide"}, ["aspect_ratio"]),
        ({"sizes": FIXED}, {"resolution": "huge"}, ["resolution"]),
        ({"qualities": ("low", "high")}, {"quality": "splendid"}, ["quality"]),
        ({}, {"output_format": "svg"}, ["output_format"]),
        ({"formats": ("svg",)}, {"output_format": "png"}, ["output_format"]),
        ({}, {"output_compression": 50}, ["output_compression"]),
        ({}, {"background": "transparent", "output_format": "jpeg"}, ["background"]),
        ({"backgrounds": ("transparent",), "formats": ("jpeg",)},
         {"background": "transparent", "output_format": "jpeg"}, ["background"]),
        ({}, {"svg": {"colors": 2}}, ["svg"]),
        ({}, {"frame_count": 2, "frame_duration_ms": 9}, ["frame_count", "frame_duration_ms"]),
        ({"operations": ALL, "max_images": 1, "accepts": {"markup"}},
         {"images": (IMAGE,), "mask": IMAGE, "markup": IMAGE}, ["markup"]),
    ],
)  # fmt: skip
def test_what_cannot_be_done(
    card: dict[str, Any], asked: dict[str, Any], params: list[str]
) -> None:
    """What a card cannot do is a rejection that names the parameter."""
    assert params == rejected(card, **asked)


@pytest.mark.parametrize(
    ("card", "asked", "fitted", "warned"),
    [
        ({"sizes": AnySize()}, {"size": Size(7, 9)}, {"size": Size(7, 9)}, []),
        ({"sizes": AnySize()}, {"aspect_ratio": "1:1"}, {"size": Size(1024, 1024)}, []),
        ({"sizes": AnySize()}, {"resolution": "2K"}, {"size": Size(2048, 2048)}, []),
        ({"sizes": InputSize()}, {"size": Size(7, 9)}, {"size": None}, ["size_adapted"]),
        ({"sizes": InputSize()}, {"aspect_ratio": "1:1", "resolution": "2K"},
         {"aspect_ratio": None, "resolution": None},
         ["aspect_ratio_adapted", "resolution_adapted"]),
        ({"sizes": InputSize()}, {"resolution": "2K"}, {"resolution": None},
         ["resolution_adapted"]),
        ({"sizes": FIXED}, {"resolution": "4K"}, {"size": Size(1024, 1024), "resolution": None},
         ["resolution_adapted"]),
        ({"sizes": FIXED}, {"aspect_ratio": "3:2", "resolution": "1K"},
         {"size": Size(1536, 1024)}, []),
        ({"sizes": RANGE}, {"resolution": "4K"}, {"size": Size(2000, 2000)},
         ["resolution_adapted"]),
        ({"sizes": FIXED}, {"size": Size(1536, 1024)}, {"size": Size(1536, 1024)}, []),
        ({"sizes": FIXED}, {"size": Size(1792, 1024)}, {"size": Size(1536, 1024)},
         ["size_adapted"]),
        ({"sizes": FIXED}, {"size": Size(1024, 1792)}, {"size": Size(1024, 1536)},
         ["size_adapted"]),
        ({"sizes": FIXED}, {"size": Size(512, 512)}, {"size": Size(1024, 1024)},
         ["size_adapted"]),
        ({"sizes": FIXED}, {"aspect_ratio": "3:2"}, {"size": Size(1536, 1024)}, []),
        ({"sizes": FIXED}, {"aspect_ratio": "16:9"}, {"size": Size(1536, 1024)},
         ["aspect_ratio_adapted"]),
        ({"sizes": RANGE}, {"size": Size(1000, 1000)}, {"size": Size(992, 992)},
         ["size_adapted"]),
        ({"sizes": RANGE}, {"size": Size(1024, 512)}, {"size": Size(1024, 512)}, []),
        ({"sizes": RATIOS}, {"size": Size(1024, 1024)},
         {"size": None, "aspect_ratio": "1:1", "resolution": "1K"}, []),
        ({"sizes": RATIOS}, {"size": Size(1920, 1080)},
         {"size": None, "aspect_ratio": "16:9", "resolution": "1K"}, ["size_adapted"]),
        ({"sizes": RATIOS}, {"aspect_ratio": "3:2"}, {"aspect_ratio": "16:9"},
         ["aspect_ratio_adapted"]),
        ({"sizes": RATIOS}, {"resolution": "4K"}, {"resolution": "2K"}, ["resolution_adapted"]),
        ({"sizes": RATIOS}, {"resolution": "0.5K"}, {"resolution": "1K"},
         ["resolution_adapted"]),
        ({"sizes": WIDE}, {"aspect_ratio": "16:9", "resolution": "4K"},
         {"size": Size(3840, 2160), "resolution": None}, []),
        ({"sizes": WIDE}, {"aspect_ratio": "9:16", "resolution": "4K"},
         {"size": Size(2160, 3840), "resolution": None}, []),
        ({"sizes": WIDE}, {"aspect_ratio": "21:9", "resolution": "4K"}, {"resolution": None},
         ["resolution_adapted"]),
        ({"sizes": WIDE}, {"resolution": "4K"}, {"size": Size(2880, 2880)},
         ["resolution_adapted"]),
        ({"sizes": RatioSizes(ratios=("1:1",))}, {"resolution": "4K"}, {"resolution": None},
         ["resolution_adapted"]),
        ({"qualities": ("low", "high")}, {"quality": "high"}, {"quality": "high"}, []),
        ({"qualities": ("low", "high")}, {"quality": "max"}, {"quality": "high"},
         ["quality_adapted"]),
        ({"qualities": ("low", "medium", "high", "xhigh", "max")}, {"quality": "hd"},
         {"quality": "high"}, ["quality_adapted"]),
        ({"qualities": ("low", "medium", "high")}, {"quality": "standard"},
         {"quality": "medium"}, ["quality_adapted"]),
        ({"qualities": ("low", "high", "max")}, {"quality": "xhigh"}, {"quality": "high"},
         ["quality_adapted"]),
        ({"qualities": ("draft", "fine", "best")}, {"quality": "medium"}, {"quality": "fine"},
         ["quality_adapted"]),
        ({}, {"quality": "high"}, {"quality": None}, ["quality_adapted"]),
        ({}, {"output_format": "webp"}, {"output_format": None}, ["output_format_adapted"]),
        ({"formats": ("png", "jpeg"), "choose_format": False}, {"output_format": "jpeg"},
         {"output_format": None}, ["output_format_adapted"]),
        ({"formats": ("jpeg",), "compression": True},
         {"output_format": "jpeg", "output_compression": 50}, {"output_compression": 50}, []),
        ({"formats": ("jpeg",)}, {"output_compression": 50}, {"output_compression": None},
         ["output_compression_adapted"]),
        ({}, {"background": "opaque"}, {"background": None}, []),
        ({}, {"background": "transparent"}, {"background": None}, ["background_adapted"]),
        ({"backgrounds": ("opaque",)}, {"background": "transparent"}, {"background": None},
         ["background_adapted"]),
        ({"backgrounds": ("transparent",)}, {"background": "transparent"},
         {"background": "transparent"}, []),
        ({}, {"background": "blue"}, {"background": None}, ["background_adapted"]),
        ({"formats": ("png", "webp"), "compression": True},
         {"output_format": "jpeg", "output_compression": 20},
         {"output_format": None, "output_compression": None},
         ["output_format_adapted", "output_compression_adapted"]),
        ({"backgrounds": ("opaque",)}, {"background": "opaque"}, {"background": "opaque"}, []),
        ({}, {"n": 3}, {"n": 3}, ["n_adapted"]),
        ({}, {"seed": 7}, {"seed": None}, ["seed_adapted"]),
        ({"seed": True}, {"seed": 7}, {"seed": 7}, []),
        ({}, {"negative_prompt": "fog"}, {"negative_prompt": None}, ["negative_prompt_adapted"]),
        ({"partial_images": 1}, {"partial_images": 3}, {"partial_images": 1},
         ["partial_images_adapted"]),
        ({}, {"style": "vivid"}, {"style": None}, ["style_adapted"]),
        ({"accepts": {"style"}}, {"style": "vivid"}, {"style": "vivid"}, []),
        ({"accepts": {"style"}, "styles": ("natural",)}, {"style": "vivid"}, {"style": None},
         ["style_adapted"]),
        ({"accepts": {"style"}, "styles": ("natural",)}, {"style": "natural"},
         {"style": "natural"}, []),
        ({"sizes": RANGE}, {"aspect_ratio": "1:1", "resolution": "1K"},
         {"size": Size(1024, 1024), "aspect_ratio": None, "resolution": None}, []),
        ({"accepts": {"input_fidelity"}, "fidelities": ("low",), **EDITS},
         {"images": (IMAGE,), "input_fidelity": "high"},
         {"input_fidelity": None}, ["input_fidelity_adapted"]),
    ],
)  # fmt: skip
def test_what_can_be_done(
    card: dict[str, Any], asked: dict[str, Any], fitted: dict[str, Any], warned: list[str]
) -> None:
    """What a card can do nearly is done nearly, with a warning; and refused to the strict."""
    found = fit(card, **asked)
    assert fitted == {name: getattr(found.request, name) for name in fitted}
    assert warned == [warning.code for warning in found.warnings]
    strict = outcome(card, **asked, strict=True)
    assert bool(warned) == isinstance(strict, tuple)


def test_a_negative_prompt_is_quoted_nowhere() -> None:
    """The warning that it is dropped names the setting, and has none of its words."""
    (warning,) = fit({}, negative_prompt="my own words").warnings

    assert ("negative_prompt", None) == (warning.param, warning.requested)
    assert "my own words" not in repr(warning)


def test_a_rejection_of_the_retired_names_the_successor() -> None:
    """Who asks for a model that is gone learns what to use."""
    found = outcome({"shutdown": date(2026, 5, 1), "successor": "newer"})
    assert isinstance(found, tuple)
    assert "'newer'" in found[0].message


EDGES = st.integers(16, 6000)


@given(
    width=EDGES,
    height=EDGES,
    multiple=st.sampled_from([1, 8, 16, 64]),
    most=st.sampled_from([1024, 2048, None]),
    ratio=st.sampled_from([1.0, 3.0, None]),
)
def test_a_fitted_size_is_one_that_the_card_makes(
    width: int, height: int, multiple: int, most: int | None, ratio: float | None
) -> None:
    """Whatever size is asked for, what is passed on lies within the card's bounds."""
    sizes = SizeRange(min_edge=128, max_edge=most, multiple_of=multiple, min_pixels=300_000,
                      max_pixels=3_000_000, max_ratio=ratio)  # fmt: skip
    found = outcome({"sizes": sizes}, size=Size(width, height))
    if isinstance(found, Fit):
        assert found.request.size is not None
        assert sizes.problem(found.request.size) is None
        assert bool(found.warnings) == (found.request.size != Size(width, height))


def test_an_operation_may_have_sizes_of_its_own() -> None:
    """What a card makes from a prompt binds no edit that has another rule, and the other way."""
    rules = {Operation.EDIT: RATIOS, Operation.INPAINT: InputSize()}
    card = {"operations": ALL, "max_images": 1, "sizes": FIXED, "operation_sizes": rules}
    wide = Size(1536, 1024)
    assert wide == fit(card, size=wide).request.size
    edit = fit(card, size=wide, images=(IMAGE,)).request
    assert (None, "16:9", "1K") == (edit.size, edit.aspect_ratio, edit.resolution)
    masked = fit(card, size=wide, images=(IMAGE,), mask=IMAGE)
    assert (None, ["size"]) == (masked.request.size, [w.param for w in masked.warnings])


def test_sizes_are_for_operations_that_the_card_has() -> None:
    """A rule for an edit on a card that edits nothing is a mistake of its author."""
    with pytest.raises(ValueError, match="sizes for what it does not do: edit"):
        ModelCard(id="m", operation_sizes={Operation.EDIT: InputSize()})


def test_a_ratio_that_rounding_bends_is_told_of() -> None:
    """Edges by steps of 64 make 7:5 at half a K into 576x448, which is 9:7."""
    coarse = ModelCard(id="x", sizes=SizeRange(min_edge=128, max_edge=2048, multiple_of=64))
    asked = ImageRequest(model="x", prompt="p", aspect_ratio="7:5", resolution="0.5K")
    found = check(coarse, asked, TODAY)
    assert isinstance(found, Fit)
    assert [("aspect_ratio", "576x448")] == [(w.param, w.delivered) for w in found.warnings]


def test_a_prompt_for_a_tool_that_takes_no_words() -> None:
    """It is not sent, which a warning says without quoting it; a strict request is refused."""
    tool = {"operations": {Operation.EDIT}, "max_images": 1, "prompt": False, "max_prompt": 3}
    found = fit(tool, images=(IMAGE,))
    assert "" == found.request.prompt
    (warning,) = found.warnings
    assert ("prompt_adapted", "prompt", None, None) == (
        warning.code, warning.param, warning.requested, warning.delivered
    )  # fmt: skip
    assert "'m' takes no words; the prompt is not sent" == warning.message
    assert () == fit(tool, images=(IMAGE,), prompt="", strict=True).warnings
    assert ["prompt"] == rejected(tool, images=(IMAGE,), strict=True)


def test_a_format_with_another_number() -> None:
    """Where one format comes by itself, several are asked for one by one, and priced so."""
    card: dict[str, Any] = {"formats": ("png", "svg"), "max_n": 10, "format_max_n": {"svg": 1}}
    assert () == fit(card, n=3, output_format="png").warnings
    (warning,) = fit(card, n=3, output_format="svg").warnings
    assert "'m' makes 1 a call; asked for in several calls" == warning.message


def test_a_tier_that_is_missing_becomes_the_nearest() -> None:
    """A model of two tiers makes the larger one where more is asked for, and says which it is."""
    (warning,) = fit({"sizes": RATIOS}, aspect_ratio="16:9", resolution="4K").warnings
    assert ("resolution_adapted", "4K", "2K", "'m' offers 1K, 2K; 2K is nearest") == (
        warning.code, warning.requested, warning.delivered, warning.message
    )  # fmt: skip


def test_transparency_that_a_model_lacks() -> None:
    """The warning says that the background will be opaque."""
    (warning,) = fit({}, background="transparent").warnings
    assert ("background", "transparent", "opaque", "'m' makes no transparent background") == (
        warning.param, warning.requested, warning.delivered, warning.message
    )  # fmt: skip
