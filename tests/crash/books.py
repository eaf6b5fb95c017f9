"""The ledger held against the upstream's invoice, before and after it is reconciled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.invoices import billed, name_of, wrong_money

from routercore.engine.ledger import Ledger
from routercore.testing.faulty import Invoiced
from routercore.values.accounts import LOST, Logged
from routercore.values.ledger import ROUTER, Attempt, Kind, Period, Step

JOBS = "jobs"
"""The provider whose pictures outlive their process, also once they are posted."""
WITHOUT_IT = (LOST, "cancelled", "failed")
"""How a request ended that has not got what was posted for it."""
NOWHERE = "nowhere"


@dataclass(slots=True)
class Books:
    """What was found, and what is wrong with it."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def every_request(ledger: Ledger) -> list[Logged]:
    """All that the ledger knows."""
    return await ledger.log(limit=10_000_000)


def attempts_of(logged: Sequence[Logged]) -> list[Attempt]:
    """The attempts of all requests."""
    return [attempt for request in logged for attempt in request.attempts]


def examine(
    logged: Sequence[Logged], invoice: Sequence[Invoiced], delivered: set[str], stored: set[str]
) -> Books:
    """Account for every image on the invoice, by its nonce, its attempt and its request."""
    books, attempts = Books(), attempts_of(logged)
    books.counts.update(attempt.last.kind.value for attempt in attempts)
    books.wrong += wrong_money(attempts, invoice)
    known = {name_of(one): (one, request) for request in logged for one in request.attempts}
    for line in invoice:
        where = _where(line, known.get(line.attempt), delivered, stored)
        books.counts.update(["invoiced", where])
        if where == NOWHERE:
            books.wrong.append(f"the image {line.nonce} of {line.attempt!r} is nowhere")
    made_up = (delivered | stored) - {line.nonce for line in invoice}
    books.wrong += [f"the image {nonce} was never invoiced" for nonce in made_up]
    return books


def _where(
    line: Invoiced, known: tuple[Attempt, Logged] | None, delivered: set[str], stored: set[str]
) -> str:
    """Where an image that was invoiced is.

    What nobody has got must be on the ledger for what it is: of an attempt that is or was suspect,
    that says that it is lost, or whose request is written down as one that ended without it.
    """
    if line.nonce in delivered:
        return "delivered"
    if line.nonce in stored:
        return "stored"
    if known is None:
        return NOWHERE
    attempt, request = known
    if attempt.row(Kind.SUSPECT) is not None:
        return "of a suspect attempt"
    is_posted = attempt.last.kind is Kind.POSTED
    if is_posted and attempt.last.reason.startswith("paid and lost"):
        return "paid and lost"
    how = request.ended.status if request.ended else "under way"
    if is_posted and how in WITHOUT_IT and attempt.hold.provider != JOBS:
        return f"posted for a request that is {how}"
    return NOWHERE


async def reconcile(ledger: Ledger, invoice: Sequence[Invoiced]) -> Books:
    """Settle what is open as the invoice says; then ledger and invoice are equal."""
    books, sums = Books(), billed(invoice)
    for attempt in await ledger.open_attempts():
        micros = sums[name_of(attempt)]
        kind = Kind.POSTED if micros else Kind.VOIDED
        at = attempt.last.at
        step = Step(attempt=attempt.hold.attempt, kind=kind, at=at, micros=micros, reason="invoice")
        await ledger.write(step)
        books.counts[f"reconciled as {kind}"] += 1
    books.wrong += [f"audit: {one}" for one in await ledger.audit()]
    stands = await ledger.balance(ROUTER, Period.TOTAL, datetime.now(UTC))
    books.counts["ledger, micro-dollars"] = stands.posted
    books.counts["invoice, micro-dollars"] = sums.total()
    if (stands.posted, stands.held, stands.suspect) != (sums.total(), 0, 0):
        books.wrong.append(f"the ledger stands at {stands}")
    return books
