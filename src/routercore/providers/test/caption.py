"""The prompt set as a caption: wrapped, sized to the picture, on a panel of frosted glass."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from routercore.providers.test.palette import Color, mix

Font: TypeAlias = ImageFont.FreeTypeFont
MAX_CHARACTERS = 600
"""More of a prompt than this never fits."""
MAX_LINES = 6
SMALLEST_FONT = 8
FOLDED = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l",
          "Ł": "L", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "×": "x", "–": "-", "—": "-",
          "−": "-"}  # fmt: skip
"""Letters that do not decompose, in letters that the font has."""
MISSING = "·"
"""Stands for each letter that the font does not have."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Lines in one size of type, with the note under them."""

    lines: tuple[str, ...]
    note: str
    font: Font
    small: Font

    @property
    def leading(self) -> float:
        return self.font.size * 1.3

    @property
    def gap(self) -> float:
        return self.font.size * 0.15 if self.note else 0.0

    @property
    def width(self) -> float:
        widest = max(self.font.getlength(line) for line in self.lines)
        return max(widest, self.small.getlength(self.note) if self.note else 0.0)

    @property
    def height(self) -> float:
        note = self.small.size * 1.2 if self.note else 0.0
        return len(self.lines) * self.leading + self.gap + note


def set_caption(image: Image.Image, text: str, note: str, tone: Color) -> Image.Image | None:
    """Set ``text`` and a small ``note`` into the lower left of ``image``, which is changed.

    Returns:
        The panel's shape as a mask of the image's size, or ``None`` where nothing is legible.
    """
    width, height = image.size
    unit = min(width, height)
    margin = max(2, round(unit * 0.035))
    padding = max(2, round(unit * 0.026))
    room = (width - 2 * (margin + padding), height - 2 * (margin + padding))
    setting = _fitted(readable(text), note, unit, room)
    if setting is None:
        return None
    right = margin + 2 * padding + setting.width
    top = height - margin - 2 * padding - setting.height
    box = (margin, round(top), min(width - margin, round(right)), height - margin)
    panel = _panel(image, box, tone, radius=padding)
    _write(image, setting, (box[0] + padding, box[1] + padding), tone)
    return panel


def readable(text: str) -> str:
    """The text in letters that the font has: accents folded, unknown letters as dots.

    >>> readable("Füchse\\nim Wald")
    'Fuchse im Wald'
    """
    text = "".join(FOLDED.get(c, c) for c in text[:MAX_CHARACTERS])
    letters: list[str] = []
    for char in unicodedata.normalize("NFKD", text):
        kind = unicodedata.category(char)
        if kind in ("Mn", "Me", "Cf", "So", "Sk", "Cs") and not _has(char):
            continue
        letters.append(" " if kind[0] in "ZC" else char if _has(char) else MISSING)
    return " ".join("".join(letters).split())


@functools.lru_cache(maxsize=64)
def _font(size: int) -> Font:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built without FreeType"
    return font


@functools.lru_cache(maxsize=2048)
def _has(char: str) -> bool:
    return _drawn(char) != _drawn("\uffff")


def _drawn(char: str) -> bytes:
    image = Image.new("L", (48, 48))
    ImageDraw.Draw(image).text((8, 8), char, 255, _font(24))
    return image.tobytes()


def _fitted(text: str, note: str, unit: int, room: tuple[int, int]) -> Setting | None:
    """The largest type in which the text fits, else the smallest, with an ellipsis."""
    largest = max(SMALLEST_FONT, round(unit * 0.038))
    smallest = max(SMALLEST_FONT, round(unit * 0.019))
    if room[0] < 3 * SMALLEST_FONT or room[1] < 1.3 * SMALLEST_FONT:
        return None
    size, text = largest, text or "(an empty prompt)"
    while True:
        font, small = _font(size), _font(max(SMALLEST_FONT, round(size * 0.6)))
        lines = _wrapped(text, font, min(room[0], size * 26))
        shown = note if small.getlength(note) <= room[0] and room[1] > size * 4 else ""
        setting = Setting(tuple(lines), shown, font, small)
        if len(lines) <= MAX_LINES and setting.height <= max(room[1] * 0.36, size * 1.4):
            return setting
        if size <= smallest:
            keep = max(1, min(MAX_LINES, int(room[1] * 0.42 / setting.leading)))
            return Setting(_cut(lines, keep, font, room[0]), shown, font, small)
        size = max(smallest, round(size * 0.9) if size > 10 else size - 1)


def _wrapped(text: str, font: Font, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        for piece in _pieces(word, font, width):
            lines.append(piece)
    return [line for line in lines if line]


def _pieces(word: str, font: Font, width: float) -> list[str]:
    """A word cut where it is wider than a line."""
    pieces = [""]
    for char in word:
        if pieces[-1] and font.getlength(pieces[-1] + char) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _cut(lines: Sequence[str], keep: int, font: Font, width: float) -> tuple[str, ...]:
    if len(lines) <= keep:
        return tuple(lines)
    last = lines[keep - 1]
    while last and font.getlength(f"{last}…") > width:
        last = last[:-1]
    return (*lines[: keep - 1], f"{last.rstrip(' ,.;')}…")


def _panel(image: Image.Image, box: tuple[int, int, int, int], tone: Color,
           radius: int) -> Image.Image:  # fmt: skip
    """Darken and blur what is under the caption; the panel's edge is smooth."""
    width, height = box[2] - box[0], box[3] - box[1]
    shape = Image.new("L", (width * 2, height * 2))
    outline = (0, 0, width * 2 - 1, height * 2 - 1)
    ImageDraw.Draw(shape).rounded_rectangle(outline, radius * 2, fill=255)
    shape = shape.reduce(2)
    under = image.crop(box).convert("RGB")
    tiny = under.resize((max(1, width // 8), max(1, height // 8)), Image.Resampling.BOX)
    frosted = tiny.filter(ImageFilter.GaussianBlur(2)).resize((width, height))
    dark = Image.new("RGB", (width, height), mix(tone, (8, 10, 18), 0.55))
    image.paste(Image.blend(frosted, dark, 0.68), box, shape)
    mask = Image.new("L", image.size)
    mask.paste(shape, box)
    return mask


def _write(image: Image.Image, setting: Setting, at: tuple[float, float], tone: Color) -> None:
    draw, (x, y) = ImageDraw.Draw(image), at
    for line in setting.lines:
        draw.text((x, y + setting.leading * 0.46), line, (255, 255, 255), setting.font, anchor="lm")
        y += setting.leading
    if setting.note:
        faint = mix((255, 255, 255), tone, 0.3)
        middle = y + setting.gap + setting.small.size * 0.5
        draw.text((x, middle), setting.note, faint, setting.small, anchor="lm")
