"""Where xAI differs from a plain row: ratios, edits as JSON, costs in ticks, silent moderation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    Operation,
    Row,
    Task,
    at,
    compact,
    number_at,
    post_json,
    refused,
    text_at,
)

USD_PER_TICK = Decimal("1e-10")


class Xai(Row):
    """xAI's Images API.

    A picture that its moderation withholds comes with status 200, as an item that is empty and
    says so, or not at all (github.com/vercel/ai/issues/19168, August 2026).
    """

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        is_new = task.operation is Operation.GENERATE
        path = self.generations_path if is_new else self.edits_path
        return post_json(task.url(path), self.body(task))

    def body(self, task: Task) -> dict[str, Any]:
        images = [{"url": image.data_url, "type": "image_url"} for image in task.images]
        own = {
            "image": images[0] if len(images) == 1 else None,
            "images": images if len(images) > 1 else None,
        }
        if task.resolution:
            task = replace(task, resolution=task.resolution.lower())
        return {**compact(own), **super().body(task)}

    def cost(self, body: Mapping[str, Any]) -> Decimal | None:
        ticks = number_at(body, "usage", "cost_in_usd_ticks")
        return ticks * USD_PER_TICK if ticks is not None and ticks >= 0 else None

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        body = response.object()
        items = body.get("data")
        if isinstance(items, list) and all(map(_is_withheld, items)):
            raise refused("moderation withheld the result", after_work=True,
                          charge=_charge(self.cost(body)), status=response.status)  # fmt: skip
        return super().parse(task, response)

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        # Refusals by status have no documented code (November 2026).
        if failure.fault is Fault.INVALID_REQUEST and "moderation" in failure.message.lower():
            failure = replace(failure, fault=Fault.REFUSED)
        return replace(failure, code=failure.code or text_at(response.object(), "code"))


def _is_withheld(item: Any) -> bool:
    return at(item, "respect_moderation") is False and not text_at(item, "b64_json")


def _charge(cost: Decimal | None) -> Charge:
    if cost is None:
        return Charge.UNKNOWN
    return Charge.CERTAIN if cost else Charge.NONE
