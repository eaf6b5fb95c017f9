"""From a task to finished bytes: opens what came in, paints, sets the caption, encodes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from routercore.provider import Fault, InputImage, Operation, Size, Task, fail
from routercore.providers.test.caption import set_caption
from routercore.providers.test.chance import Chance
from routercore.providers.test.edit import Edges, hang, recolor, repaint
from routercore.providers.test.palette import Palette, choose_palette, saturated
from routercore.providers.test.scene import draw_scene

DEFAULT_SIZE = Size(1024, 1024)
MAX_INPUT_PIXELS = 40_000_000
INPUT_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
LARGE = 2_000_000
"""Pixels from which encoding is tuned for speed."""
STYLES = {"vivid": 1.3, "natural": 0.7}


@dataclass(frozen=True, slots=True)
class Finished:
    """One painted image, encoded."""

    data: bytes
    size: Size
    seed: int
    input_pixels: tuple[int, ...]
    drafts: tuple[bytes, ...] = ()
    """From blurred to almost sharp."""


def paint(task: Task, index: int = 0, drafts: int = 0) -> Finished:
    """Paint image ``index`` of the task.

    Raises:
        ProviderFailed: an input image or the mask cannot be used.
    """
    # Lone surrogates, which JSON can carry, cannot be hashed or drawn.
    task = replace(task, prompt=task.prompt.encode("utf-8", "replace").decode())
    work = _Work(task, _seed(task) + index)
    inputs = [_opened(image, "image") for image in task.images]
    if task.operation is Operation.INPAINT:
        result = _inpaint(work, inputs)
    elif inputs:
        result = _edit(work, inputs)
    else:
        result = work.scene(work.size_or(DEFAULT_SIZE))
        if task.background == "transparent":
            result = _medallion(work, result)
        else:
            work.caption(result)
    return Finished(
        data=_encoded(result, task),
        size=Size(*result.size),
        seed=work.seed,
        input_pixels=tuple(image.width * image.height for image in inputs),
        drafts=tuple(_draft(result, task, step, drafts) for step in range(drafts)),
    )


@dataclass(frozen=True)
class _Work:
    """The task with what is derived from it."""

    task: Task
    seed: int

    @property
    def quality(self) -> str:
        return self.task.quality or "medium"

    @functools.cached_property
    def palette(self) -> Palette:
        chosen = choose_palette(self.task.prompt, Chance(self.seed, self.task.prompt, "palette"))
        factor = STYLES.get(self.task.style or "")
        if factor is None:
            return chosen
        sky = tuple(saturated(color, factor) for color in chosen.sky)
        far, near = saturated(chosen.far, factor), saturated(chosen.near, factor)
        return replace(chosen, sky=sky, far=far, near=near)

    def size_or(self, default: Size) -> Size:
        return self.task.size or default

    def scene(self, size: Size) -> Image.Image:
        return draw_scene(
            (size.width, size.height),
            self.palette,
            prompt=self.task.prompt,
            negative_prompt=self.task.negative_prompt or "",
            quality=self.quality,
            seed=self.seed,
        )

    def caption(self, image: Image.Image) -> Image.Image | None:
        size = f"{image.width}x{image.height}"
        note = f"{size}  ·  {self.quality}  ·  seed {self.seed}"
        return set_caption(image, self.task.prompt, note, self.palette.near)


def _seed(task: Task) -> int:
    """The caller's seed, or one that belongs to the prompt."""
    if task.seed is not None:
        return task.seed
    return int.from_bytes(hashlib.sha256(task.prompt.encode()).digest()[:3])


def _medallion(work: _Work, scene: Image.Image) -> Image.Image:
    """The scene in an oval with the caption over it, and nothing around."""
    shape = Image.new("L", (scene.width * 2, scene.height * 2))
    inset = round(min(shape.size) * 0.01)
    oval = (inset, inset, shape.width - inset - 1, shape.height - inset - 1)
    ImageDraw.Draw(shape).ellipse(oval, fill=255)
    shape = shape.reduce(2)
    panel = work.caption(scene)
    if panel is not None:
        shape.paste(panel, (0, 0), panel)
    scene.putalpha(shape)
    return scene


