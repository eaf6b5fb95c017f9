"""Edits: input pictures recoloured, hung together, or repainted inside a mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from routercore.providers.test.chance import Chance
from routercore.providers.test.palette import Palette, mix

Edges: TypeAlias = tuple[int, int]
FIDELITY_TINTS = {"high": 0.45, "low": 0.85}
"""How far the colours of an edited picture move, by ``input_fidelity``."""


def repaint(base: Image.Image, mask: Image.Image,
            scene: Callable[[Edges], Image.Image]) -> Image.Image:  # fmt: skip
    """Paint a scene where ``mask`` is white; every other pixel stays as it is."""
    box = mask.getbbox()
    if box is None:
        return base
    result = base.copy()
    painted = scene((box[2] - box[0], box[3] - box[1])).convert(base.mode)
    result.paste(painted, box, mask.crop(box))
    return result


def recolor(image: Image.Image, palette: Palette, fidelity: str | None) -> Image.Image:
    """The picture in three tones of the palette, with a light glow; transparency stays."""
    plain = image.convert("RGB")
    grey = ImageOps.autocontrast(ImageOps.grayscale(plain), cutoff=1)
    middle = mix(palette.sky[1], palette.far, 0.4)
    toned = ImageOps.colorize(grey, palette.near, palette.sun, middle)
    result = Image.blend(plain, toned, FIDELITY_TINTS.get(fidelity or "low", 0.85))
    glow = result.resize((max(1, result.width // 8), max(1, result.height // 8)))
    glow = glow.filter(ImageFilter.GaussianBlur(3)).resize(result.size, Image.Resampling.BICUBIC)
    result = Image.blend(result, glow, 0.18)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


def hang(images: Sequence[Image.Image], ground: Image.Image, chance: Chance) -> Image.Image:
    """The pictures as prints on the ground, a little askew, in rows."""
    columns = max(1, math.ceil(math.sqrt(len(images) * ground.width / ground.height)))
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    usable = ground.height * 0.8
    cell = (ground.width / columns, usable / rows)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        in_row = min(columns, len(images) - row * columns)
        indent = (ground.width - in_row * cell[0]) / 2
        center = (indent + (column + 0.5) * cell[0], (row + 0.5) * cell[1] + ground.height * 0.02)
        _hang_one(ground, image, center, (cell[0] * 0.82, cell[1] * 0.82), chance.uniform(-5, 5))
    return ground


def _hang_one(ground: Image.Image, image: Image.Image, center: tuple[float, float],
              room: tuple[float, float], angle: float) -> None:  # fmt: skip
    frame = max(1, round(min(room) * 0.035))
    edges = (max(1, round(room[0]) - 2 * frame), max(1, round(room[1]) - 2 * frame))
    photo = ImageOps.contain(image.convert("RGB"), edges, Image.Resampling.LANCZOS)
    # A frame of nothing around the print leaves its turned edges smooth.
    card = Image.new("RGBA", (photo.width + 2 * frame + 4, photo.height + 2 * frame + 4))
    ImageDraw.Draw(card).rectangle((2, 2, card.width - 3, card.height - 3), fill="#fbf9f4")
    card.paste(photo, (frame + 2, frame + 2))
    card = card.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    left, top = round(center[0] - card.width / 2), round(center[1] - card.height / 2)
    _cast_shadow(ground, card.getchannel("A"), (left, top), frame)
    ground.paste(card, (left, top), card)


def _cast_shadow(ground: Image.Image, shape: Image.Image, at: Edges, reach: int) -> None:
    border = reach * 3
    shadow = ImageOps.expand(shape.point([x * 2 // 5 for x in range(256)]), border)
    small = shadow.resize((max(1, shadow.width // 4), max(1, shadow.height // 4)))
    soft = small.filter(ImageFilter.GaussianBlur(max(0.5, reach / 4))).resize(shadow.size)
    ground.paste((10, 8, 20), (at[0] - border + reach // 2, at[1] - border + reach), soft)
