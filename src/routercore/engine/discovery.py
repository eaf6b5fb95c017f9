"""Whether what providers declare still holds: by the calendar, and by what vendors list.

Nothing here makes an image. Vendors are asked for their lists of models, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from routercore.engine.attempt import Attempter
from routercore.provider.spec import Discovers
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.faults import Failure, Fault, ProviderFailed

DISCOVERY_TIMEOUT = 30.0
SOON = timedelta(days=60)
OLD = timedelta(days=180)
"""A price list that nobody has looked at for so long is worth a look."""


class DriftKind(StrEnum):
    """How a declaration and the world differ."""

    SHUT_DOWN = "shut_down"
    SHUTS_DOWN_SOON = "shuts_down_soon"
    OLD_PRICE = "old_price"
    NOT_LISTED = "not_listed"
    """Declared, and not in the vendor's list."""
    NOT_DECLARED = "not_declared"
    """In the vendor's list, and not declared."""
    OTHER_PRICE = "other_price"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference."""

    kind: DriftKind
    model: str
    message: str


def by_calendar(cards: Sequence[ModelCard], today: date) -> Iterator[Drift]:
    """What the dates on the cards say. Pure."""
    for card in cards:
        if card.is_retired(today):
            message = f"was shut down on {card.shutdown}{card.instead}"
            yield Drift(DriftKind.SHUT_DOWN, card.id, message)
            continue
        if card.shutdown is not None and card.shutdown - today <= SOON:
            message = f"will be shut down on {card.shutdown}{card.instead}"
            yield Drift(DriftKind.SHUTS_DOWN_SOON, card.id, message)
        if card.price_date is not None and today - card.price_date > OLD:
            message = f"its prices were read on {card.price_date}"
            yield Drift(DriftKind.OLD_PRICE, card.id, message)


def by_list(
    declared: Sequence[ModelCard], listed: Sequence[ModelCard], today: date
) -> Iterator[Drift]:
    """What a vendor's list says beside the cards. Pure."""
    named = {name for card in listed for name in card.names}
    known = {name for card in declared for name in card.names}
    prices = {card.id: card.prices for card in listed}
    for card in declared:
        if card.id == WILDCARD or card.is_retired(today):
            continue
        if named.isdisjoint(card.names):
            yield Drift(DriftKind.NOT_LISTED, card.id, "is not in the vendor's list of models")
        elif prices.get(card.id, card.prices) != card.prices:
            yield Drift(DriftKind.OTHER_PRICE, card.id, "has another price in the vendor's list")
    for card in listed:
        if known.isdisjoint(card.names):
            yield Drift(DriftKind.NOT_DECLARED, card.id, "is in the vendor's list, undeclared")


async def listed_models(
    attempter: Attempter, secret: str | None, now: float
) -> Sequence[ModelCard] | None:
    """Ask a vendor for its models; ``None`` where the provider cannot.

    Raises:
        ProviderFailed: the vendor did not answer, or not with a list.
    """
    provider = attempter.setup.provider
    if not isinstance(provider, Discovers):
        return None
    base_url = attempter.setup.effective_base_url
    driver = attempter.driver(secret)
    listed = await driver.run(lambda: provider.discover(base_url), now + DISCOVERY_TIMEOUT)
    if strange := sorted({type(c).__name__ for c in listed if not isinstance(c, ModelCard)}):
        message = f"the provider discovered {', '.join(strange)} where cards belong"
        raise ProviderFailed(Failure(fault=Fault.PLUGIN, message=message))
    return listed
