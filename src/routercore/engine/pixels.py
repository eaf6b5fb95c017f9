"""Pixels: what an image is, told from its header; conversion and masks. Alone to use Pillow.

Everything here is plain and synchronous: callers move what decodes off the event loop.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, assert_never

from routercore.values.catalogue import MaskPolarity
from routercore.values.headers import read_header
from routercore.values.images import sniff_format
from routercore.values.sizes import Size

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_DECODED_PIXELS = 40_000_000
"""What is decoded at most: 160 MB as RGBA. A 10 kB file can claim more than a machine has."""
MAX_PIXELS = 200_000_000
"""What is passed on at most, which needs no decoding."""
DECODED_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""Pillow knows 40 more, some of which start other programs."""
DEFAULT_QUALITY = {"jpeg": 95, "webp": 92}
"""Beyond these, files grow and nobody sees why."""
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
JPEG_END = b"\xff\xd9"


class BadImageError(ValueError):
    """The bytes are no image, not a whole one, too large, or unfit for the purpose."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the first bytes of an image say, and whether its last ones are there."""

    format: str
    """``png``, ``jpeg``, ``webp``, ``gif`` or ``svg``."""
    size: Size | None
    """``None`` for an SVG without a size in pixels."""
    is_whole: bool
    """False where the end is missing; a cheap look, :func:`verify` decodes."""


def inspect(data: bytes) -> ImageFacts:
    """Tell format and size from the header, without decoding anything.

    Raises:
        BadImageError: the bytes are no image that we know, or claim an absurd size.
    """
    format = sniff_format(data)
    if format is None:
        raise BadImageError(f"not a png, jpeg, webp, gif or svg: {len(data):,} other bytes")
    try:
        width, height, header_end = read_header(format, data)
    except ValueError as error:
        raise BadImageError(f"the header of this {format} is broken or cut off") from error
    is_whole = _is_whole(format, data, header_end)
    if format == "svg" and not (width and height):
        return ImageFacts(format, None, is_whole)
    if not width or not height or width * height > MAX_PIXELS:
        raise BadImageError(f"a {format} of {width:,} by {height:,} pixels is not accepted")
    return ImageFacts(format, Size(width, height), is_whole)


def verify(data: bytes) -> ImageFacts:
    """Decode the image to see that all of it is there; an SVG is only looked at.

    Raises:
        BadImageError: it is broken, cut off, or larger than we decode.
    """
    facts = inspect(data)
    if not facts.is_whole:
        raise BadImageError(f"the {facts.format} is cut off after {len(data):,} bytes")
    if facts.format != "svg":
        _decoded(data)
    return facts


def convert(data: bytes, format: str, compression: int | None = None) -> bytes:
    """The image as ``png``, ``jpeg`` or ``webp``; a jpeg's transparent parts become white.

    Returns the same bytes where there is nothing to do. An animation becomes its first picture;
    a rotation noted by a camera is carried out; a colour profile is kept.

    Args:
        data: a png, jpeg, webp or gif.
        format: what to make of it.
        compression: 0 to 100 as in OpenAI's ``output_compression``: 100 is the best picture.

    Raises:
        BadImageError: the bytes cannot be decoded, or the format cannot be made.
    """
    if format not in ("png", "jpeg", "webp"):
        raise BadImageError(f"cannot make a {format!r}; png, jpeg and webp can be made")
    facts = inspect(data)
    if facts.format == format and (compression is None or format == "png"):
        return data
    if facts.format == "svg":
        raise BadImageError(f"a drawing in svg cannot be turned into {format} here")
    from PIL import ImageOps

    image = _decoded(data)
    profile = image.info.get("icc_profile") if image.mode != "CMYK" else None
    image = _plain(ImageOps.exif_transpose(image), keep_alpha=format != "jpeg")
    quality = DEFAULT_QUALITY.get(format) if compression is None else max(1, min(compression, 100))
    settings: dict[str, Any] = {"quality": quality} if format != "png" else {}
    out = BytesIO()
    try:
        image.save(out, format.upper(), icc_profile=profile, **settings)
    except (OSError, ValueError) as error:  # A webp has at most 16,383 pixels an edge.
        raise BadImageError(f"{facts.size} cannot be made a {format}: {error}") from error
    return out.getvalue()


def mask_to(data: bytes, polarity: MaskPolarity, size: Size | None = None) -> bytes:
    """A mask in a vendor's polarity, as PNG: grey for white and black, RGBA for alpha.

    Exactly the fully transparent pixels count as edited, as in OpenAI's contract, so that the
    result has two values and no edge between them.

    Args:
        data: the caller's mask, whose fully transparent pixels are to change.
        polarity: how the vendor marks them.
        size: what to scale it to, without smoothing.

    Raises:
        BadImageError: it cannot be decoded or has no transparency to say what is meant.
    """
    from PIL import Image, ImageChops

    inspect(data)
    image = _decoded(data)
    if not image.has_transparency_data:
        raise BadImageError(
            "the mask has no alpha channel; make the parts to be changed fully transparent"
        )
    kept = image.convert("RGBA").getchannel("A").point([0] + [255] * 255)
    if size is not None:
        kept = kept.resize((size.width, size.height), Image.Resampling.NEAREST)
    if polarity is MaskPolarity.BLACK:
        return _png(kept)
    if polarity is MaskPolarity.WHITE:
        return _png(ImageChops.invert(kept))
    if polarity is MaskPolarity.ALPHA:
        return _png(Image.merge("RGBA", (kept, kept, kept, kept)))
    assert_never(polarity)


def _png(image: Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _decoded(data: bytes) -> Image:
    """Decode the first picture, having checked formats, size and checksums before."""
    from PIL import Image

    broken = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, KeyError,
              TypeError, struct.error, zlib.error, Image.DecompressionBombError)  # fmt: skip
    facts = inspect(data)
    _refuse_many_pixels(facts.size)
    try:
        Image.open(BytesIO(data), formats=DECODED_FORMATS).verify()
        image = Image.open(BytesIO(data), formats=DECODED_FORMATS)
        _refuse_many_pixels(Size(*image.size))
        image.load()
    except BadImageError:
        raise
    except broken as error:
        raise BadImageError(f"the {facts.format} cannot be decoded: {error}") from error
    return image


def _refuse_many_pixels(size: Size | None) -> None:
    if size is not None and size.pixels > MAX_DECODED_PIXELS:
        raise BadImageError(f"{size} is more than the {MAX_DECODED_PIXELS:,} pixels we decode")


def _plain(image: Image, *, keep_alpha: bool) -> Image:
    """As RGB, or RGBA where there is transparency and it may stay."""
    from PIL import Image as Images

    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    if keep_alpha:
        return image
    ground = Images.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _is_whole(format: str, data: bytes, header_end: int) -> bool:
    """Whether the end that the format has is there, and behind the header."""
    if format == "png":
        return data.rfind(PNG_END) > 0
    if format == "jpeg":  # A thumbnail inside the header has an end of its own.
        return data.rfind(JPEG_END) > header_end
    if format == "gif":
        return data.rstrip(b"\x00").endswith(b"\x3b")
    if format == "webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return (data.rstrip().endswith(b">") and data.rfind(b"</svg") > 0) or b"/>" in data[-8:]
