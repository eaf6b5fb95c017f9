"""A generated landscape: sky, sun or moon, ridges in the haze, water, trees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from routercore.providers.test.chance import Chance
from routercore.providers.test.palette import Color, Palette, mix, ramp, words
from routercore.providers.test.terrain import Point, conifer, height_at, hills, mountains

KINDS = ("mountains", "lake", "dunes", "sea")
KIND_WORDS = {
    "lake": "lake", "river": "lake", "reflection": "lake", "water": "lake", "pond": "lake",
    "sea": "sea", "ocean": "sea", "beach": "sea", "ship": "sea", "boat": "sea", "wave": "sea",
    "waves": "sea", "island": "sea", "desert": "dunes", "dune": "dunes", "dunes": "dunes",
    "sand": "dunes", "hill": "dunes", "hills": "dunes", "meadow": "dunes", "field": "dunes",
    "mountain": "mountains", "mountains": "mountains", "forest": "mountains", "snow": "mountains",
    "alps": "mountains", "valley": "mountains",
}  # fmt: skip
"""Words of a prompt that decide what kind of landscape it is."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much work a quality is worth."""

    ridges: int
    supersampling: int
    trees: int
    clouds: int


DETAILS = {
    "low": Detail(ridges=3, supersampling=2, trees=0, clouds=4),
    "medium": Detail(ridges=5, supersampling=2, trees=60, clouds=9),
    "high": Detail(ridges=7, supersampling=4, trees=130, clouds=16),
}
MAX_SUPERSAMPLED_EDGE = 8192
SQUARE_ENDS = 178
"""What Pillow's radial gradient has, of 255, where its square is nearest to the middle."""


