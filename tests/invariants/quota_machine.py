"""A state machine of outages: crowds ask, upstreams fail, and copies of slow calls are made."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable
from decimal import Decimal
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.invariants.puppets import Call, Stage

from routercore.engine.setup import Limits
from routercore.routing.policy import Hedge

T = TypeVar("T")
MOST = 4
WINDOW = 60.0
SHARE, BURST = 0.2, 5
"""In any minute a provider gets a call for each request, a fifth of one, and five."""
LATE = 10.0
"""Seconds that a retry may leave after it was granted: it was earned up to then."""
FAILING = ["unsent", "overloaded", "limited", "failed", "lost"]
SETTINGS = {"max_attempts": MOST, "budget": None}


class QuotaMachine(RuleBasedStateMachine):
    """Holds retries to their quota and hedges to one a request, after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stage = self.run(self.begun())

    async def begun(self) -> Stage:
        hedge = {"hedge": Hedge(20.0, Decimal(1))}
        return Stage(settings=SETTINGS, route=hedge, limits=Limits(concurrency=64))

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    @rule(count=st.integers(1, 12))
    def crowd(self, count: int) -> None:
        """Callers ask at once."""

        async def work() -> None:
            for _ in range(count):
                self.stage.ask(1)
            await self.stage.clock.run_until_idle()

        self.run(work())

    @rule(count=st.integers(5, 15), how=st.sampled_from(FAILING))
    def outage(self, count: int, how: str) -> None:
        """Callers come at once, and all that is sent for them fails alike, for a dozen seconds."""
        self.crowd(count)
        for _ in range(4):
            self.answer(how, 1)
            self.wait(3.0)

    @precondition(lambda self: self.stage.puppets.open)
    @rule(how=st.sampled_from(["picture", *FAILING]), share=st.integers(1, 4))
    def answer(self, how: str, share: int) -> None:
        """Of the calls that wait all, or a part, are answered alike."""

        async def work() -> None:
            for exchange in self.stage.puppets.open[::share]:
                self.stage.puppets.answer(exchange, how, 2)
            await self.stage.clock.run_until_idle()

        self.run(work())

    @rule(seconds=st.sampled_from([0.2, 1.0, 3.0, 21.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Time passes; who waits to try again does so."""
        self.run(self.stage.clock.advance(seconds))

    @invariant()
    def retries_are_within_their_quota(self) -> None:
        """I30, for each provider and every minute."""
        since = (
            self.stage.clock.monotonic() - WINDOW - LATE
        )  # What was before was looked at before.
        asked: set[tuple[str, str]] = set()
        lately: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for call in self.stage.puppets.calls:
            is_first = (call.provider, call.request) not in asked
            asked.add((call.provider, call.request))
            if call.at >= since:
                lately[call.provider].append((call.at, is_first))
        for calls in lately.values():
            for start in {at for at, _ in calls if at >= since + LATE}:
                retries = sum(at >= start and not is_first for at, is_first in calls)
                earning = sum(at >= start - LATE and is_first for at, is_first in calls)
                assert retries <= SHARE * earning + BURST + LATE / WINDOW

    @invariant()
    def requests_are_within_their_attempts(self) -> None:
        """I30, for each request: retries and hedges together, and one hedge at a time."""
        calls = Counter(call.request for call in self.stage.puppets.calls)
        assert max(calls.values(), default=0) <= MOST
        waiting = Counter(Call.request_of(one.attempt) for one in self.stage.puppets.open)
        assert max(waiting.values(), default=0) <= 2

    def teardown(self) -> None:
        try:
            self.run(self.at_rest())
        finally:
            self.loop.close()

    async def at_rest(self) -> None:
        for one in self.stage.asked:
            one.task.cancel()
        await self.stage.clock.run_until_idle()
        assert {asyncio.current_task()} == asyncio.all_tasks()
        await self.stage.router.close()
