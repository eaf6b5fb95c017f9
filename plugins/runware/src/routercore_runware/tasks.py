"""A task as Runware has it written."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from routercore.provider import Task, compact
from routercore_runware.models import DIFFUSED

FORMATS = {"jpeg": "JPG"}


def written(task: Task) -> dict[str, Any]:
    """What is to be drawn, out of what, and in which form it is wanted."""
    body = {
        "model": task.model,
        "positivePrompt": task.prompt,
        "negativePrompt": task.negative_prompt,
        "width": task.width,
        "height": task.height,
        "numberResults": task.n,
        "seed": task.seed,
        "outputType": "base64Data",
        "outputFormat": _format(task.output_format),
        "includeCost": True,
        **_inputs(task),
        **task.options,
        # No option's: another kind of task has another price, and another id would not be found.
        "taskType": "imageInference",
        "taskUUID": task_id(task),
    }
    return compact(body)


def task_id(task: Task) -> str:
    """The id by which the vendor knows the task: a UUID of the fourth version, as it insists."""
    told = f"{task.idempotency_key}\n{task.model}\n{task.prompt}"
    return str(UUID(bytes=sha256(told.encode("utf-8", "replace")).digest()[:16], version=4))


def _inputs(task: Task) -> dict[str, Any]:
    """Input pictures: one to start from where the model does that, references elsewhere."""
    pictures = [image.data_url for image in task.images]
    if not pictures:
        return {}
    if task.mask is not None:
        return {"seedImage": pictures[0], "maskImage": task.mask.data_url}
    if len(pictures) == 1 and task.model.startswith(DIFFUSED):
        return {"seedImage": pictures[0]}
    return {"referenceImages": pictures}


def _format(asked: str | None) -> str | None:
    return FORMATS.get(asked, asked.upper()) if asked else None
