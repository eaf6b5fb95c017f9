"""What a caller is told whose budget has no room."""

from __future__ import annotations

from routercore.values.ledger import ROUTER, Budget, Cap, OverBudgetError


def test_amounts_are_written_as_prices() -> None:
    """Cents have two places, and what is finer than a cent keeps all it has."""
    error = OverBudgetError(Cap(ROUTER, Budget(100_000)), left=20_000, asked=40_125)
    assert "is $0.10 a day; $0.02 is left, and this may cost $0.040125" in str(error)
