"""Single flight: equal work that is wanted at the same time is done once, for all who want it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Flight(Generic[T]):
    """Work under way, and who waits for it, first come first."""

    task: asyncio.Task[T] | None = None
    waiting: list[object] = field(default_factory=list)
    owner: object = None


class Flights(Generic[T]):
    """All work under way, by key.

    The work runs in a task of its own, so that it belongs to nobody: it goes on while anybody
    waits for it, whoever began it, and is cancelled with the last one who leaves.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def join(self, key: str, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What the work for ``key`` comes to, and whether the caller is its owner.

        Each flight that ends well has exactly one owner, who answers for what it cost: the first
        of those who still wait at the end. What the work raises, it raises for everybody.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.task = asyncio.create_task(self._fly(key, flight, work))
        me = object()
        flight.waiting.append(me)
        task = flight.task
        assert task is not None
        try:
            await asyncio.wait([task])
            return task.result(), flight.owner is me
        finally:
            flight.waiting.remove(me)
            if not flight.waiting and not task.done():
                self._land(key, flight)
                task.cancel()
                await asyncio.wait([task])

    async def _fly(self, key: str, flight: _Flight[T], work: Callable[[], Awaitable[T]]) -> T:
        try:
            value = await work()
            flight.owner = next(iter(flight.waiting), None)
            return value
        finally:
            self._land(key, flight)

    def _land(self, key: str, flight: _Flight[T]) -> None:
        """Take no more passengers; a newer flight of the same key stays."""
        if self._flights.get(key) is flight:
            del self._flights[key]
