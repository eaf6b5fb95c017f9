"""The contract of limits on upstream keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from routercore.engine.clock import Clock
from routercore.engine.setup import Limits, ProviderSetup
from routercore.engine.upstreams import UpstreamLimits
from routercore.testing.leaping import LoopClock, run_leaping
from routercore.testing.providers import ScriptedProvider
from routercore.values.faults import Fault, ProviderFailed

FAR = 1e6
Scenario = Callable[[UpstreamLimits, Clock], Coroutine[Any, Any, None]]


def upstream(name: str = "maker", **limits: Any) -> ProviderSetup:
    """A configured provider with these limits."""
    return ProviderSetup(name=name, provider=ScriptedProvider(), limits=Limits(**limits))


class Log:
    """When calls got in, in their order."""

    def __init__(self, limits: UpstreamLimits, clock: Clock) -> None:
        self.limits, self.clock = limits, clock
        self.entered: list[tuple[str, float]] = []
        self.inside = self.most = 0

    async def call(
        self, label: str, setup: ProviderSetup, *, key: int = 0, images: int = 1,
        deadline: float = FAR, seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """One call that lasts so many seconds."""
        async with self.limits.slot(setup, key, images, deadline):
            self.entered.append((label, round(self.clock.monotonic(), 3)))
            self.inside += 1
            self.most = max(self.most, self.inside)
            try:
                await self.clock.sleep(seconds)
            finally:
                self.inside -= 1


class UpstreamLimitsContract:
    """Calls with one key are paced, first come first served, and never past their deadline."""

    def make(self, clock: Clock) -> UpstreamLimits:
        """A backend with nothing in it, on this clock."""
        raise NotImplementedError

    def run(self, scenario: Scenario) -> None:
        """Run a scenario; in leaping time, unless a backend needs the real one."""
        clock = LoopClock()
        run_leaping(scenario(self.make(clock), clock))

    def test_unlimited_calls_do_not_wait(self) -> None:
        """Without limits every call gets in at once."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log = Log(limits, clock)
            await asyncio.gather(*(log.call("x", upstream(), seconds=1) for _ in range(50)))
            assert 50 == log.most

        self.run(scenario)

    def test_requests_are_paced(self) -> None:
        """After a burst of the whole limit, calls pass at the rate, in the order of asking."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(requests=2, requests_per=10)
            await asyncio.gather(*(log.call(str(i), setup) for i in range(5)))
            expected = [("0", 0.0), ("1", 0.0), ("2", 5.0), ("3", 10.0), ("4", 15.0)]
            assert expected == log.entered

        self.run(scenario)

    def test_images_are_paced_in_order(self) -> None:
        """A small call does not overtake a large one that came before it."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(images=4, images_per=8)
            await asyncio.gather(
                log.call("first", setup, images=4),
                log.call("large", setup, images=4),
                log.call("small", setup, images=1),
            )
            assert [("first", 0.0), ("large", 8.0), ("small", 10.0)] == log.entered

        self.run(scenario)

    def test_calls_in_flight_are_bounded(self) -> None:
        """No more calls than allowed are inside at once, and all get their turn."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(concurrency=3)
            await asyncio.gather(*(log.call(str(i), setup, seconds=1) for i in range(9)))
            assert 3 == log.most
            assert [str(i) for i in range(9)] == [label for label, _ in log.entered]

        self.run(scenario)

    def test_no_room_before_the_deadline(self) -> None:
        """A call that cannot get in before its deadline fails as limited, by then at the latest."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(concurrency=1)
            async with limits.slot(setup, 0, 1, FAR):
                with pytest.raises(ProviderFailed) as caught:
                    await log.call("late", setup, deadline=clock.monotonic() + 3)
            assert Fault.LIMITED == caught.value.failure.fault
            assert clock.monotonic() <= 3.1
            await log.call("next", setup)
            assert 1 == len(log.entered)

        self.run(scenario)

    def test_a_hopeless_wait_is_not_begun(self) -> None:
        """Where the queue is longer than the deadline allows, another target gets the time."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(requests=1, requests_per=60)
            calls = [asyncio.create_task(log.call(str(i), setup)) for i in range(4)]
            await clock.sleep(1)
            with pytest.raises(ProviderFailed) as caught:
                await log.call("late", setup, deadline=clock.monotonic() + 100)
            assert Fault.LIMITED == caught.value.failure.fault
            assert clock.monotonic() < 2
            await asyncio.gather(*calls)

        self.run(scenario)

    def test_who_has_passed_is_not_in_the_way(self) -> None:
        """Calls that got in, gave up or were cancelled do not make a later one look hopeless."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(requests=2, requests_per=2)
            calls = [asyncio.create_task(log.call(str(i), setup)) for i in range(9)]
            await clock.sleep(1.5)
            for call in calls[-3:]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await clock.sleep(2)
            await log.call("late", setup, deadline=clock.monotonic() + 0.5)
            assert ("late", 6.0) == log.entered[-1]

        self.run(scenario)

    def test_more_than_ever_fits_fails_at_once(self) -> None:
        """One call of more images than the whole limit fails instead of waiting forever."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            with pytest.raises(ProviderFailed) as caught:
                await Log(limits, clock).call("huge", upstream(images=4), images=5)
            assert Fault.LIMITED == caught.value.failure.fault
            assert clock.monotonic() < 1

        self.run(scenario)

    def test_keys_and_providers_do_not_share(self) -> None:
        """Each key of each provider has its own limits."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log = Log(limits, clock)
            one, two = (upstream(name, concurrency=1) for name in ("one", "two"))
            await asyncio.gather(
                log.call("a", one, seconds=1),
                log.call("b", one, key=1, seconds=1),
                log.call("c", two, seconds=1),
            )
            assert 3 == log.most

        self.run(scenario)

    def test_cancelled_while_waiting(self) -> None:
        """Who is cancelled in the queue takes nothing with it."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(concurrency=1, requests=2, requests_per=10)
            first = asyncio.create_task(log.call("first", setup, seconds=4))
            gone = asyncio.create_task(log.call("gone", setup))
            last = asyncio.create_task(log.call("last", setup))
            await clock.sleep(1)
            gone.cancel()
            await asyncio.gather(first, last)
            assert [("first", 0.0), ("last", 4.0)] == log.entered

        self.run(scenario)

    def test_cancelled_while_inside(self) -> None:
        """Who is cancelled inside gives the place back."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(concurrency=1)
            gone = asyncio.create_task(log.call("gone", setup, seconds=100))
            await clock.sleep(1)
            gone.cancel()
            await log.call("next", setup)
            assert [("gone", 0.0), ("next", 1.0)] == log.entered

        self.run(scenario)

    def test_less_than_one_in_a_window(self) -> None:
        """Half a call in ten seconds is one in twenty."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log, setup = Log(limits, clock), upstream(requests=0.5, requests_per=10)
            await asyncio.gather(log.call("a", setup), log.call("b", setup))
            assert [("a", 0.0), ("b", 20.0)] == log.entered

        self.run(scenario)

    def test_both_paces_hold(self) -> None:
        """Where requests and images are limited, the slower of both decides."""

        async def scenario(limits: UpstreamLimits, clock: Clock) -> None:
            log = Log(limits, clock)
            setup = upstream(requests=10, requests_per=1, images=2, images_per=20)
            await asyncio.gather(*(log.call(str(i), setup) for i in range(3)))
            assert [("0", 0.0), ("1", 0.0), ("2", 10.0)] == log.entered

        self.run(scenario)
