"""A prompt and settings become a request, as the library's callers write them."""

from __future__ import annotations

import pytest

from routercore import ImageRequest, Size
from routercore.router import make_request


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
