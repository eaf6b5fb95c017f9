"""What every backend of limits, caches and ledgers must do, as test classes to subclass.

::

    class TestMyCallerLimits(CallerLimitsContract):
        def make(self, clock):
            return MyCallerLimits(clock)

Needs pytest, pytest-asyncio and Hypothesis.
"""

from routercore.testing.contracts.cache import ResultCacheContract
from routercore.testing.contracts.callers import CallerLimitsContract
from routercore.testing.contracts.ledger import LedgerContract, LedgerLogContract
from routercore.testing.contracts.ledger_jobs import LedgerJobContract
from routercore.testing.contracts.upstreams import UpstreamLimitsContract

__all__ = [
    "CallerLimitsContract",
    "LedgerContract",
    "LedgerJobContract",
    "LedgerLogContract",
    "ResultCacheContract",
    "UpstreamLimitsContract",
]
