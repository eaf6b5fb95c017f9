"""What is remembered of calls that outlive their connection, and for how long."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
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

    @property
    def size(self) -> int:
        """Bytes, more or less: body and events share the images they carry."""
        return length_of(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call. Without an outcome it is under way, or its result was not to be kept."""

    id: str
    owner: str
    request_hash: str
    created: float
    """Seconds since 1970."""
    key: str | None = None
    """The idempotency key; unique for its owner."""
    state: JobState = JobState.IN_PROGRESS
    outcome: Outcome | None = None


class RecordStore(Protocol):
    """Remembers calls; in memory here, and behind this protocol wherever else."""

    async def claim(self, record: Record) -> Record:
        """Add ``record``, unless its owner has one of the same key: that is returned instead."""
        ...

    async def settle(self, record: Record) -> None:
        """Put the end of a call in the place of its beginning."""
        ...

    async def get(self, id: str) -> Record | None:
        """The record of that id."""
        ...

    async def forget(self, id: str) -> None:
        """Remove a record and free its key."""
        ...


class MemoryRecordStore:
    """Records of one process, bounded by age, number and bytes.

    Where bytes run short the oldest results go first, and their records stay: a key that was used
    keeps its call from being made and paid for again.
    """

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
        self.held = 0
        """Bytes of the results that are kept."""

    async def claim(self, record: Record) -> Record:
        self._expire()
        if record.key is not None:
            known = self._keys.setdefault((record.owner, record.key), record.id)
            if known != record.id:
                return self._running.get(known) or self._ended[known]
        self._running[record.id] = record
        return record

    async def settle(self, record: Record) -> None:
        began = self._running.pop(record.id)
        if began.key != record.key:
            self._free(began)
        self._ended[record.id] = record
        if record.outcome is not None:
            self._sizes[record.id] = record.outcome.size
            self.held += record.outcome.size
        self._shrink()

    async def get(self, id: str) -> Record | None:
        self._expire()
        return self._running.get(id) or self._ended.get(id)

    async def forget(self, id: str) -> None:
        if id in self._ended:
            self._drop(id)

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
        if record.key is not None:
            self._keys.pop((record.owner, record.key), None)
