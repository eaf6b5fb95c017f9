"""Tickets: all that collecting an accepted job takes, as JSON that another process can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from routercore.engine.keys import fingerprint
from routercore.routing.plan import Candidate
from routercore.values.images import ImageRequest
from routercore.values.money import UNKNOWN_COST, Basis, Cost, settle
from routercore.values.sizes import Size

MAX_TICKET = 16 * 1024
"""Characters; what is longer is no handle but a payload."""
KEPT = (
    "aspect_ratio", "resolution", "quality", "output_format", "output_compression", "background",
    "seed",
)  # fmt: skip
"""Settings that go along beside ``n`` and ``size``: none that a caller words freely."""


class TicketError(Exception):
    """A job cannot be written down, or what was written cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a job was accepted as. The prompt and the pictures that it began with stay out."""

    handle: Mapping[str, Any]
    """As its provider gave it."""
    model: str
    """As the caller named it."""
    key: str
    """Which of the provider's keys it was submitted with, by its fingerprint."""
    n: int = 1
    size: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As the target was asked for them."""
    format: str | None = None
    """What pictures are converted to, where the provider does not make it."""
    compression: int | None = None
    prices: Sequence[str | None] = ()
    """Dollars for one image, for two, and so on, by the price list that it was accepted under."""
    basis: str = Basis.UNKNOWN

    def request(self) -> ImageRequest:
        """What was asked, as far as it is known."""
        size = Size.parse(self.size) if self.size else None
        return ImageRequest(prompt="", model=self.model, n=self.n, size=size, **self.settings)

    def price(self, images: int) -> Cost:
        """What so many images cost."""
        price = self.prices[images - 1] if 0 < images <= len(self.prices) else None
        if price is None:
            return UNKNOWN_COST
        return Cost(usd=Decimal(price), basis=Basis(self.basis))


def ticket_of(
    handle: Mapping[str, Any],
    candidate: Candidate,
    n: int,
    *,
    model: str,
    secret: str | None,
    conversion: tuple[str | None, int | None],
) -> Ticket:
    """The ticket of a job that ``candidate`` has accepted for ``n`` images."""
    asked, card = candidate.request, candidate.target.card
    costs = [settle(card, asked, None, None, delivered=count) for count in range(1, n + 1)]
    return Ticket(
        handle=handle,
        model=model,
        key=fingerprint(secret),
        n=n,
        size=None if asked.size is None else str(asked.size),
        settings={name: value for name in KEPT if (value := getattr(asked, name)) is not None},
        format=conversion[0],
        compression=conversion[1],
        prices=[None if cost.usd is None else str(cost.usd) for cost in costs],
        basis=costs[-1].basis.value,
    )


def written(ticket: Ticket, secrets: Sequence[str]) -> str:
    """The ticket as it goes on the ledger.

    Raises:
        TicketError: its handle is not JSON, is too long, or has a credential in it.
    """
    try:
        plain = {name: getattr(ticket, name) for name in Ticket.__dataclass_fields__}
        plain["handle"] = dict(ticket.handle)
        text = json.dumps(plain, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TicketError(f"its handle is not JSON: {str(error)[:200]}") from error
    if len(text) > MAX_TICKET:
        raise TicketError(f"its handle makes {len(text):,} characters; {MAX_TICKET:,} are kept")
    if any(json.dumps(secret)[1:-1] in text for secret in secrets if secret):
        raise TicketError("its handle has a credential in it")
    return text


def read(text: str) -> Ticket:
    """The ticket that was written; what a later version added to it is passed over.

    Raises:
        TicketError: it is not one.
    """
    try:
        found = json.loads(text)
        known = {name: found[name] for name in Ticket.__dataclass_fields__ if name in found}
        ticket = Ticket(**known)
        ticket.request()
    except (TypeError, ValueError, KeyError) as error:
        raise TicketError(f"its ticket cannot be read: {str(error)[:200]}") from error
    return ticket
