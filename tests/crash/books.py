"""The ledger held against the upstream's invoice, before and after it is reconciled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routercore.engine.ledger import Ledger
from routercore.testing.faulty import Invoiced
from routercore.values.ledger import ROUTER, Attempt, Kind, Period, Step

JOBS = "jobs"
"""The provider whose pictures outlive their process, also once they are posted."""


@dataclass(slots=True)
class Books:
    """What was found, and what is wrong with it."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def every_attempt(ledger: Ledger) -> list[Attempt]:
    """All that the ledger knows."""
    logged = await ledger.log(limit=10_000_000)
    return [attempt for request in logged for attempt in request.attempts]


def examine(
    attempts: Sequence[Attempt], invoice: Sequence[Invoiced], delivered: set[str], stored: set[str]
) -> Books:
    """Account for every image on the invoice; nothing is reconciled yet."""
    books, lines = Books(), by_attempt(invoice)
    known = {name_of(attempt): attempt for attempt in attempts}
    for attempt in attempts:
        books.counts[attempt.last.kind.value] += 1
        books.wrong += _money(attempt, lines.get(name_of(attempt), []))
    for line in invoice:
        books.counts["invoiced"] += 1
        attempt = known.get(line.attempt)
        where = _where(line, attempt, delivered, stored)
        books.counts[where] += 1
        if where == "lost":
            books.wrong.append(f"the image {line.nonce} of {line.attempt!r} is nowhere")
    made_up = (delivered | stored) - {line.nonce for line in invoice}
    books.wrong += [f"the image {nonce} was never invoiced" for nonce in made_up]
    return books


def _where(line: Invoiced, attempt: Attempt | None, delivered: set[str], stored: set[str]) -> str:
    """Where an image that was invoiced is."""
    if line.nonce in delivered:
        return "delivered"
    if line.nonce in stored:
        return "stored"
    if attempt is not None and attempt.last.kind is Kind.POSTED and attempt.hold.provider != JOBS:
        return "posted, and its process died before its caller had it"
    if attempt is not None and attempt.last.kind is Kind.SUSPECT:
        return "of a suspect attempt"
    return "lost"


def _money(attempt: Attempt, lines: Sequence[Invoiced]) -> Iterator[str]:
    """What is wrong with the amount of an attempt."""
    billed, last = sum(line.micros for line in lines), attempt.last
    match last.kind:
        case Kind.POSTED | Kind.VOIDED:
            is_right = last.micros == billed
        case Kind.SUSPECT:
            is_right = last.micros >= billed
        case _:
            is_right = False
    if not is_right:
        yield f"{attempt.hold.attempt} is {last.kind} at {last.micros}, and invoiced at {billed}"


async def reconcile(ledger: Ledger, invoice: Sequence[Invoiced]) -> Books:
    """Settle what is open as the invoice says; then ledger and invoice are equal."""
    books, lines = Books(), by_attempt(invoice)
    for attempt in await ledger.open_attempts():
        billed = sum(line.micros for line in lines.get(name_of(attempt), []))
        kind = Kind.POSTED if billed else Kind.VOIDED
        at = attempt.last.at
        step = Step(attempt=attempt.hold.attempt, kind=kind, at=at, micros=billed, reason="invoice")
        await ledger.write(step)
        books.counts[f"reconciled as {kind}"] += 1
    books.wrong += [f"audit: {one}" for one in await ledger.audit()]
    for attempt in await every_attempt(ledger):
        books.wrong += _money(attempt, lines.get(name_of(attempt), []))
    stands = await ledger.balance(ROUTER, Period.TOTAL, datetime.now(UTC))
    books.counts["ledger, micro-dollars"] = stands.posted
    books.counts["invoice, micro-dollars"] = sum(line.micros for line in invoice)
    if (stands.posted, stands.held, stands.suspect) != (
        books.counts["invoice, micro-dollars"], 0, 0,
    ):  # fmt: skip
        books.wrong.append(f"the ledger stands at {stands}")
    return books


def by_attempt(invoice: Sequence[Invoiced]) -> dict[str, list[Invoiced]]:
    """The lines of each attempt, by the name that it sent along."""
    lines: dict[str, list[Invoiced]] = defaultdict(list)
    for line in invoice:
        lines[line.attempt].append(line)
    return lines


def name_of(attempt: Attempt) -> str:
    """What an attempt was called on the wire."""
    return attempt.hold.attempt.rpartition(".")[0]