def _inpaint(work: _Work, inputs: Sequence[Image.Image]) -> Image.Image:
    if not inputs or work.task.mask is None:
        raise fail(Fault.INVALID_REQUEST, "a mask needs an image to lie on", param="image")
    base, mask = inputs[0], _opened(work.task.mask, "mask")
    if mask.size != base.size:
        text = f"the mask is {Size(*mask.size)} and the image {Size(*base.size)}; make them equal"
        raise fail(Fault.INVALID_REQUEST, text, param="mask")
    if mask.mode != "RGBA":
        text = "the mask has no alpha channel; make the parts to be changed fully transparent"
        raise fail(Fault.INVALID_REQUEST, text, param="mask")
    edited = mask.getchannel("A").point([255] + [0] * 255)
    if work.task.size is not None:
        edges = (work.task.size.width, work.task.size.height)
        base = base.resize(edges, Image.Resampling.LANCZOS) if edges != base.size else base
        edited = edited.resize(edges, Image.Resampling.NEAREST)

    def scene(edges: Edges) -> Image.Image:
        image = work.scene(Size(*edges))
        work.caption(image)
        return image

    return repaint(base, edited, scene)


def _edit(work: _Work, inputs: Sequence[Image.Image]) -> Image.Image:
    size = work.size_or(Size(*inputs[0].size))
    if len(inputs) > 1:
        toned = [recolor(image, work.palette, "high") for image in inputs]
        result = hang(toned, work.scene(size), Chance(work.seed, "hang"))
    else:
        edges = (size.width, size.height)
        image = inputs[0] if inputs[0].size == edges else inputs[0].resize(edges)
        result = recolor(image, work.palette, work.task.input_fidelity)
    panel = work.caption(result)
    if panel is not None and result.mode == "RGBA":
        alpha = result.getchannel("A")
        alpha.paste(panel, (0, 0), panel)
        result.putalpha(alpha)
    return result


def _opened(source: InputImage, param: str) -> Image.Image:
    """An input as RGB, or RGBA where it has transparency."""
    broken = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
    try:
        image = Image.open(BytesIO(source.data), formats=INPUT_FORMATS)
        if image.width * image.height > MAX_INPUT_PIXELS:
            raise ValueError(f"it has more than {MAX_INPUT_PIXELS:,} pixels")
        image.load()
    except broken as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        message = f"{source.filename!r} cannot be read as png, jpeg, webp or gif{why}"
        raise fail(Fault.INVALID_REQUEST, message, param=param) from error
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _draft(image: Image.Image, task: Task, step: int, steps: int) -> bytes:
    """The picture as if ``step`` of ``steps`` were done: fewer dots, blown up."""
    dots = 24 * 4 ** (2 * step / max(1, steps))
    edges = tuple(max(1, round(edge * min(1.0, dots / max(image.size)))) for edge in image.size)
    small = image.resize((edges[0], edges[1]), Image.Resampling.BOX)
    return _encoded(small.resize(image.size, Image.Resampling.BICUBIC), task)


def _encoded(image: Image.Image, task: Task) -> bytes:
    format = task.output_format or "png"
    out, is_large = BytesIO(), image.width * image.height > LARGE
    settings: dict[str, Any]
    if format == "jpeg":
        image = _on_white(image)
        settings = {"quality": _quality(task, 92), "optimize": not is_large}
    elif format == "webp":
        # Lossless, so that an inpainted picture keeps what is outside the mask.
        is_exact = task.operation is Operation.INPAINT and task.output_compression in (None, 100)
        settings = {"lossless": is_exact, "quality": 20 if is_exact else _quality(task, 90),
                    "method": 1 if is_large or is_exact else 4, "exact": is_exact}  # fmt: skip
    else:
        settings = {"compress_level": 3 if is_large else 7}
    image.save(out, format.upper(), **settings)
    return out.getvalue()


def _quality(task: Task, default: int) -> int:
    return default if task.output_compression is None else max(1, task.output_compression)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")