@dataclass(slots=True)
class Scene:
    """One picture in the making. Every feature has its own chance, so that none moves another."""

    image: Image.Image
    palette: Palette
    detail: Detail
    prompt: str
    seed: int
    without: frozenset[str]
    """What the negative prompt rules out: ``trees``, ``birds``, ``clouds``, ``sun``, ``stars``."""

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    @property
    def unit(self) -> int:
        """The shorter edge, which everything is measured by."""
        return min(self.image.size)

    def chance(self, feature: str) -> Chance:
        return Chance(self.seed, self.prompt, feature)

    def supersampling(self) -> int:
        longest = max(self.image.size)
        return max(1, min(self.detail.supersampling, MAX_SUPERSAMPLED_EDGE // longest))


def draw_scene(size: tuple[int, int], palette: Palette, *, prompt: str, negative_prompt: str,
               quality: str, seed: int) -> Image.Image:  # fmt: skip
    """Draw the landscape of a prompt and seed; the quality adds detail and moves nothing."""
    image = vertical(size, palette.sky)
    scene = Scene(image, palette, DETAILS[quality], prompt, seed, words(negative_prompt))
    kind = _kind(scene)
    horizon = scene.chance("horizon").uniform(0.5, 0.58)
    _paint_sky(scene, kind, horizon)
    if kind == "sea":
        _paint_water(scene, horizon + 0.06)
        _paint_waves(scene, horizon + 0.3)
    elif kind == "lake":
        _paint_ridges(scene, horizon - 0.02, horizon + 0.14, rough=True)
        _paint_water(scene, horizon + 0.14)
        _paint_bank(scene)
    else:
        _paint_ridges(scene, horizon, 0.92, rough=kind == "mountains")
    _paint_birds(scene, horizon)
    return scene.image


def vertical(size: tuple[int, int], stops: tuple[Color, ...]) -> Image.Image:
    """A vertical gradient through colours."""
    width, height = size
    strip = Image.new("RGB", (1, height))
    strip.putdata([ramp(stops, y / max(1, height - 1)) for y in range(height)])
    return strip.resize((width, height), Image.Resampling.NEAREST)


def _kind(scene: Scene) -> str:
    drawn = scene.chance("kind").choice(KINDS)
    named = [KIND_WORDS[word] for word in sorted(words(scene.prompt)) if word in KIND_WORDS]
    return named[0] if named else drawn


def _paint_sky(scene: Scene, kind: str, horizon: float) -> None:
    sky = vertical((scene.width, max(1, round(scene.height * (horizon + 0.1)))), scene.palette.sky)
    scene.image.paste(scene.palette.sky[-1], (0, 0, scene.width, scene.height))
    scene.image.paste(sky, (0, 0))
    if scene.palette.is_night and "stars" not in scene.without:
        _paint_stars(scene, horizon)
    if scene.palette.has_aurora:
        _paint_aurora(scene, horizon)
    chance = scene.chance("sun")
    x = scene.width * (chance.choice((0.3, 0.36, 0.64, 0.7)) + chance.uniform(-0.04, 0.04))
    rise = 0.3 if scene.palette.is_night else chance.uniform(0.06, 0.2)
    y = scene.height * (horizon - rise)
    if "sun" not in scene.without and "moon" not in scene.without:
        _paint_sun(scene, (x, y), scene.unit * chance.uniform(0.065, 0.105))
    if "clouds" not in scene.without:
        _paint_clouds(scene, horizon)


def _paint_sun(scene: Scene, center: Point, radius: float) -> None:
    for reach, strength in ((9.0, 0.34), (4.2, 0.42), (2.0, 0.45)):
        _glow(scene, center, radius * reach, strength * (0.5 if scene.palette.is_night else 1))
    _disc(scene.image, center, radius, scene.palette.sun)


def _glow(scene: Scene, center: Point, radius: float, strength: float) -> None:
    """Nothing of it is left where its square ends, so that no seam shows."""
    edge = max(2, round(radius * 2))
    light = [(1 - d / 255) ** 2.2 for d in range(256)]
    falloff = Image.radial_gradient("L").point(
        [round(255 * strength * max(0.0, one - light[SQUARE_ENDS])) for one in light]
    )
    mask = falloff.resize((edge, edge), Image.Resampling.BICUBIC)
    left, top = round(center[0] - edge / 2), round(center[1] - edge / 2)
    scene.image.paste(scene.palette.sun, (left, top, left + edge, top + edge), mask)


def _disc(image: Image.Image, center: Point, radius: float, color: Color) -> None:
    edge = max(1, math.ceil(radius * 2))
    mask = Image.new("L", (edge * 4, edge * 4))
    ImageDraw.Draw(mask).ellipse((0, 0, edge * 4 - 1, edge * 4 - 1), fill=255)
    left, top = round(center[0] - edge / 2), round(center[1] - edge / 2)
    image.paste(color, (left, top, left + edge, top + edge), mask.reduce(4))


def _paint_stars(scene: Scene, horizon: float) -> None:
    chance, draw = scene.chance("stars"), ImageDraw.Draw(scene.image)
    for _ in range(40 * scene.detail.ridges):
        x, y = chance.random() * scene.width, chance.random() ** 1.4 * scene.height * horizon
        radius = scene.unit * chance.uniform(0.0004, 0.0017)
        under = ramp(scene.palette.sky, y / scene.height / (horizon + 0.1))
        color = mix(under, scene.palette.sun, chance.uniform(0.35, 0.95))
        if radius < 0.6:
            draw.point((x, y), fill=color)
        else:
            _disc(scene.image, (x, y), radius, color)


def _paint_aurora(scene: Scene, horizon: float) -> None:
    """Curtains of light: bright along a wandering foot, fading upwards in rays."""
    chance, (width, height) = scene.chance("aurora"), (192, 96)
    lights = [0.0] * (width * height)
    for _ in range(3):
        foot, rays = hills(chance, 3), hills(chance, 9)
        base, swing = chance.uniform(0.5, 0.92), chance.uniform(0.05, 0.13)
        for x in range(width):
            bottom = (base - swing * height_at(foot, x / width)) * height
            power = 95 + 60 * height_at(rays, x / width)
            reach = height * (0.42 + 0.14 * height_at(rays, 1 - x / width))
            for y in range(max(0, round(bottom - reach)), min(height, round(bottom) + 4)):
                up = min(1.0, (bottom - y) / reach)
                light = power * ((1 - up) ** 1.7 if up >= 0 else max(0.0, 1 + up * reach / 4))
                lights[y * width + x] += light
    veil = Image.frombytes("L", (width, height), bytes(min(225, round(x)) for x in lights))
    edges = (scene.width, max(1, round(scene.height * horizon)))
    veil = veil.filter(ImageFilter.GaussianBlur(1.2)).resize(edges, Image.Resampling.BICUBIC)
    top, bottom_color = mix(scene.palette.sky[-1], (150, 90, 220), 0.55), (120, 255, 190)
    scene.image.paste(vertical(edges, (top, bottom_color, bottom_color)), (0, 0), veil)


def _paint_clouds(scene: Scene, horizon: float) -> None:
    """Long soft bands, drawn small and blown up: that is their blur."""
    chance = scene.chance("clouds")
    small = (max(8, scene.width // 6), max(8, scene.height // 6))
    mask = Image.new("L", small)
    draw = ImageDraw.Draw(mask)
    for _ in range(scene.detail.clouds):
        x, y = chance.random() * small[0], chance.uniform(0.06, horizon) * small[1]
        wide, high = chance.uniform(0.1, 0.34) * small[0], chance.uniform(0.004, 0.016) * small[1]
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=chance.whole(50, 150))
    blurred = mask.filter(ImageFilter.GaussianBlur(min(small) / 60))
    full = blurred.resize(scene.image.size, Image.Resampling.BICUBIC)
    color = mix(scene.palette.sky[-1], scene.palette.sun, 0.5)
    if scene.palette.is_night:
        full = full.point([x // 3 for x in range(256)])
    scene.image.paste(color, (0, 0), full)


def _paint_ridges(scene: Scene, top: float, bottom: float, *, rough: bool) -> None:
    """Ridges from far to near: each darker, lower and closer than the one behind it."""
    count = scene.detail.ridges
    for index in range(count):
        depth = index / max(1, count - 1)
        chance = scene.chance(f"ridge {round(depth * 60)}")
        is_jagged = rough and depth < 0.7
        line = mountains(chance, 0.5 + 0.04 * depth) if is_jagged else hills(chance)
        swing = (0.13 - 0.06 * depth) if is_jagged else 0.055 - 0.015 * depth
        level = top + (bottom - top) * depth**1.15 * 0.86
        color = mix(scene.palette.far, scene.palette.near, depth**1.1)
        haze = mix(color, scene.palette.sky[-1], 0.5 * (1 - depth) + 0.04)
        has_trees = rough and depth > 0.55 and "trees" not in scene.without
        trees = round(scene.detail.trees * depth) if has_trees else 0
        _paint_ridge(scene, [level - swing * h for h in line], (color, haze), chance, trees, depth)


def _paint_ridge(scene: Scene, line: Sequence[float], colors: tuple[Color, Color],
                 chance: Chance, trees: int, depth: float) -> None:  # fmt: skip
    width, height, scale = scene.width, scene.height, scene.supersampling()
    tallest = 0.11 * depth if trees else 0.0
    top = max(0, math.floor((min(line) - tallest * scene.unit / height) * height) - 1)
    if top >= height:
        return
    mask = Image.new("L", (width * scale, (height - top) * scale))
    draw = ImageDraw.Draw(mask)
    step = mask.width / (len(line) - 1)
    ridge = [(i * step, (y * height - top) * scale) for i, y in enumerate(line)]
    draw.polygon([(0, mask.height), *ridge, (mask.width, mask.height)], fill=255)
    grove = hills(chance, 5)
    for _ in range(trees):
        t = chance.random()
        if height_at(grove, t) + chance.uniform(-0.5, 0.5) < 0:
            continue
        size = scene.unit * tallest * chance.uniform(0.35, 1.0) * scale
        foot = (t * mask.width, (height_at(line, t) * height - top) * scale)
        draw.polygon(conifer(chance, foot, size), fill=255)
    body = vertical((width, height - top), (colors[0], mix(*colors, 0.75), colors[1]))
    scene.image.paste(body, (0, top), mask.reduce(scale) if scale > 1 else mask)


def _paint_water(scene: Scene, level: float) -> None:
    """A mirror of what is above, squeezed, rippled and tinted, with the light's path on it."""
    width, height = scene.width, scene.height
    shore = round(height * level)
    depth = height - shore
    if depth < 2 or shore < 2:
        return
    mirror = scene.image.crop((0, max(0, shore - round(depth * 1.25)), width, shore))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width, depth))
    tint = vertical((width, depth), (mix(scene.palette.sky[-1], scene.palette.far, 0.5),
                                     scene.palette.sky[0], scene.palette.near))  # fmt: skip
    water = Image.blend(mirror, tint, 0.42)
    chance = scene.chance("ripples")
    phase = chance.uniform(0, math.tau)
    for y in range(depth):
        near = y / depth
        wave = math.sin(phase + 90 / (0.06 + near * 0.7)) + 0.6 * math.sin(phase + near * 57)
        offset = round(wave * near**0.8 * scene.unit * 0.008)
        row = water.crop((0, y, width, y + 1))
        scene.image.paste(row, (0, shore + y))
        scene.image.paste(row, (offset, shore + y))
    _paint_glitter(scene, shore, depth)


def _paint_glitter(scene: Scene, shore: int, depth: int) -> None:
    chance = scene.chance("sun")
    center = scene.width * (chance.choice((0.3, 0.36, 0.64, 0.7)) + chance.uniform(-0.04, 0.04))
    chance = scene.chance("glitter")
    scale = 2
    mask = Image.new("L", (scene.width * scale, depth * scale))
    draw = ImageDraw.Draw(mask)
    for _ in range(70 * scene.detail.ridges):
        near = chance.random() ** 1.6
        spread = scene.unit * (0.035 + 0.12 * near)
        x, y = chance.normal(center, spread) * scale, near * depth * scale
        wide = scene.unit * chance.uniform(0.004, 0.03) * (0.3 + near) * scale
        high = max(0.6, scene.unit * 0.0016 * (0.4 + 1.6 * near) * scale)
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=chance.whole(60, 190))
    scene.image.paste(scene.palette.sun, (0, shore), mask.reduce(scale))


def _paint_waves(scene: Scene, top: float) -> None:
    for index in range(scene.detail.ridges - 1):
        depth = (index + 1) / scene.detail.ridges
        chance = scene.chance(f"wave {round(depth * 60)}")
        level = top + (1 - top) * depth * 0.9
        color = mix(mix(scene.palette.sky[0], scene.palette.far, 0.45), scene.palette.near, depth)
        line = [level - 0.016 * (0.6 + depth) * h for h in hills(chance, 6)]
        crest = mix(color, scene.palette.sky[-1], 0.3)
        _paint_ridge(scene, line, (crest, color), chance, 0, depth)


def _paint_bank(scene: Scene) -> None:
    chance = scene.chance("bank")
    line = [0.93 - 0.05 * h for h in hills(chance, 3)]
    trees = 0 if "trees" in scene.without else round(scene.detail.trees * 0.5)
    _paint_ridge(scene, line, (scene.palette.near, scene.palette.near), chance, trees, 1.6)


def _paint_birds(scene: Scene, horizon: float) -> None:
    if scene.palette.is_night or "birds" in scene.without or scene.detail.trees == 0:
        return
    chance = scene.chance("birds")
    x, y = chance.uniform(0.2, 0.75) * scene.width, chance.uniform(0.12, 0.24) * scene.height
    color = mix(scene.palette.near, scene.palette.sky[0], 0.25)
    for _ in range(chance.whole(3, 7)):
        at = (x + chance.normal(0, 0.07) * scene.unit, y + chance.normal(0, 0.03) * scene.unit)
        _bird(scene, at, scene.unit * chance.uniform(0.008, 0.017), color)


def _bird(scene: Scene, at: Point, span: float, color: Color) -> None:
    edge, scale = max(2, math.ceil(span * 2.4)), 4
    mask = Image.new("L", (edge * scale, edge * scale))
    half, reach = edge * scale / 2, span * scale
    wing = [(0.0, 0.0), (0.45, -0.34), (1.0, -0.18), (0.5, -0.2), (0.0, 0.16)]
    for side in (-1, 1):
        points = [(half + side * reach * x, half + reach * y) for x, y in wing]
        ImageDraw.Draw(mask).polygon(points, fill=255)
    scene.image.paste(color, (round(at[0] - edge / 2), round(at[1] - edge / 2)), mask.reduce(scale))
