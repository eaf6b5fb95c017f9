"""A prompt and settings become a request, as the library's callers write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routercore import ImageRequest, InputImage, Router, Size
from routercore.router import make_request
from routercore.testing.providers import PNG


def test_auto_asks_for_nothing() -> None:
    """``auto`` is the provider's default, for every setting and not for the size alone."""
    words = dict.fromkeys(
        ("size", "quality", "background", "moderation", "output_format", "aspect_ratio"), "auto"
    )
    assert ImageRequest(prompt="a heron", model="m") == make_request("a heron", model="m", **words)


def test_a_size_may_be_text() -> None:
    """A size is read as it is written on the command line."""
    assert Size(512, 256) == make_request("a heron", size="512x256").size


def test_a_whole_request_stands_alone() -> None:
    """Settings beside a whole request would be dropped, so they are refused."""
    with pytest.raises(TypeError, match="not both: quality"):
        make_request(ImageRequest(prompt="a heron", model="m"), quality="low")


@pytest.mark.parametrize(
    "given",
    [str, Path, Path.read_bytes, InputImage.open, lambda file: [str(file)], lambda file: (file,)],
)
def test_pictures_are_given_in_any_form(tmp_path: Path, given: Callable[[Path], Any]) -> None:
    """One picture or several, each a path, its bytes, or what was read already."""
    file = tmp_path / "heron.png"
    file.write_bytes(PNG)
    asked = make_request("a heron", images=given(file), mask=str(file))
    assert [PNG] == [image.data for image in asked.images]
    assert asked.mask is not None
    assert PNG == asked.mask.data


@pytest.mark.parametrize(
    ("name", "words"), [("qualty", r"; did you mean 'quality'\?"), ("xyzzy", "$")]
)
def test_a_setting_that_does_not_exist(name: str, words: str) -> None:
    """It is named, with what may have been meant."""
    with pytest.raises(TypeError, match=f"there is no setting '{name}'{words}"):
        make_request("a heron", **{name: "high"})


@pytest.mark.parametrize("word", ["jpg", "JPG", "JPEG", "jpeg"])
async def test_a_format_has_one_name(word: str) -> None:
    """However it is written, in settings and in a whole request."""
    assert "jpeg" == make_request("fox", output_format=word).output_format
    whole = ImageRequest(prompt="fox", model="test/test", output_format=word)
    async with Router.auto(environ={}) as router:
        assert "jpeg" == (await router.generate(whole)).images[0].format
