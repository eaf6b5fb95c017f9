"""Sizes of images, told from their headers."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from routercore.values.headers import size_of
from routercore.values.sizes import Size

MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP", b"GIF89a",
         b"<svg width='1' "]  # fmt: skip


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "gif"])
@given(width=st.integers(1, 300), height=st.integers(1, 300))
@settings(max_examples=15)
def test_a_picture_is_as_large_as_its_decoder_says(format: str, width: int, height: int) -> None:
    """The header is read as Pillow wrote it."""
    out = BytesIO()
    Image.new("RGB", (width, height)).save(out, format)
    assert Size(width, height) == size_of(out.getvalue())


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [
        (b"<svg width='30' height='20'></svg>", Size(30, 20)),
        (b"<svg viewBox='0 0 40 10'></svg>", Size(40, 10)),
        (b"<svg></svg>", None),
        (b"<svg", None),
    ],
)
def test_a_drawing_may_not_say(drawing: bytes, expected: Size | None) -> None:
    """Its edges, else its box, else nothing."""
    assert expected == size_of(drawing)


@given(st.sampled_from(MAGIC), st.binary(max_size=80))
def test_bytes_never_raise(magic: bytes, rest: bytes) -> None:
    """Whatever the bytes are, there is a size or none."""
    found = size_of(magic + rest)
    assert found is None or found.pixels > 0
