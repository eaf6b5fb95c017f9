"""What images are, told from their bytes; conversions and masks."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from routercore.engine.pixels import BadImageError, ImageFacts, convert, inspect, mask_to, verify
from routercore.values.catalogue import MaskPolarity
from routercore.values.sizes import Size

HEADS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x10\0\0\0WEBP", b"RIFF\x10\0\0\0WEBPVP8X",
         b"RIFF\x10\0\0\0WEBPVP8L", b"RIFF\x10\0\0\0WEBPVP8 ", b"GIF89a", b"<svg ", b"<?xml <svg",
         b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]  # fmt: skip
FORMATS = ("png", "jpeg", "webp", "gif")
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def encoded(image: Image.Image, format: str, **settings: object) -> bytes:
    out = BytesIO()
    image.save(out, format.upper(), **settings)
    return out.getvalue()


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    image = Image.radial_gradient("L").resize(size)
    return Image.merge("RGB", (image, image.rotate(90, expand=False), image)).convert(mode)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@given(st.one_of(st.binary(max_size=200), st.builds(bytes.__add__, st.sampled_from(HEADS),
                                                    st.binary(max_size=120))))  # fmt: skip
@settings(max_examples=400)
def test_inspect_returns_or_refuses(data: bytes) -> None:
    """Whatever the bytes are, ``inspect`` gives facts or a ``BadImageError``."""
    try:
        facts = inspect(data)
    except BadImageError:
        return
    assert facts.size is None or facts.size.pixels > 0


@given(SIZES, st.sampled_from(FORMATS))
@settings(max_examples=60)
def test_inspect_agrees_with_a_decoder(size: tuple[int, int], format: str) -> None:
    """The header alone gives the format and size that decoding gives."""
    data = encoded(picture(size), format)
    assert ImageFacts(format, Size(*opened(data).size), True) == inspect(data)


@pytest.mark.parametrize("settings", [{"lossless": True}, {"lossless": False}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_kind_of_webp(mode: str, settings: dict[str, bool]) -> None:
    """Lossy, lossless and extended WebP all tell their size."""
    data = encoded(picture((37, 23), mode), "webp", exif=b"Exif\0\0x", **settings)
    assert Size(37, 23) == inspect(data).size
    assert Size(37, 23) == inspect(encoded(picture((37, 23), mode), "webp", **settings)).size


def test_progressive_jpeg_with_thumbnail_end() -> None:
    """An end marker inside a thumbnail does not make a cut-off jpeg whole."""
    data = encoded(picture((64, 48)), "jpeg", progressive=True)
    segment = b"\xff\xe1" + struct.pack(">H", 8) + b"\xff\xd8\xff\xd9xx"
    data = data[:2] + segment + data[2:]
    assert ImageFacts("jpeg", Size(64, 48), True) == inspect(data)
    assert ImageFacts("jpeg", Size(64, 48), False) == inspect(data[:-2])


def test_jpeg_markers_may_be_padded_and_must_lead_to_a_frame() -> None:
    """Fill bytes and lone markers are passed over; a scan without a frame has no size."""
    data = encoded(picture((64, 48)), "jpeg")
    assert Size(64, 48) == inspect(data[:2] + b"\xff\x01\xff\xff" + data[2:]).size
    for broken in (b"\xff\xda\0\x02", b"\xff\xe0\0\x01", b"\xff\xe0\0\x03-data-"):
        with pytest.raises(BadImageError, match="header"):
            inspect(b"\xff\xd8" + broken)


@given(st.sampled_from(FORMATS), st.floats(0.3, 0.98))
@settings(max_examples=40)
def test_a_cut_off_image_is_never_verified(format: str, part: float) -> None:
    """``verify`` refuses what lost its end."""
    data = encoded(picture((60, 60)), format)
    with pytest.raises(BadImageError):
        verify(data[: int(len(data) * part)])


def test_a_flipped_bit_is_found() -> None:
    """``verify`` checks PNG checksums, which decoding alone does not."""
    data = bytearray(encoded(picture((60, 60)), "png"))
    data[-30] ^= 1
    with pytest.raises(BadImageError, match="cannot be decoded"):
        verify(bytes(data))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('<svg width="30" height="20px"></svg>', Size(30, 20)),
        ('<?xml version="1.0"?>\n<svg viewBox="0 0 64 32.5"><g/></svg>', Size(64, 32)),
        ('<svg width="100%" height="100%"></svg>', None),
        ("<svg/>", None),
    ],
)
def test_svg_sizes(text: str, size: Size | None) -> None:
    """An SVG's size is its edges in pixels, else its box, else unknown."""
    assert ImageFacts("svg", size, True) == verify(text.encode())


def test_a_cut_off_svg_is_not_whole() -> None:
    """An SVG without its closing tag is not whole."""
    assert not inspect(b'<svg width="3" height="3"><g>').is_whole


def test_bombs_are_refused_before_decoding() -> None:
    """A header that claims too many pixels is refused without decoding."""
    data = bytearray(encoded(picture((8, 8)), "png"))
    data[16:24] = struct.pack(">II", 9400, 9400)
    assert Size(9400, 9400) == inspect(bytes(data)).size
    with pytest.raises(BadImageError, match="40,000,000 pixels"):
        verify(bytes(data))
    data[16:24] = struct.pack(">II", 60000, 60000)
    with pytest.raises(BadImageError, match="60,000 by 60,000"):
        inspect(bytes(data))


