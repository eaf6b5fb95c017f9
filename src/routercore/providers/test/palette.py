"""The colours of a picture, chosen by its words and its seed. Standard library alone."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from typing import TypeAlias

from routercore.providers.test.chance import Chance

Color: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """What a scene is painted with."""

    sky: tuple[Color, ...]
    """From the top down to the horizon."""
    sun: Color
    far: Color
    """The most distant ridge."""
    near: Color
    """The foreground, always dark: captions stand on it."""
    is_night: bool = False
    has_aurora: bool = False


PALETTES = {
    "dawn": ("3a3f77", "c77d9b", "ffd9b0", "fff4dc", "cf9fae", "2b2345"),
    "dusk": ("1f1b3a", "8a3b6b", "ff9a62", "ffe3a8", "b8627a", "1c1430"),
    "day": ("2f7fc2", "8cc6ea", "f2f8ee", "fffbe8", "a5c9d6", "143c48"),
    "meadow": ("4f9fc4", "b4dcd6", "fff3cf", "fffdf0", "b5d0a6", "17402f"),
    "desert": ("4f7aa8", "f0c9a0", "ffe7c2", "fff6df", "e0ab82", "5a2626"),
    "midnight": ("060a20", "17265a", "5b7cae", "f6f3e2", "40608f", "050917"),
    "aurora": ("071126", "103a50", "45b795", "e8fff2", "2f7a7c", "04121b"),
    "autumn": ("5f86a3", "e8c39a", "ffe3b5", "fff6e2", "d69a68", "431a1a"),
    "winter": ("6f93bf", "c3d6ea", "fbf5f0", "fffaf2", "bccbdd", "243c5a"),
    "coral": ("1d4e6b", "63b3b3", "ffd0b5", "fff0dd", "8fbdb4", "0f2f47"),
    "violet": ("2a1a4a", "7a4fa0", "f3a6c8", "ffe9f1", "a47cc2", "1c1036"),
}
NIGHTS = frozenset({"midnight", "aurora"})

MOODS = {
    "dawn": "dawn", "sunrise": "dawn", "morning": "dawn", "dusk": "dusk", "evening": "dusk",
    "sunset": "dusk", "day": "day", "noon": "day", "sky": "day", "meadow": "meadow",
    "spring": "meadow", "forest": "meadow", "desert": "desert", "dune": "desert",
    "dunes": "desert", "sand": "desert", "night": "midnight", "midnight": "midnight",
    "moon": "midnight", "stars": "midnight", "space": "midnight", "autumn": "autumn",
    "fall": "autumn", "winter": "winter", "snow": "winter", "ice": "winter", "coral": "coral",
    "beach": "coral", "tropical": "coral", "violet": "violet", "purple": "violet",
    "lavender": "violet", "aurora": "aurora", "northern": "aurora",
}  # fmt: skip
"""Words of a prompt that decide the palette; the later in this table, the stronger."""

MAX_HUE_SHIFT = 0.02


def words(text: str) -> frozenset[str]:
    """The words of a prompt in lower case."""
    return frozenset(re.findall(r"[^\W\d_]+", text.lower()))


def choose_palette(prompt: str, chance: Chance) -> Palette:
    """The palette that the prompt names, or one by chance; a little off its hue either way."""
    said = words(prompt)
    named = [name for word, name in MOODS.items() if word in said]
    drawn, shift = chance.choice(sorted(PALETTES)), chance.uniform(-MAX_HUE_SHIFT, MAX_HUE_SHIFT)
    name = named[-1] if named else drawn
    *sky, sun, far, near = (_turned(_parsed(text), shift) for text in PALETTES[name])
    return Palette(tuple(sky), sun, far, near, name in NIGHTS, name == "aurora")


def mix(a: Color, b: Color, t: float) -> Color:
    """The colour that lies ``t`` of the way from ``a`` to ``b``."""
    return (_between(a[0], b[0], t), _between(a[1], b[1], t), _between(a[2], b[2], t))


def ramp(stops: tuple[Color, ...], t: float) -> Color:
    """The colour at ``t``, 0 to 1, of evenly spaced stops."""
    place = min(max(t, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    return mix(stops[index], stops[index + 1], place - index)


def saturated(color: Color, factor: float) -> Color:
    """The colour, livelier or calmer."""
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in color))
    return _bytes(colorsys.hls_to_rgb(hue, light, min(1.0, saturation * factor)))


def _parsed(text: str) -> Color:
    return (int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16))


def _turned(color: Color, shift: float) -> Color:
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in color))
    return _bytes(colorsys.hls_to_rgb((hue + shift) % 1.0, light, saturation))


def _bytes(parts: tuple[float, float, float]) -> Color:
    return (round(parts[0] * 255), round(parts[1] * 255), round(parts[2] * 255))


def _between(a: int, b: int, t: float) -> int:
    return round(a + (b - a) * t)
