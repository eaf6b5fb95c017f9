"""A ledger held against an upstream's invoice, attempt by attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from routercore.testing.faulty import Invoiced
from routercore.values.ledger import Attempt, Kind


def name_of(attempt: Attempt) -> str:
    """What an attempt was called on the wire: its idempotency key."""
    return attempt.hold.attempt.rpartition(".")[0]


def billed(invoice: Iterable[Invoiced]) -> Counter[str]:
    """What each attempt comes to, by its name."""
    sums: Counter[str] = Counter()
    for line in invoice:
        sums[line.attempt] += line.micros
    return sums


def wrong_money(attempts: Iterable[Attempt], invoice: Sequence[Invoiced]) -> list[str]:
    """Attempts whose money is not what the invoice says, or that were never settled."""
    sums = billed(invoice)
    return [
        f"{one.hold.attempt} is {one.last.kind} at {one.last.micros}, invoiced {sums[name_of(one)]}"
        for one in attempts
        if not _is_right(one, sums[name_of(one)])
    ]


def _is_right(attempt: Attempt, micros: int) -> bool:
    match attempt.last.kind:
        case Kind.POSTED | Kind.VOIDED:
            return attempt.last.micros == micros
        case Kind.SUSPECT:
            return attempt.last.micros >= micros
        case _:
            return False
