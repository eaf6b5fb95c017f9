"""Who may collect an accepted job: its process while it lives, and then exactly one other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from routercore.values.ledger import Attempt, Kind, LedgerStepError

COLLECTABLE = frozenset({Kind.DISPATCHED, Kind.SUSPECT, Kind.POSTED})
"""Where an attempt may stand whose job can be collected: posted ones only with a ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something to write beside the rows of an attempt; what is ``None`` stays as it is."""

    attempt: str
    owner: str = ""
    """Who writes. Whoever has lost an attempt to another can mark it no longer."""
    ticket: str | None = None
    leased_until: datetime | None = None
    given_up: str | None = None
    is_done: bool = False
    """Its pictures are in the hands of who asked: nothing is left to collect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A wish to collect what nobody works on."""

    owner: str
    """A name that no other process, and no other claim of this one, goes by."""
    now: datetime
    until: datetime
    """When others may take its attempts to be left behind."""
    limit: int = 100
    attempt: str | None = None
    """This one alone."""
    even_if_leased: bool = False
    """Also what its process may still be at work on. What was claimed stays with its claimant."""


def marked(attempt: Attempt, mark: Mark) -> Attempt:
    """The attempt with a mark.

    Raises:
        LedgerStepError: it is settled, or another has claimed it.
    """
    is_paid = attempt.last.kind is Kind.POSTED
    if attempt.last.kind not in COLLECTABLE or (is_paid and attempt.ticket is None):
        raise LedgerStepError(
            f"{mark.attempt!r} is {attempt.last.kind}: nothing is to be collected"
        )
    if attempt.owner != mark.owner:
        raise LedgerStepError(f"{mark.attempt!r} was claimed by another")
    ticket = attempt.ticket if mark.ticket is None else mark.ticket
    return replace(
        attempt,
        ticket=None if mark.is_done else ticket,
        leased_until=attempt.leased_until if mark.leased_until is None else mark.leased_until,
        given_up=attempt.given_up if mark.given_up is None else mark.given_up,
    )


def is_claimable(attempt: Attempt, claim: Claim) -> bool:
    """Whether an attempt falls to a claim: it has a ticket, and nobody is at work on it."""
    if attempt.ticket is None or attempt.given_up is not None:
        return False
    if attempt.last.kind not in COLLECTABLE or claim.attempt not in (None, attempt.hold.attempt):
        return False
    if claim.even_if_leased and not attempt.owner:
        return True
    return (attempt.leased_until or attempt.hold.expires) <= claim.now


def claimed(attempt: Attempt, claim: Claim) -> Attempt:
    """The attempt in the hands of who claimed it."""
    return replace(attempt, owner=claim.owner, leased_until=claim.until)
