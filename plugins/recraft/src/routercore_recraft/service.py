"""Where Recraft differs from a plain row: its names for settings, its paths, its credits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    Operation,
    Row,
    Task,
    number_at,
    post_form,
    post_json,
)

USD_PER_UNIT = Decimal("0.001")
EDIT_PATHS = {
    Operation.EDIT: "/images/imageToImage",
    Operation.INPAINT: "/images/inpaint",
}
STRENGTH = 0.5
"""How far an edit may depart from its picture where the request does not say."""
REFUSAL_WORDS = ("flagged", "nsfw", "moderation", "prohibited")
QUOTA_WORDS = ("not_enough", "insufficient", "credits")


class Recraft(Row):
    """Recraft's API: OpenAI's to generate, and forms of its own to edit."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        body = self.body(task)
        if task.operation is Operation.GENERATE:
            return post_json(task.url(self.generations_path), body)
        return post_form(task.url(EDIT_PATHS[task.operation]), self._parts(task, body))

    def body(self, task: Task) -> dict[str, Any]:
        body = super().body(task)
        return {"strength": STRENGTH, **body} if task.operation is Operation.EDIT else body

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        made = super().parse(task, response)
        units = number_at(response.object(), "credits")
        if units is None or units < 0:
            return made
        return replace(made, cost_usd=units * USD_PER_UNIT)

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        words = (failure.code or failure.message).lower()
        if failure.fault is not Fault.INVALID_REQUEST:
            return failure
        if any(word in words for word in REFUSAL_WORDS):
            return replace(failure, fault=Fault.REFUSED)
        if any(word in words for word in QUOTA_WORDS):
            return replace(failure, fault=Fault.QUOTA)
        return failure