def test_other_formats_are_not_decoded() -> None:
    """Formats off the list are refused, whatever Pillow could do with them."""
    with pytest.raises(BadImageError, match="not a png"):
        verify(encoded(picture((8, 8)), "tiff"))


@given(SIZES, st.sampled_from(FORMATS), st.sampled_from(("png", "jpeg", "webp")))
@settings(max_examples=60)
def test_conversion_keeps_the_size(size: tuple[int, int], source: str, target: str) -> None:
    """Any format becomes any other with the size kept."""
    data = convert(encoded(picture(size), source), target)
    assert ImageFacts(target, Size(*size), True) == verify(data)


@given(SIZES, st.binary(min_size=16, max_size=16))
@settings(max_examples=40)
def test_conversion_to_png_loses_nothing(size: tuple[int, int], noise: bytes) -> None:
    """What a lossless WebP holds is in the PNG, transparency included."""
    image = Image.frombytes("RGBA", (2, 2), noise).resize(size, Image.Resampling.NEAREST)
    data = convert(encoded(image, "webp", lossless=True, exact=True), "png")
    assert image.tobytes() == opened(data).convert("RGBA").tobytes()


def test_nothing_to_do_returns_the_same_bytes() -> None:
    """An image that has the format already is not encoded again."""
    data = encoded(picture((9, 9)), "webp")
    assert data is convert(data, "webp")


def test_compression_makes_smaller_files() -> None:
    """A lower number is a smaller file, also without a change of format."""
    data = encoded(picture((128, 128)), "jpeg", quality=95)
    assert len(convert(data, "jpeg", 10)) < len(convert(data, "jpeg", 80)) < len(data)


def test_transparency_becomes_white_in_jpeg() -> None:
    """A jpeg has no transparency; it is laid on white."""
    data = convert(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "png"), "jpeg")
    assert (255, 255, 255) == opened(data).getpixel((4, 4))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "CMYK"])
def test_unusual_modes_convert(mode: str) -> None:
    """Grey, palette, 16-bit and CMYK pictures convert."""
    image = Image.new(mode, (8, 8))
    data = encoded(image, "jpeg" if mode == "CMYK" else "png")
    assert "webp" == inspect(convert(data, "webp")).format


def test_rotation_is_carried_out() -> None:
    """A camera's note to rotate is obeyed, since the note itself is dropped."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture((20, 10)), "jpeg", exif=exif)
    assert Size(10, 20) == inspect(convert(data, "png")).size


@pytest.mark.parametrize(("format", "edge"), [("webp", 16_384), ("jpeg", 65_501)])
def test_an_edge_that_a_format_does_not_have_is_told(format: str, edge: int) -> None:
    """A picture that is too long for a format is a ``BadImageError``, whatever the encoder says."""
    with pytest.raises(BadImageError, match=f"{edge}x2 cannot be made a {format}"):
        convert(encoded(picture((edge, 2)), "png"), format)


def test_what_cannot_be_made_is_named() -> None:
    """Other targets and drawings are refused with a reason."""
    with pytest.raises(BadImageError, match="'bmp'"):
        convert(encoded(picture((4, 4)), "png"), "bmp")
    with pytest.raises(BadImageError, match="svg"):
        convert(b"<svg></svg>", "png")


@given(SIZES, st.binary(min_size=4, max_size=4))
@settings(max_examples=60)
def test_masks_turn_exactly(size: tuple[int, int], alphas: bytes) -> None:
    """White is where alpha is zero, black elsewhere; the other polarity is its inverse."""
    alpha = Image.frombytes("L", (2, 2), alphas).resize(size, Image.Resampling.NEAREST)
    mask = Image.new("RGBA", size, "red")
    mask.putalpha(alpha)
    white = opened(mask_to(encoded(mask, "png"), MaskPolarity.WHITE))
    black = opened(mask_to(encoded(mask, "png"), MaskPolarity.BLACK))
    again = opened(mask_to(encoded(mask, "png"), MaskPolarity.ALPHA)).getchannel("A")
    assert ("L", size) == (white.mode, white.size)
    assert bytes(255 * (a == 0) for a in alpha.tobytes()) == white.tobytes()
    assert bytes(255 * (a > 0) for a in alpha.tobytes()) == black.tobytes() == again.tobytes()


def test_masks_scale_without_smoothing() -> None:
    """A scaled mask still has two values."""
    mask = Image.new("RGBA", (10, 10), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (3, 3, 7, 7))
    data = mask_to(encoded(mask, "png"), MaskPolarity.WHITE, Size(33, 21))
    assert ((33, 21), {0, 255}) == (opened(data).size, set(opened(data).tobytes()))


def test_a_mask_with_a_transparent_palette_counts() -> None:
    """A palette with a transparent entry is transparency too."""
    mask = Image.new("P", (4, 4), 0)
    data = mask_to(encoded(mask, "png", transparency=0), MaskPolarity.WHITE)
    assert {255} == set(opened(data).tobytes())


def test_a_mask_without_alpha_is_refused() -> None:
    """Black and white could mean either, so a mask without alpha is refused."""
    with pytest.raises(BadImageError, match="no alpha channel"):
        mask_to(encoded(Image.new("L", (4, 4)), "png"), MaskPolarity.WHITE)
