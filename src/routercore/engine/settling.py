"""What is written down of a call that is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from routercore.engine.attempt import CallOutcome
from routercore.routing.policy import charge_of
from routercore.values.amounts import number_of
from routercore.values.faults import Charge
from routercore.values.ledger import Kind, Outcome, Step, micros
from routercore.values.money import Basis

TOLD = frozenset({Basis.REPORTED, Basis.TOKENS})
"""Where the upstream itself said what it charged."""


def settlement(attempt: str, outcome: CallOutcome, *, at: datetime, seconds: float) -> Step:
    """Posted where something was paid for, voided where nothing was, suspect where none can tell.

    Args:
        attempt: its id on the ledger.
        outcome: what came of it.
        at: now.
        seconds: how long it took.
    """
    failure = outcome.failure
    fault = None if failure is None else failure.fault.value
    upstream_id = outcome.contact.upstream_id
    written = Outcome(
        images=len(outcome.images), fault=fault, basis=outcome.cost.basis.value,
        upstream_id=upstream_id and clean(upstream_id)[:200], seconds=round(seconds, 3),
    )  # fmt: skip
    usd = outcome.cost.usd
    amount = None if usd is None else micros(usd)
    step = Step(attempt=attempt, kind=Kind.POSTED, at=at, micros=amount, outcome=written)
    if outcome.missing and outcome.cost.basis not in TOLD:
        # Counted in full, as it was held: what was left out may be on the invoice all the same.
        reason = f"{number_of(outcome.missing, 'image')} fewer than asked for"
        return replace(step, kind=Kind.SUSPECT, micros=None, reason=reason)
    if failure is None or outcome.images:
        return step
    message = f"{fault}: {clean(failure.message)[:200]}"
    if outcome.generated is not None or charge_of(failure) is Charge.CERTAIN:
        return replace(step, reason=f"paid and lost: {message}")
    kind = Kind.VOIDED if charge_of(failure) is Charge.NONE else Kind.SUSPECT
    return replace(step, kind=kind, reason=message)


def clean(text: str) -> str:
    """The text without what databases cannot write."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
