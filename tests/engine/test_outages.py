"""Whole outages, at twenty requests a second, in a loop whose time leaps."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, provider, status

from routercore.engine.transport.base import Phase
from routercore.provider.flow import wait
from routercore.provider.http import HttpRequest
from routercore.testing.leaping import LoopClock, run_leaping
from routercore.testing.providers import one_call
from routercore.testing.transport import Answer, Hanging, lost
from routercore.values.errors import RouterError
from routercore.values.images import ImageResult, Task

RATE = 20
BEFORE, OUTAGE, AFTER = 10.0, 60.0, 70.0
LATENCY, TIMEOUT = 2.0, 5.0

DEAD: dict[str, Callable[[], Answer]] = {
    "refused": lambda: lost(Phase.NOT_SENT),
    "500": lambda: status(500),
    "503": lambda: status(503),
    "hanging": Hanging,
    "lost": lambda: lost(Phase.SENT),
}


def slow_call(task: Task) -> Any:
    """A call whose answer takes its time after it has come."""
    generated = yield from one_call(task)
    yield from wait(LATENCY)
    return generated


@dataclass
class Outage:
    """Two providers, of which some are dead from ``BEFORE`` for ``OUTAGE`` seconds."""

    answer: Callable[[], Answer]
    dead: frozenset[str] = frozenset("a")
    settings: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, list[float]] = field(default_factory=lambda: {"a": [], "b": []})
    back: float = 0.0
    """When the dead one is to be tried after it came back."""

    def is_on(self, now: float) -> bool:
        return BEFORE <= now < BEFORE + OUTAGE

    async def play(self, until: float = BEFORE + OUTAGE + AFTER) -> list[ImageResult | RouterError]:
        """Callers come evenly; what each of them got, in order."""
        outage, clock = self, LoopClock()

        class Scripted(Kit):
            def _answer(self, request: HttpRequest) -> Answer:
                name, now = request.url[len("https://")], clock.monotonic()
                outage.calls[name].append(now)
                is_dead = name in outage.dead and outage.is_on(now)
                return outage.answer() if is_dead else made(request.json["n"])

        names = [provider(name, flow=slow_call, cards=(replace(CARD, latency=LATENCY),))
                 for name in "ab"]  # fmt: skip
        self.kit = Scripted(*names, clock=clock, **self.settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(clock))
            tasks = [group.create_task(self._ask(clock, number / RATE))
                     for number in range(int(until * RATE))]  # fmt: skip
        return [task.result() for task in tasks]

    async def _ask(self, clock: LoopClock, at: float) -> ImageResult | RouterError:
        await clock.sleep(at)
        try:
            return await self.kit.engine.generate(asking())
        except RouterError as error:
            return error

    async def _look(self, clock: LoopClock) -> None:
        """See for how long it rests when it comes back, and after a last probe has failed."""
        for moment in (BEFORE + OUTAGE, BEFORE + OUTAGE + TIMEOUT):
            await clock.sleep(moment - clock.monotonic())
            self.back = max(self.back, moment + self.rest())

    def rest(self) -> float:
        """Seconds for which the first provider is left alone."""
        candidates = self.kit.engine.plan(asking()).candidates
        (known,) = [one.health for one in candidates if one.name == "a:poster"]
        return known.closed_for

    def during(self, name: str) -> list[float]:
        return [time for time in self.calls[name] if self.is_on(time)]


@pytest.mark.parametrize("how", DEAD)
def test_an_outage_reaches_no_caller(how: str) -> None:
    """Nobody fails, the dead provider is hardly called, and it is used again in time."""
    outage = Outage(DEAD[how], settings={"attempt_timeout": TIMEOUT})
    results = run_leaping(outage.play())
    assert [] == [one for one in results if isinstance(one, RouterError)]
    requests = int(OUTAGE * RATE)
    assert len(outage.during("a")) <= 1.2 * requests + 5
    first = min(time for time in outage.calls["a"] if time >= BEFORE + OUTAGE)
    assert first <= outage.back + 1 / RATE
    settled = [time for time in outage.calls["a"] if time > first + LATENCY]
    assert len(settled) >= RATE * (BEFORE + OUTAGE + AFTER - first - LATENCY - 1)


@pytest.mark.parametrize("how", ["refused", "500", "503"])
def test_an_outage_that_answers_is_noticed_at_once(how: str) -> None:
    """What comes while earlier calls still succeed, five failures and the probes are all that the
    dead provider sees: a twentieth of the requests."""
    outage = Outage(DEAD[how])
    run_leaping(outage.play())
    under_way = RATE * LATENCY  # They still succeed, and that speaks for it.
    assert len(outage.during("a")) <= 1.5 * under_way + 10


@pytest.mark.parametrize("how", ["refused", "503"])
def test_when_all_are_down_nobody_is_asked_more(how: str) -> None:
    """Each provider gets at most 1.2 calls for a request; callers get an error at once."""
    outage = Outage(DEAD[how], dead=frozenset("ab"), settings={"deadline": 30.0})
    results = run_leaping(outage.play())
    requests = int(OUTAGE * RATE)
    for name in "ab":
        assert len(outage.during(name)) <= 1.2 * requests + 5
    failed = [one for one in results if isinstance(one, RouterError)]
    assert {503} == {error.status for error in failed}
    assert len(failed) >= 0.5 * requests


def test_a_flapping_provider_is_not_followed() -> None:
    """Half of its calls fail for a minute: it is left and taken back once in fifteen seconds at
    most, and nobody fails."""
    chance = random.Random(5)
    outage = Outage(lambda: status(500) if chance.random() < 0.5 else made())
    openings = []

    async def watch(clock: LoopClock) -> None:
        was_open = False
        while clock.monotonic() < BEFORE + OUTAGE:
            await clock.sleep(0.1)
            is_open = outage.rest() > 0
            if is_open and not was_open:
                openings.append(clock.monotonic())
            was_open = is_open

    async def play() -> list[ImageResult | RouterError]:
        playing = asyncio.create_task(outage.play())
        await asyncio.sleep(1)
        await watch(LoopClock())
        return await playing

    results = run_leaping(play())
    assert [] == [one for one in results if isinstance(one, RouterError)]
    assert len(openings) >= 2
    gaps = [later - earlier for earlier, later in pairwise(openings)]
    assert min(gaps) >= 15.0 - 0.1
