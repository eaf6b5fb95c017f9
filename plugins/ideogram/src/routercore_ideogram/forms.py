"""What each of Ideogram's paths takes: one form for each thing that can be done.

Fields: the vendor's OpenAPI 1.0.0 of 2026-06-17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routercore.provider import Fault, Operation, Part, Task, fail, fields, file_part
from routercore_ideogram.models import EDIT, RATIOS, REFRAME, REPLACE, SIZES, V3, V4

SAME_RATIO = 1.02
"""Sizes are multiples of 32 pixels, so that their shapes are only about those of the ratios."""
PLAIN = frozenset({"prompt", "seed", "num_images", "rendering_speed"})
SHAPED = frozenset({"resolution", "aspect_ratio"})
CALLED = {"style_type": "style", "transparent_background": "background"}
"""Fields that a caller knows by another name."""


@dataclass(frozen=True, slots=True)
class Form:
    """A path, and the names of what it takes beside options and pictures."""

    path: str
    takes: frozenset[str]
    images: str = "image"
    needs_resolution: bool = False

    def parts(self, task: Task) -> list[Part]:
        """The form of a task.

        Raises:
            ProviderFailed: something was asked for that this path cannot do.
        """
        asked = {name: value for name, value in _asked(task, self).items() if value is not None}
        for name in asked.keys() - self.takes:
            raise _unable(
                f"{self.path!r} takes no {CALLED.get(name, name)}", CALLED.get(name, name)
            )
        files = [file_part(self.images, image) for image in task.images]
        if task.mask is not None:
            files.append(file_part("mask", task.mask))
        return [*_texts({**asked, **task.options}), *files]


GENERATED = PLAIN | SHAPED | {"style_type", "negative_prompt"}
TRANSPARENT = Form("ideogram-v3/generate-transparent", PLAIN | {"negative_prompt", "aspect_ratio"})
FORMS = {
    (V3.id, Operation.GENERATE): Form("ideogram-v3/generate", GENERATED),
    (V3.id, Operation.EDIT): Form("ideogram-v3/remix", GENERATED),
    (V3.id, Operation.INPAINT): Form("ideogram-v3/edit", PLAIN | {"style_type"}),
    (REFRAME.id, Operation.EDIT): Form(
        "ideogram-v3/reframe", PLAIN - {"prompt"} | {"resolution"}, needs_resolution=True
    ),
    (REPLACE.id, Operation.EDIT): Form("ideogram-v3/replace-background", PLAIN),
    (EDIT.id, Operation.EDIT): Form(
        "edit", PLAIN - {"rendering_speed"} | SHAPED | {"transparent_background"}, images="images"
    ),
    (V4.id, Operation.GENERATE): Form("ideogram-v4/generate", frozenset({"prompt", "seed"})),
}


def form_of(task: Task) -> Form:
    """The form that does the task."""
    is_plain = task.model == V3.id and task.operation is Operation.GENERATE
    if is_plain and task.background == "transparent":
        return TRANSPARENT
    return FORMS[task.model, task.operation]


def _asked(task: Task, form: Form) -> dict[str, Any]:
    """What was asked for, in the vendor's words."""
    asked: dict[str, Any] = {
        "prompt": task.prompt if task.card.prompt else None,
        "seed": task.seed,
        "num_images": task.n if task.n > 1 else None,
        "rendering_speed": task.quality,
        "negative_prompt": task.negative_prompt,
        "style_type": task.style.upper() if task.style else None,
        "resolution": task.size or (SIZES.sizes[0] if form.needs_resolution else None),
        "aspect_ratio": None if task.size else _written(task.aspect_ratio),
    }
    if form is TRANSPARENT:  # It has a shape, and no pixels.
        return {**asked, "resolution": None, "aspect_ratio": _ratio(task)}
    if task.model == V4.id:
        return {**asked, "resolution": None, "aspect_ratio": None}
    is_transparent = task.background == "transparent"
    return {**asked, "transparent_background": True if is_transparent else None}


def _ratio(task: Task) -> str | None:
    if task.size is None:
        return _written(task.aspect_ratio)
    for text in RATIOS:
        width, height = map(int, text.split(":"))
        if 1 / SAME_RATIO <= task.size.ratio * height / width <= SAME_RATIO:
            return _written(text)
    raise _unable(f"a transparent picture cannot have the shape of {task.size}", "size")


def _unable(message: str, param: str) -> Exception:
    return fail(Fault.UNSUPPORTED, message, param=param, only_here=True)


def _written(ratio: str | None) -> str | None:
    return ratio.replace(":", "x") if ratio else None


def _texts(settings: dict[str, Any]) -> list[Part]:
    """Text parts; a list is a repeated field."""
    single = {name: value for name, value in settings.items() if not isinstance(value, list)}
    many = {name: value for name, value in settings.items() if isinstance(value, list)}
    return [
        *fields(single),
        *(Part(name, str(value)) for name, values in many.items() for value in values),
    ]
