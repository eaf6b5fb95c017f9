"""What is remembered of calls that outlive their connection, and for how long."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from routercore.server.events import Frame
from routercore.server.replies import Part, length_of


class JobState(StrEnum):
    """How far a job has come."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fate(StrEnum):
    """What will become of a call whose process is gone."""

    UNSENT = "unsent"
    """Nothing of it reached an upstream; its key will be free."""
    PENDING = "pending"
    """An upstream works on it, and it will be collected."""
    LOST = "lost"
    """It may be paid for, and its result cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer that a call came to, in both forms in which it can be sent."""

    status: int
    headers: Mapping[str, str]
    parts: tuple[Part, ...] = field(repr=False)
    """The body."""
    frames: tuple[Frame, ...] = field(repr=False)
    """The same as server-sent events."""
    error: Mapping[str, Any] | None = None
    may_repeat: bool = False
    """Whether the same call may be made again without paying twice."""
    is_ephemeral: bool = False
    """Whether it is for those alone who wait for it."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Where images of it are in the image store already, by digest."""

    @property
    def size(self) -> int:
        """Bytes, more or less: body and events share the images they carry."""
        return length_of(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call. Without an outcome it is under way, or its result was not to be kept."""

    id: str
    """The request's, which is also what the ledger knows it by."""
    owner: str
    request_hash: str = ""
    created: float
    """Seconds since 1970."""
    key: str | None = None
    """The idempotency key; unique for its owner."""
    reference: str | None = None
    """What its client calls it; the last call of a name is meant by it."""
    shape: Mapping[str, Any] = field(default_factory=dict)
    """What is needed to answer it, if another process has to."""
    state: JobState = JobState.IN_PROGRESS
    outcome: Outcome | None = None
    is_left: bool = False
    """Whether it is under way and its process is gone."""


class RecordStore(Protocol):
    """Remembers calls; in this process's memory, or in the ledger's database."""

    @property
    def is_durable(self) -> bool:
        """Whether it outlives its process."""
        ...

    async def claim(self, record: Record) -> Record:
        """Add ``record``, unless its owner has one of the same key: that is returned instead.

        A key is free again when nothing was sent for its call and its process is gone.
        """
        ...

    async def settle(self, record: Record) -> None:
        """Put the end of a call in the place of its beginning; done twice, it counts once."""
        ...

    async def complete(self, record: Record, was: Record | None) -> bool:
        """Put a result that came late in the place of ``was``, or of nothing.

        False where something else is there by now: look again.

        Raises:
            RouterError: it cannot be kept.
        """
        ...

    async def free_left(self) -> None:
        """Let jobs of calls be collected whose process is gone, without waiting any longer."""
        ...

    async def get(self, id: str) -> Record | None:
        """The record of that id."""
        ...

    async def find(self, owner: str, name: str) -> Record | None:
        """An owner's record of that id, or else the last that its client called so."""
        ...

    async def forget(self, id: str) -> None:
        """Remove a record and free its key."""
        ...

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        """Say that this process is at work on them; returns those that nobody wants any more."""
        ...

    async def release(self, id: str) -> None:
        """Say that this process works on it no longer, whatever is to become of it."""
        ...

    async def call_off(self, id: str) -> None:
        """Let whoever is at work on it know that nobody wants it any more."""
        ...

    async def fate(self, id: str) -> Fate:
        """What will become of a call whose process is gone."""
        ...

    async def sweep(self) -> None:
        """Forget what is too old, too much or too large."""
        ...


class MemoryRecordStore:
    """Records of one process, bounded by age, number and bytes.

    Where bytes run short the oldest results go first, and their records stay: a key that was used
    keeps its call from being made and paid for again.
    """

    is_durable = False

    def __init__(
        self,
        *,
        retention: float,
        max_records: int,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._retention = retention
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._running: dict[str, Record] = {}
        self._ended: OrderedDict[str, Record] = OrderedDict()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._keys: dict[tuple[str, str], str] = {}
        self._references: dict[tuple[str, str], str] = {}
        self.held = 0
        """Bytes of the results that are kept."""

    async def claim(self, record: Record) -> Record:
        self._expire()
        if record.key is not None:
            known = self._keys.setdefault((record.owner, record.key), record.id)
            if known != record.id:
                return self._running.get(known) or self._ended[known]
        if record.reference is not None:
            self._references[record.owner, record.reference] = record.id
        self._running[record.id] = record
        return record

    async def settle(self, record: Record) -> None:
        began = self._running.pop(record.id, None)
        if began is None:
            return
        if began.key != record.key:
            _drop_name(self._keys, began, began.key)
        self._ended[record.id] = record
        if record.outcome is not None:
            self._sizes[record.id] = record.outcome.size
            self.held += record.outcome.size
        self._shrink()

    async def complete(self, record: Record, was: Record | None) -> bool:
        if was is not (self._running.get(record.id) or self._ended.get(record.id)):
            return False
        await self.forget(record.id)
        await self.claim(record)
        await self.settle(record)
        return True

    async def free_left(self) -> None:
        """What is not ended when its process is will never be."""

    async def get(self, id: str) -> Record | None:
        self._expire()
        return self._running.get(id) or self._ended.get(id)

    async def find(self, owner: str, name: str) -> Record | None:
        record = await self.get(name)
        if record is not None and record.owner == owner:
            return record
        return await self.get(self._references.get((owner, name), ""))

    async def forget(self, id: str) -> None:
        if id in self._ended:
            self._drop(id)
        elif id in self._running:
            self._free(self._running.pop(id))

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        return ()

    async def release(self, id: str) -> None:
        """What is not ended when its process is will never be: there is nobody to tell."""

    async def call_off(self, id: str) -> None:
        """Nobody but this process is at work on anything here."""

    async def fate(self, id: str) -> Fate:
        return Fate.LOST

    async def sweep(self) -> None:
        self._expire()
        self._shrink()

    def _expire(self) -> None:
        limit = self._clock() - self._retention
        while self._ended and next(iter(self._ended.values())).created < limit:
            self._drop(next(iter(self._ended)))

    def _shrink(self) -> None:
        while len(self._ended) > self._max_records:
            self._drop(next(iter(self._ended)))
        while self.held > self._max_bytes:
            id, size = self._sizes.popitem(last=False)
            self.held -= size
            self._ended[id] = replace(self._ended[id], outcome=None)

    def _drop(self, id: str) -> None:
        self._free(self._ended.pop(id))
        self.held -= self._sizes.pop(id, 0)

    def _free(self, record: Record) -> None:
        """Give back its names, unless a later call has them by now."""
        _drop_name(self._keys, record, record.key)
        _drop_name(self._references, record, record.reference)


def _drop_name(names: dict[tuple[str, str], str], record: Record, name: str | None) -> None:
    if name is not None and names.get((record.owner, name)) == record.id:
        del names[record.owner, name]
