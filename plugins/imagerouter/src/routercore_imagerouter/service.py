"""Where ImageRouter differs from a plain row: its list of models, and errors without a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routercore.provider import Failure, Fault, HttpResponse, ModelCard, Row
from routercore_imagerouter.models import card_of


class ImageRouter(Row):
    """ImageRouter's API.

    Errors of a vendor behind it come with status 200, because the head is sent before the vendor
    answers; what they say is charged back.
    """

    __slots__ = ()

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        words = failure.message.lower()
        # Neither case has a code of its own (server source, February 2026).
        if failure.fault is Fault.SERVER_ERROR and "insufficient credits" in words:
            return replace(failure, fault=Fault.QUOTA)
        if failure.fault is Fault.INVALID_REQUEST and "is not available" in words:
            return replace(failure, fault=Fault.MODEL_NOT_FOUND)
        return failure

    def discovered(self, entry: Mapping[str, Any]) -> ModelCard | None:
        card = super().discovered(entry)
        if card is None or any(card.id == known.id for known in self.cards):
            return card
        return card_of(entry)
