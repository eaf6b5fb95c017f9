"""Where OpenRouter differs from a plain row: one path, references as JSON, costs, moderation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Flow,
    HttpRequest,
    HttpResponse,
    ModelCard,
    ProviderFailed,
    Row,
    Task,
    at,
    call,
    compact,
    get,
    list_at,
    number_at,
    post_json,
    text_at,
)
from routercore_openrouter.models import card_of, prices_of

REFUSALS = ("moderation_blocked", "content_policy_violation", "IMAGE_SAFETY", "PROHIBITED_CONTENT")
"""Words by which a vendor's refusal is known inside the error that OpenRouter passes on."""


class OpenRouter(Row):
    """OpenRouter's Images API: one path, to generate and to edit."""

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url(self.generations_path), self.body(task))

    def body(self, task: Task) -> dict[str, Any]:
        own = {
            "input_references": [
                {"type": "image_url", "image_url": {"url": image.data_url}} for image in task.images
            ]
            or None,
        }
        body = {**compact(own), **super().body(task)}
        body.pop("partial_images", None)
        return body

    def cost(self, body: Mapping[str, Any]) -> Decimal | None:
        cost = number_at(body, "usage", "cost")
        return cost if cost is not None and cost >= 0 else None

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        details = at(response.object(), "error", "metadata")
        reasons = tuple(str(reason) for reason in list_at(details, "reasons"))
        raw = text_at(details, "raw") or ""
        if reasons or any(word in raw for word in REFUSALS):
            return replace(failure, fault=Fault.REFUSED, categories=reasons)
        return failure

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The listed models, the declared ones with their prices, which are listed one by one."""
        cards = yield from super().discover(base_url)
        declared = {card.id for card in self.cards}
        priced = []
        for card in cards:
            is_declared = card.id in declared
            priced.append((yield from self._priced(base_url, card)) if is_declared else card)
        return priced

    def discovered(self, entry: Mapping[str, Any]) -> ModelCard | None:
        card = super().discovered(entry)
        return None if card is None else card_of(entry)

    def _priced(self, base_url: str, card: ModelCard) -> Flow[ModelCard]:
        url = f"{base_url}/images/models/{card.id}/endpoints"
        try:
            response = yield from call(get(url))
        except ProviderFailed:
            return card
        prices = prices_of(response.object())
        return replace(card, prices=prices, price_source=url) if prices else card
