"""The contract of limits on callers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routercore.engine.admission import CallerLimits
from routercore.engine.setup import Caller, Limits
from routercore.testing.clock import ManualClock
from routercore.values.errors import LimitError, RequestError
from routercore.values.limits import Admission, Allowance


def caller(name: str = "team", **limits: Any) -> Caller:
    """A caller with these limits."""
    return Caller(name=name, limits=Limits(**limits))


async def is_admitted(limits: CallerLimits, who: Caller, images: int = 1) -> bool:
    """Whether a request gets in; it ends at once."""
    try:
        async with limits.admit(who, images):
            return True
    except LimitError:
        return False


async def rejection(limits: CallerLimits, who: Caller, images: int = 1) -> LimitError:
    """The error of a request that must not get in."""
    with pytest.raises(LimitError) as caught:
        await limits.admit(who, images).__aenter__()
    return caught.value


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 40).map(lambda quarters: quarters / 4), st.integers(1, 4)),
    max_size=40,
)
"""Seconds since the one before, and images."""


class CallerLimitsContract:
    """Promises to callers are kept exactly, and a rejected request uses nothing up."""

    def make(self, clock: ManualClock) -> CallerLimits:
        """A backend with nothing in it, on this clock."""
        raise NotImplementedError

    async def test_nobody_is_limited_unless_told(self) -> None:
        """A caller without limits is always admitted, and has no numbers."""
        limits = self.make(ManualClock())
        async with limits.admit(caller(), 1000) as admission:
            assert Admission() == admission

    async def test_exactly_the_limit_passes(self) -> None:
        """Of two hundred concurrent requests against twenty a minute, twenty pass."""
        limits, who = self.make(ManualClock()), caller(requests=20)
        passed = await asyncio.gather(*(is_admitted(limits, who) for _ in range(200)))
        assert 20 == sum(passed)

    async def test_retry_after_is_true(self) -> None:
        """At ``retry_after`` there is room, and just before it there is not."""
        clock = ManualClock()
        limits, who = self.make(clock), caller(requests=2)
        await is_admitted(limits, who)
        await clock.advance(10)
        await is_admitted(limits, who)
        await clock.advance(5)
        error = await rejection(limits, who)
        assert 45.0 == error.retry_after
        await clock.advance(44.75)
        assert not await is_admitted(limits, who)
        await clock.advance(0.25)
        assert await is_admitted(limits, who)

    async def test_images_wait_for_as_many_as_they_are(self) -> None:
        """For three images ``retry_after`` is when three have left the window, not one."""
        clock = ManualClock()
        limits, who = self.make(clock), caller(images=4)
        for _ in range(4):
            await is_admitted(limits, who)
            await clock.advance(10)
        assert 20.0 == (await rejection(limits, who, 1)).retry_after
        assert 40.0 == (await rejection(limits, who, 3)).retry_after

    async def test_the_longer_wait_counts(self) -> None:
        """Where two limits are reached, ``retry_after`` is when both have room."""
        limits = self.make(ManualClock())
        who = caller(requests=1, requests_per=10, images=1, images_per=30)
        await is_admitted(limits, who)
        assert 30.0 == (await rejection(limits, who)).retry_after

    async def test_the_turn_of_the_minute_is_nothing_special(self) -> None:
        """A burst at the end of one minute and another at the start of the next do not pass."""
        clock = ManualClock()
        limits, who = self.make(clock), caller(requests=5)
        await clock.advance(59)
        assert all([await is_admitted(limits, who) for _ in range(5)])
        await clock.advance(2)
        assert not await is_admitted(limits, who)

    async def test_a_rejected_request_uses_nothing_up(self) -> None:
        """What is rejected for its images does not count as a request, nor the other way round."""
        limits, who = self.make(ManualClock()), caller(requests=3, images=2)
        assert await is_admitted(limits, who, 1)
        for _ in range(10):
            assert not await is_admitted(limits, who, 2)
        assert await is_admitted(limits, who, 1)
        error = await rejection(limits, who)
        assert error.admission is not None
        assert Allowance(limit=3, remaining=1, reset=60.0) == error.admission.requests

    async def test_the_numbers_of_an_admission(self) -> None:
        """An admission says what is left after it, and when all of it is there again."""
        clock = ManualClock()
        limits, who = self.make(clock), caller(requests=5, images=10, images_per=30)
        await is_admitted(limits, who, 3)
        await clock.advance(10)
        async with limits.admit(who, 2) as admission:
            assert Allowance(limit=5, remaining=3, reset=60.0) == admission.requests
            assert Allowance(limit=10, remaining=5, reset=30.0) == admission.images
        await clock.advance(20)
        async with limits.admit(who, 1) as admission:
            assert Allowance(limit=5, remaining=2, reset=60.0) == admission.requests
            assert Allowance(limit=10, remaining=7, reset=30.0) == admission.images

    async def test_more_than_ever_fits_is_not_a_matter_of_waiting(self) -> None:
        """A request for more images than the whole limit is wrong, not early."""
        limits, who = self.make(ManualClock()), caller(images=4)
        with pytest.raises(RequestError) as caught:
            await limits.admit(who, 5).__aenter__()
        assert "n" == caught.value.param
        assert await is_admitted(limits, who, 4)

    async def test_concurrency_counts_those_inside(self) -> None:
        """As many as allowed are inside at once; one that leaves makes room."""
        limits, who = self.make(ManualClock()), caller(concurrency=2)
        async with limits.admit(who, 1):
            async with limits.admit(who, 1):
                error = await rejection(limits, who)
                assert error.retry_after
            assert await is_admitted(limits, who)

    async def test_a_failed_request_leaves(self) -> None:
        """A request that fails or is cancelled inside gives its place back."""
        limits, who = self.make(ManualClock()), caller(concurrency=1)
        for error in (ValueError(), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                async with limits.admit(who, 1):
                    raise error
        assert await is_admitted(limits, who)

    async def test_callers_do_not_share(self) -> None:
        """What one caller uses up is not missing for another."""
        limits = self.make(ManualClock())
        assert await is_admitted(limits, caller("one", requests=1))
        assert await is_admitted(limits, caller("two", requests=1))

    async def test_a_changed_limit_keeps_who_is_inside(self) -> None:
        """New limits for a name take effect at once; requests inside still count."""
        limits = self.make(ManualClock())
        async with limits.admit(caller(concurrency=2), 1):
            assert not await is_admitted(limits, caller(concurrency=1))
        assert await is_admitted(limits, caller(concurrency=1))

    async def test_a_changed_limit_remembers_what_was_used(self) -> None:
        """New limits for a name are no way to use the old ones up twice."""
        clock = ManualClock()
        limits = self.make(clock)
        assert all([await is_admitted(limits, caller(requests=4)) for _ in range(4)])
        await clock.advance(10)
        error = await rejection(limits, caller(requests=2))
        assert error.admission is not None
        assert Allowance(limit=2, remaining=0, reset=50.0) == error.admission.requests
        assert await is_admitted(limits, caller(requests=5))

    async def test_less_than_one_in_a_window(self) -> None:
        """Half a request a minute is one in two minutes."""
        clock = ManualClock()
        limits, who = self.make(clock), caller(requests=0.5)
        assert await is_admitted(limits, who)
        assert 120.0 == (await rejection(limits, who)).retry_after

    @settings(
        deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(arrivals=ARRIVALS, limit=st.integers(1, 6), window=st.sampled_from([1.0, 5.0, 7.5]))
    def test_no_window_ever_holds_more(
        self, arrivals: list[tuple[float, int]], limit: int, window: float
    ) -> None:
        """Wherever a window is laid, it holds no more admitted images than the limit; and whoever
        is rejected really found it full."""
        asyncio.run(self._window_holds(arrivals, limit, window))

    async def _window_holds(
        self, arrivals: list[tuple[float, int]], limit: int, window: float
    ) -> None:
        clock = ManualClock()
        limits, who = self.make(clock), caller(images=limit, images_per=window)
        admitted: list[tuple[float, int]] = []
        for pause, asked in arrivals:
            await clock.advance(pause)
            images, now = min(asked, limit), clock.monotonic()
            used = sum(count for time, count in admitted if now - time < window)
            assert (used + images <= limit) == await is_admitted(limits, who, images)
            if used + images <= limit:
                admitted.append((now, images))
        for start, _ in admitted:
            held = sum(count for time, count in admitted if start <= time < start + window)
            assert held <= limit
