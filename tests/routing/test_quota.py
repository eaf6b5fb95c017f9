"""Retries are bounded, whatever fails and however often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routercore.routing.quota import STANDARD, RetryQuota

GAPS = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3)), max_size=200)


def test_a_few_retries_are_there_from_the_start() -> None:
    """Single failures are retried; a storm is not."""
    quota = RetryQuota()
    granted = 0
    for _ in range(10):
        quota.asked(0.0)
        if quota.allows(0.0):
            quota.retried(0.0)
            granted += 1
    assert 5 == granted


def test_who_asks_seldom_gets_some_all_the_same() -> None:
    """One more is earned each minute by waiting, and not more than a handful is saved up."""
    quota = RetryQuota()
    for _ in range(4):
        quota.retried(0.0)
    assert not quota.allows(59.0)
    assert quota.allows(60.0)
    quota.allows(100_000.0)
    assert STANDARD.burst == quota.saved


@given(GAPS)
def test_calls_are_at_most_a_fifth_more_than_requests(gaps: list[tuple[float, int]]) -> None:
    """In every window of a minute: calls are at most 1.2 times the requests, and five."""
    quota, now = RetryQuota(), 0.0
    calls: list[tuple[float, bool]] = []
    for gap, wanted in gaps:
        now += gap
        quota.asked(now)
        calls.append((now, True))
        for _ in range(wanted):
            if quota.allows(now):
                quota.retried(now)
                calls.append((now, False))
    for start, _ in calls:
        window = [is_first for time, is_first in calls if start <= time <= start + 60]
        assert len(window) <= 1.2 * sum(window) + 5 + 1e-6


def test_what_a_quota_earns_and_holds() -> None:
    """Four from the start and at most; a fifth for each request, and one a minute for nothing."""
    quota = RetryQuota(saved=0.0)
    for _ in range(4):
        quota.asked(0.0)
    assert not quota.allows(0.0)
    quota.asked(0.0)
    assert quota.allows(0.0)
    quota = RetryQuota(saved=0.0)
    assert (False, True) == (quota.allows(59.9), quota.allows(60.0))
    quota.allows(1e6)
    granted = 0
    while quota.allows(1e6):
        quota.retried(1e6)
        granted += 1
    assert 4 == granted
