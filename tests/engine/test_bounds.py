"""What callers make up is not remembered without end."""

from __future__ import annotations

import gc
import random

from tests.engine.kit import Kit, asking, provider

from routercore.engine.health import HealthBook, Vitals
from routercore.engine.turns import Turns
from routercore.provider import WILDCARD, ModelCard
from routercore.testing.clock import ManualClock
from routercore.values.images import Operation

EDIT, GENERATE = Operation.EDIT, Operation.GENERATE


def test_estimates_leave_no_trace() -> None:
    """Estimates for models that nobody has heard of leave nothing behind."""
    kit = Kit(provider("open", cards=(ModelCard(id=WILDCARD),)))
    before = _remembered()
    for number in range(100):
        kit.engine.estimate(asking(model=f"open:m{number}"))
    assert before == _remembered()


def _remembered() -> int:
    gc.collect()
    return sum(isinstance(one, Vitals) for one in gc.get_objects())


def test_the_target_longest_unused_is_forgotten() -> None:
    """Beyond the bound a new target takes the place of another, for each operation by itself."""
    book = HealthBook(ManualClock(), most=2)
    first, second = book.of("a", GENERATE), book.of("a", EDIT)
    assert first is book.of("a", GENERATE)
    book.of("b", GENERATE)
    assert first is book.seen("a", GENERATE)
    assert second is not book.seen("a", EDIT)


def test_what_is_needed_is_not_forgotten() -> None:
    """A target with a call in flight, or an open circuit, is remembered beyond the bound."""
    clock = ManualClock()
    book = HealthBook(clock, most=2)
    busy, down = book.of("busy", GENERATE), book.of("down", GENERATE)
    busy.started(clock.monotonic())
    for _ in range(5):
        down.failed(clock.monotonic(), random.Random(1), began=0.0, speaks_against_it=True)
    for name in "xyz":
        book.of(name, GENERATE)
    assert (busy, down) == (book.seen("busy", GENERATE), book.seen("down", GENERATE))
    busy.left()
    for name in "pq":
        book.of(name, GENERATE)
    assert busy is not book.seen("busy", GENERATE)


def test_the_turns_longest_ago_are_forgotten() -> None:
    """Beyond the bound the set that was ranked longest ago begins anew."""
    turns = Turns(random.Random(1), most=2)
    for name in "abac":
        turns.take((name,))
    assert [2, 0, 1] == [turns.peek((name,)).number for name in "abc"]
