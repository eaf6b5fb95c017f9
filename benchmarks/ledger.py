"""How many reservations the ledger settles in a second: ``python benchmarks/ledger.py``.

Each is three rows: held, dispatched, posted. With 64 under way at a time, which is what a busy
server has, a durable ledger writes many of them with one wait for the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from routercore.engine.ledger import Ledger
from routercore.state.ledger.memory import MemoryLedger
from routercore.state.ledger.sql import SqlLedger
from routercore.values.ledger import ROUTER, Account, Budget, Cap, Hold, Kind, Period, Scope, Step

TARGETS = {"memory": 5_000, "sqlite": 2_000, "postgresql": 0}
"""Reservations a second that each must reach."""
BUDGET = Budget(10**12, Period.MONTH)


async def settle_one(ledger: Ledger, number: int) -> float:
    """One reservation from beginning to end; its seconds."""
    began, now, id = time.perf_counter(), datetime.now(UTC), f"attempt-{number}"
    key = f"team-{number % 8}"
    caps = (Cap(Account(Scope.KEY, key), BUDGET), Cap(ROUTER, BUDGET))
    hold = Hold(
        attempt=id, request=f"request-{number}", caller=key, provider="vendor", model="poster",
        target="vendor:poster", micros=40_000, at=now, expires=now + timedelta(minutes=5),
    )  # fmt: skip
    await ledger.reserve(hold, caps)
    await ledger.write(Step(attempt=id, kind=Kind.DISPATCHED, at=now))
    await ledger.write(Step(attempt=id, kind=Kind.POSTED, at=now, micros=39_000))
    return time.perf_counter() - began


async def measure(ledger: Ledger, count: int, at_once: int) -> tuple[float, float]:
    """Reservations a second, and the 99th percentile of their seconds."""
    numbers = iter(range(count))
    taken: list[float] = []

    async def worker() -> None:
        for number in numbers:
            taken.append(await settle_one(ledger, number))

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    seconds = time.perf_counter() - began
    assert [] == await ledger.audit()
    await ledger.close()
    return count / seconds, sorted(taken)[int(count * 0.99)]


def main() -> int:
    """Measure, print, and fail where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--postgresql", metavar="URL", help="measure this database, too")
    chosen = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        ledgers: dict[str, Callable[[], Ledger]] = {
            "memory": MemoryLedger,
            "sqlite": lambda: SqlLedger(f"sqlite:///{Path(folder)}/ledger.db"),
        }
        if chosen.postgresql:
            ledgers["postgresql"] = lambda: SqlLedger(chosen.postgresql)
        for name, make in ledgers.items():
            rate, slowest = asyncio.run(measure(make(), chosen.count, chosen.at_once))
            missed += rate < TARGETS[name]
            line = f"{name:>10}: {rate:8,.0f} a second, p99 {slowest * 1000:5.1f} ms"
            print(f"{line}, {chosen.at_once} at once, target {TARGETS[name]:,}")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
