"""Where DeepInfra differs from a plain row: its own API generates, which knows seeds and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Failure,
    Generated,
    HttpRequest,
    HttpResponse,
    Operation,
    RawImage,
    Row,
    Task,
    compact,
    generated,
    list_at,
    number_at,
    post_json,
    text_at,
    whole_at,
)


class DeepInfra(Row):
    """DeepInfra's inference API to generate, its copy of OpenAI's to edit."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        if task.operation is not Operation.GENERATE:
            return super().build(task)
        body = {
            "prompt": task.prompt,
            "num_images": task.n,
            "width": task.width,
            "height": task.height,
            "seed": task.seed,
            "negative_prompt": task.negative_prompt,
            **task.options,
        }
        return post_json(task.url(f"inference/{task.model}"), compact(body))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        if task.operation is not Operation.GENERATE:
            return super().parse(task, response)
        body = response.json()
        seed = whole_at(body, "seed")
        images = (
            RawImage(base64=data, seed=seed)
            for data in list_at(body, "images")
            if isinstance(data, str) and data
        )
        return generated(images, cost_usd=self.cost(body))

    def cost(self, body: Mapping[str, Any]) -> Decimal | None:
        cost = number_at(body, "inference_status", "cost")
        return cost if cost is not None and cost >= 0 else None

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        message = text_at(response.object(), "detail", "error")
        return replace(failure, message=message[:500]) if message else failure
