"""How the endpoints of fal's models are called, and how they call their fields.

Paths and fields: the endpoint types of @fal-ai/client 1.10.1 and fal's own model pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routercore.provider import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How a model's endpoints are called, and how they call their fields."""

    generate: str | None = None
    """The path of text to image; the model's id unless given."""
    edit: str | None = None
    """The path of edits, with or without a mask; the model's id unless given."""
    images: str = "image_urls"
    """The field of input images: ``image_url`` takes one, ``image_urls`` a list."""
    mask: str = "mask_url"
    quality: str = "quality"
    size_as_text: bool = False
    """Whether pixels are sent as ``1024x1024`` instead of as an object."""

    def input(self, task: Task) -> dict[str, Any]:
        """The model's input, of the fields that its card allows."""
        images: Any = [image.data_url for image in task.images] or None
        if images and self.images == "image_url":
            images = images[0]
        size: Any = (
            str(task.size) if self.size_as_text else {"width": task.width, "height": task.height}
        )
        return {
            "prompt": task.prompt,
            "negative_prompt": task.negative_prompt,
            "image_size": size if task.size else None,
            "aspect_ratio": task.aspect_ratio,
            "resolution": task.resolution,
            "num_images": task.n if task.card.max_n > 1 else None,
            self.quality: task.quality,
            "output_format": task.output_format,
            "background": task.background,
            "style": task.style,
            "seed": task.seed,
            "input_fidelity": task.input_fidelity,
            self.images: images,
            self.mask: task.mask and task.mask.data_url,
        }


ENDPOINTS: dict[str, Endpoint] = {
    "fal-ai/flux-pro/kontext": Endpoint(
        generate="fal-ai/flux-pro/kontext/text-to-image", images="image_url"
    ),
    "fal-ai/flux-pro/kontext/max": Endpoint(
        generate="fal-ai/flux-pro/kontext/max/text-to-image", images="image_url"
    ),
    "fal-ai/flux-pro/v1/fill": Endpoint(images="image_url"),
    "fal-ai/flux-general/inpainting": Endpoint(images="image_url"),
    "fal-ai/flux-lora/inpainting": Endpoint(images="image_url"),
    "fal-ai/gpt-image-1.5": Endpoint(
        edit="fal-ai/gpt-image-1.5/edit", mask="mask_image_url", size_as_text=True
    ),
    "fal-ai/gpt-image-1-mini": Endpoint(
        edit="fal-ai/gpt-image-1-mini/edit", mask="mask_image_url", size_as_text=True
    ),
    "openai/gpt-image-2.5/flare/text-to-image": Endpoint(edit="openai/gpt-image-2.5/flare/edit"),
    "openai/gpt-image-2.5/sunburst/text-to-image": Endpoint(
        edit="openai/gpt-image-2.5/sunburst/edit"
    ),
    "fal-ai/ideogram/v3": Endpoint(
        edit="fal-ai/ideogram/v3/edit", images="image_url", quality="rendering_speed"
    ),
    "fal-ai/bytedance/seedream/v4.5/text-to-image": Endpoint(
        edit="fal-ai/bytedance/seedream/v4.5/edit"
    ),
    **{
        id: Endpoint(edit=f"{id}/edit")
        for id in (
            "fal-ai/flux-2",
            "fal-ai/flux-2-pro",
            "fal-ai/flux-2-max",
            "fal-ai/flux-2-flex",
            "fal-ai/nano-banana",
            "fal-ai/nano-banana-2",
            "fal-ai/nano-banana-pro",
            "openai/gpt-image-2",
        )
    },
}
