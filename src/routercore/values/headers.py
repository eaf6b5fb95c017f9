"""Headers: how large an image is, told from its first bytes without decoding anything."""

from __future__ import annotations

import re
import struct

from routercore.values.images import sniff_format
from routercore.values.sizes import Size

SVG_HEAD_BYTES = 4096
PNG_COLOUR = 25
"""Where a PNG says how its pixels are written."""
PNG_WITH_ALPHA = (4, 6)
WEBP_FLAGS = 20
"""Where a WebP says what is in it; one without loss, four bytes further."""


def size_of(data: bytes) -> Size | None:
    """How large the image is, or ``None`` where its bytes do not say. Never raises."""
    format = sniff_format(data)
    try:
        width, height, _ = read_header(format, data) if format else (0, 0, 0)
    except ValueError:
        return None
    return Size(width, height) if width and height else None


def read_header(format: str, data: bytes) -> tuple[int, int, int]:
    """Width, height, and where the header ends; zeros where a drawing has no size in pixels.

    Args:
        format: what the bytes are: ``png``, ``jpeg``, ``webp``, ``gif`` or ``svg``.
        data: the image, or enough of its beginning.

    Raises:
        ValueError: the header is broken or cut off.
    """
    try:
        return _READERS[format](data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"the header of this {format} is cut off") from error


def can_be_transparent(format: str, data: bytes) -> bool:
    """Whether an image has a place for transparency; true where its bytes do not say."""
    if format == "png" and len(data) > PNG_COLOUR:
        return data[PNG_COLOUR] in PNG_WITH_ALPHA or _has_chunk(data, b"tRNS")
    if format == "webp" and len(data) > WEBP_FLAGS + 4:
        kind, flags = data[12:16], data[WEBP_FLAGS]
        is_lossless = kind == b"VP8L" and bool(data[WEBP_FLAGS + 4] & 0x10)
        return is_lossless or (kind == b"VP8X" and bool(flags & 0x10))
    return format != "jpeg"


def _has_chunk(data: bytes, name: bytes) -> bool:
    """Whether a PNG has a chunk of that name before its pixels."""
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind in (name, b"IDAT"):
            return kind == name
        at += 12 + length
    return False


def _read_png(data: bytes) -> tuple[int, int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("no IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height, 24


def _read_gif(data: bytes) -> tuple[int, int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height, 10


def _read_webp(data: bytes) -> tuple[int, int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        edges = data[24:30]
        if len(edges) < 6:
            raise ValueError("cut off")
        width = int.from_bytes(edges[:3], "little") + 1
        return width, int.from_bytes(edges[3:], "little") + 1, 30
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 25
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF, 30
    raise ValueError("no picture in it")


def _read_jpeg(data: bytes) -> tuple[int, int, int]:
    """Walk the segments to the frame header."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one should be")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height, at
        if marker in (0xD9, 0xDA) or length < 2:
            raise ValueError("no frame header")
        at += 2 + length


_SVG_TAG = re.compile(rb"<svg\b[^>]*>", re.IGNORECASE)
_SVG_EDGE = re.compile(rb"""\s(width|height)\s*=\s*["']\s*(\d{1,6})(?:\.\d+)?(?:px)?\s*["']""")
_SVG_BOX = re.compile(
    rb"""\sviewBox\s*=\s*["']\s*[-\d.]+[\s,]+[-\d.]+[\s,]+(\d+)[\d.]*[\s,]+(\d+)"""
)


def _read_svg(data: bytes) -> tuple[int, int, int]:
    """Size in pixels, else the box; zeros where neither is there."""
    tag = _SVG_TAG.search(data[:SVG_HEAD_BYTES])
    if tag is None:
        return 0, 0, 0
    edges = {name: int(edge) for name, edge in _SVG_EDGE.findall(tag[0])}
    if b"width" in edges and b"height" in edges:
        return edges[b"width"], edges[b"height"], tag.end()
    box = _SVG_BOX.search(tag[0])
    return (int(box[1]), int(box[2]), tag.end()) if box else (0, 0, tag.end())


_READERS = {"png": _read_png, "gif": _read_gif, "webp": _read_webp, "jpeg": _read_jpeg,
            "svg": _read_svg}  # fmt: skip
