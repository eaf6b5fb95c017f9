"""The endpoints of Stability AI's Stable Image API: where they are and what their forms hold.

Fields: the vendor's OpenAPI as generated into ComfyUI, 2025-10-12; those of style-transfer:
docs.comfy.org, read on 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routercore.provider import Fault, Part, Task, fail, fields, file_part

STRENGTH = 0.7
"""How far a picture may depart from its input, where the request does not say: the vendor insists
on a number, and this one keeps the composition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model lives and how its fields are called, as far as they differ."""

    path: str
    prompt: str = "prompt"
    """The prompt's field, of an endpoint that takes words."""
    images: tuple[str, ...] = ("image",)
    needs: tuple[str, ...] = ()
    """Options without which the vendor refuses the request."""
    is_job: bool = False

    def form(self, task: Task) -> list[Part]:
        """Settings and then files, as the endpoint calls them."""
        named = list(zip(self.images, task.images, strict=False))
        if task.mask is not None:
            named.append(("mask", task.mask))
        return [*fields(self._settings(task)), *(file_part(name, one) for name, one in named)]

    def _settings(self, task: Task) -> dict[str, Any]:
        missing = [name for name in self.needs if name not in task.options]
        if missing:
            raise fail(Fault.INVALID_REQUEST, f"{task.model!r} needs the option {missing[0]!r}",
                       param=missing[0], only_here=True)  # fmt: skip
        settings: dict[str, Any] = {
            "aspect_ratio": task.aspect_ratio,
            "negative_prompt": task.negative_prompt,
            "seed": task.seed,
            "style_preset": task.style,
            "output_format": task.output_format,
        }
        if task.card.prompt:
            settings[self.prompt] = task.prompt
        if self.path.startswith("generate/"):
            settings |= self._generation(task)
        return {**settings, **task.options}

    def _generation(self, task: Task) -> dict[str, Any]:
        """What the generators want beyond the rest: a model, and a strength for an image."""
        extra: dict[str, Any] = {"strength": STRENGTH} if task.images else {}
        if self.path != "generate/sd3":
            return extra
        mode = "image-to-image" if task.images else "text-to-image"
        return {**extra, "model": task.model, "mode": mode}


ENDPOINTS = {
    "ultra": Endpoint(path="generate/ultra"),
    "core": Endpoint(path="generate/core"),
    "sd3.5-large": Endpoint(path="generate/sd3"),
    "sd3.5-large-turbo": Endpoint(path="generate/sd3"),
    "sd3.5-medium": Endpoint(path="generate/sd3"),
    "inpaint": Endpoint(path="edit/inpaint"),
    "erase": Endpoint(path="edit/erase"),
    "outpaint": Endpoint(path="edit/outpaint"),
    "search-and-replace": Endpoint(path="edit/search-and-replace", needs=("search_prompt",)),
    "search-and-recolor": Endpoint(path="edit/search-and-recolor", needs=("select_prompt",)),
    "remove-background": Endpoint(path="edit/remove-background"),
    "replace-background-and-relight": Endpoint(
        path="edit/replace-background-and-relight",
        prompt="background_prompt",
        images=("subject_image", "background_reference"),
        is_job=True,
    ),
    "upscale-fast": Endpoint(path="upscale/fast"),
    "upscale-conservative": Endpoint(path="upscale/conservative"),
    "upscale-creative": Endpoint(path="upscale/creative", is_job=True),
    "sketch": Endpoint(path="control/sketch"),
    "structure": Endpoint(path="control/structure"),
    "style": Endpoint(path="control/style"),
    "style-transfer": Endpoint(path="control/style-transfer", images=("init_image", "style_image")),
}
