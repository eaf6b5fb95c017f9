"""What a key has spent and may still spend, in the words of ImageRouter's clients."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from routercore.engine.engine import Engine
from routercore.engine.setup import Caller
from routercore.values.ledger import Account, Budget, Period, Scope, dollars


async def credits_body(engine: Engine, caller: Caller, *, by_key: bool) -> dict[str, Any]:
    """The caller's own account. Amounts are text with four decimals, and null without a budget.

    Raises:
        LedgerUnavailableError: the ledger cannot be reached.
    """
    account = Account(Scope.KEY, caller.name)
    now = engine.clock.now()
    total = dollars((await engine.ledger.balance(account, Period.TOTAL, now)).spent)
    spent = total
    if caller.budget is not None:
        spent = dollars((await engine.ledger.balance(account, caller.budget.per, now)).spent)
    left = None if caller.budget is None else max(Decimal(0), _limit(caller.budget) - spent)
    body: dict[str, Any] = {
        "remaining_credits": _amount(left),
        "credit_usage": _amount(total),
        "total_deposits": _amount(None if left is None else total + left),
    }
    if by_key:
        body["api_keys"] = [_key(caller, total, spent, now)]
    return body


def _key(caller: Caller, total: Decimal, spent: Decimal, now: datetime) -> dict[str, Any]:
    """One key; a caller sees no other than its own."""
    budget = caller.budget
    start = _start(budget.per, now) if budget else None
    return {
        "name": caller.name,
        "credit_usage": _amount(total),
        "spend_limit": _amount(_limit(budget)) if budget else None,
        "spend_limit_period": budget.per.value if budget else None,
        "period_spend": _amount(spent) if budget else None,
        "period_start": start.isoformat() if start else None,
        "expires_at": caller.expires.isoformat() if caller.expires else None,
    }


def _limit(budget: Budget) -> Decimal:
    return dollars(budget.micros)


def _start(per: Period, now: datetime) -> datetime | None:
    """When the period began that ``now`` is in."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match per:
        case Period.DAY:
            return midnight
        case Period.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        case Period.MONTH:
            return midnight.replace(day=1)
        case Period.TOTAL:
            return None


def _amount(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:.4f}"
