"""How the models at Replicate call their inputs: each has names of its own.

Names: the input schemas on the models' API pages, and @ai-sdk/replicate 3.0.46, read on 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from routercore.provider import WILDCARD, Task
from routercore_replicate.models import CARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """How a model calls its inputs, where it differs from most."""

    images: str = "image"
    """The field of input images."""
    many: bool = False
    """Whether that field takes a list."""
    size: str = "custom"
    """How pixels are sent: with the ratio ``custom``, as plain ``pixels``, or as one ``text``."""

    def input(self, task: Task, sources: Sequence[str]) -> dict[str, Any]:
        """The model's input, with the pictures and then the mask as URLs."""
        images = list(sources[: len(task.images)])
        return {
            "prompt": task.prompt,
            "negative_prompt": task.negative_prompt,
            "aspect_ratio": task.aspect_ratio,
            **self._size(task),
            "num_outputs": task.n if task.card.max_n > 1 else None,
            "seed": task.seed,
            "style": task.style,
            "output_format": "jpg" if task.output_format == "jpeg" else task.output_format,
            "output_quality": task.output_compression,
            self.images: (images if self.many else images[0]) if images else None,
            "mask": sources[-1] if task.mask else None,
        }

    def _size(self, task: Task) -> dict[str, Any]:
        if task.size is None:
            return {}
        if self.size == "text":
            return {"size": str(task.size)}
        ratio = {"aspect_ratio": "custom"} if self.size == "custom" else {}
        return {**ratio, "width": task.width, "height": task.height}


INPUTS = {
    "black-forest-labs/flux-2-pro": Inputs(images="input_images", many=True),
    "black-forest-labs/flux-2-dev": Inputs(images="input_images", many=True),
    "black-forest-labs/flux-kontext-pro": Inputs(images="input_image"),
    "black-forest-labs/flux-kontext-max": Inputs(images="input_image"),
    WILDCARD: Inputs(size="pixels"),
    "recraft-ai/recraft-v3": Inputs(size="text"),
    "recraft-ai/recraft-v3-svg": Inputs(size="text"),
}
LISTED = frozenset(card.id for card in CARDS)


def inputs_of(task: Task) -> Inputs:
    """How the task's model calls its inputs; what is not listed has names of its own."""
    return INPUTS.get(task.model, Inputs() if task.model in LISTED else INPUTS[WILDCARD])
