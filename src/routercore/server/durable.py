"""Records in the ledger's database: shared by all processes of a server, and by those after them.

The bytes of images are in the image store, once each; the row has the rest of the answer and says
where they go. What the image store cannot take stays in the row, if it is small.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pydantic_core
from starlette.concurrency import run_in_threadpool

from routercore.engine.jsons import dumps
from routercore.server import log
from routercore.server.faults import StoreDownError
from routercore.server.records import Fate, JobState, Outcome, Record
from routercore.server.replies import Encoded, Part
from routercore.server.store import Store
from routercore.state.ledger import calls
from routercore.state.ledger.calls import Bounds, Call
from routercore.state.ledger.sql import SqlLedger
from routercore.values.images import Image, sniff_format

MAX_INLINE = 4 * 1024 * 1024
"""Bytes of one result's images that a row may hold where the image store takes none."""
LEASE_SECONDS = 30.0
"""How long a process is taken to live after it was last heard of."""
BROKEN = (ValueError, TypeError, LookupError, AttributeError)
"""What it comes to when a row that was damaged is read."""


class DurableRecordStore:
    """See :class:`routercore.server.records.RecordStore`."""

    is_durable = True

    def __init__(
        self,
        ledger: SqlLedger,
        images: Store,
        *,
        retention: float,
        max_records: int,
        max_bytes: int,
        unsent_after: float,
        lease: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened before it is used.

        Args:
            ledger: whose database it is.
            images: where the bytes go.
            retention: seconds that records are kept.
            max_records: ended ones.
            max_bytes: of their results together.
            unsent_after: seconds after which a call that was not sent never will be.
            lease: seconds between two calls of :meth:`renew`, and some to spare.
            clock: seconds since 1970.
        """
        self._ledger, self._images, self._clock = ledger, images, clock
        self._retention, self._unsent_after = timedelta(seconds=retention), unsent_after
        self._max_records, self._max_bytes = max_records, max_bytes
        self._lease = timedelta(seconds=lease)

    async def claim(self, record: Record) -> Record:
        draft = self._call(record)
        bounds = self._bounds()
        known = await self._ledger.transact(partial(calls.claim, call=draft, bounds=bounds))
        return record if known is draft else await self._record(known)

    async def settle(self, record: Record) -> None:
        call = await self._settled(record)
        await self._ledger.transact(partial(calls.settle, call=call))

    async def _settled(self, record: Record) -> Call:
        """The row of a call that has ended; its images are in their place."""
        if record.outcome is None:
            return self._call(record)
        pages = _Pages(self._images, record.owner, record.outcome)
        try:
            answer = await self._images.aside.within(pages.written)
        except OSError as error:  # It hangs: whoever waits is not to wait for what it holds.
            log.store_failed(str(error))
            pages = _Pages(None, record.owner, record.outcome)
            answer = await run_in_threadpool(pages.written)
        return self._call(record, answer=answer, size=record.outcome.size)

    async def complete(self, record: Record, was: Record | None) -> bool:
        call = await self._settled(record)
        if call.answer is None:
            raise StoreDownError("The images of a late result cannot be kept.")
        before = None if was is None else dumps(was.shape).decode()
        state = None if was is None else was.state.value
        work = partial(calls.complete, call=call, state=state, shape=before)
        return await self._ledger.transact(work)

    async def free_left(self) -> None:
        await self._ledger.transact(partial(calls.free_left, now=self._now()))

    async def get(self, id: str) -> Record | None:
        return await self._found(partial(calls.get, id=id))

    async def find(self, owner: str, name: str) -> Record | None:
        return await self._found(partial(calls.find, owner=owner, name=name))

    async def forget(self, id: str) -> None:
        gone = await self._ledger.transact(partial(calls.forget, id=id))
        await self._delete_images([gone] if gone else [])

    async def renew(self, ids: Collection[str]) -> Collection[str]:
        until = self._now() + self._lease
        return await self._ledger.transact(partial(calls.renew, ids=tuple(ids), until=until))

    async def release(self, id: str) -> None:
        await self._ledger.transact(partial(calls.release, id=id))

    async def call_off(self, id: str) -> None:
        await self._ledger.transact(partial(calls.call_off, id=id))

    async def fate(self, id: str) -> Fate:
        sent = await self._ledger.transact(partial(calls.sent, id=id))
        if sent.is_pending:
            return Fate.PENDING
        return Fate.LOST if sent.is_paid else Fate.UNSENT

    async def sweep(self) -> None:
        bounds = self._bounds()
        while gone := await self._ledger.transact(partial(calls.sweep, bounds=bounds)):
            await self._delete_images(gone)

    async def _found(self, question: Callable[..., Call | None]) -> Record | None:
        call = await self._ledger.transact(question)
        if call is None or (call.state != calls.RUNNING and self._is_old(call)):
            return None
        return await self._record(call)

    def _is_old(self, call: Call) -> bool:
        return call.created < self._now() - self._retention

    async def _delete_images(self, gone: Iterable[Call]) -> None:
        """Also the image store's sweeper will, in time, delete what this overlooks."""
        if names := [(name, call.owner) for call in gone for name in _own_names(call.answer)]:
            with contextlib.suppress(OSError):
                await self._images.aside.within(self._delete, names)

    def _delete(self, names: Iterable[tuple[str, str]]) -> None:
        for name, owner in names:
            with contextlib.suppress(OSError):
                self._images.delete(name, owner)

    def _call(self, record: Record, *, answer: str | None = None, size: int = 0) -> Call:
        is_running = record.state is JobState.IN_PROGRESS
        return Call(
            id=record.id, owner=record.owner, key=record.key, reference=record.reference,
            request_hash=record.request_hash, created=_moment(record.created),
            state=record.state.value, shape=dumps(record.shape).decode(), answer=answer,
            size=size, alive_until=self._now() + self._lease if is_running else None,
        )  # fmt: skip

    async def _record(self, call: Call) -> Record:
        outcome = None
        if call.answer is not None:
            try:
                outcome = await self._images.aside.within(_read, call.answer, self._images)
            except OSError as error:
                log.store_failed(str(error))
                raise StoreDownError("The store of images does not answer; try again.") from error
            except BROKEN as error:
                log.record_broken(call.id, error)
        return Record(
            id=call.id, owner=call.owner, key=call.key, reference=call.reference,
            request_hash=call.request_hash, created=call.created.timestamp(),
            shape=_shape(call), state=JobState(call.state),
            outcome=outcome, is_left=calls.left(call, self._now()),
        )  # fmt: skip

    def _bounds(self) -> Bounds:
        now = self._now()
        return Bounds(
            now=now, created_after=now - self._retention,
            unsent_before=now - timedelta(seconds=self._unsent_after),
            max_calls=self._max_records, max_bytes=self._max_bytes,
        )  # fmt: skip

    def _now(self) -> datetime:
        return _moment(self._clock())


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(slots=True)
class _Pages:
    """An answer on its way into a row: text as it is, and images as numbers of a list."""

    images: Store | None
    """Where images go; into the row unless there is one."""
    owner: str
    outcome: Outcome
    numbers: dict[str, int] = field(default_factory=dict)
    places: list[dict[str, Any]] = field(default_factory=list)
    inline: int = 0

    def written(self) -> str | None:
        """The row's text, or nothing where the images are too large to be kept there."""
        outcome = self.outcome
        told = {
            "status": outcome.status,
            "headers": dict(outcome.headers),
            "error": outcome.error,
            "parts": self._all(outcome.parts),
            "frames": [self._all(frame) for frame in outcome.frames],
            "images": self.places,
        }
        return dumps(told).decode() if self.inline <= MAX_INLINE else None

    def _all(self, parts: Iterable[Part]) -> list[str | int]:
        return [self._image(p.data) if isinstance(p, Encoded) else p.decode() for p in parts]

    def _image(self, data: bytes) -> int:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self.numbers:
            self.numbers[digest] = len(self.places)
            self.places.append(self._place(data, digest))
        return self.numbers[digest]

    def _place(self, data: bytes, digest: str) -> dict[str, Any]:
        if digest in self.outcome.names:
            return {"name": self.outcome.names[digest], "digest": digest}
        format = sniff_format(data)
        if self.images is not None and format is not None:
            try:
                name = self.images.put(Image(data=data, format=format, size=None), self.owner)
                return {"name": name, "digest": digest, "is_own": True}
            except OSError as error:
                log.store_failed(str(error))
        self.inline += len(data)
        small = self.inline <= MAX_INLINE
        return {"base64": base64.b64encode(data).decode() if small else "", "digest": digest}


def _read(answer: str, images: Store) -> Outcome | None:
    """The answer of a row; nothing where one of its images is not to be had any more."""
    told: dict[str, Any] = pydantic_core.from_json(answer)
    loaded = [_load(place, images) for place in told["images"]]
    if None in loaded:
        return None
    data = [Encoded(one) for one in loaded if one is not None]

    def parts(pieces: Iterable[str | int]) -> list[Part]:
        return [data[p] if isinstance(p, int) else p.encode() for p in pieces]

    return Outcome(
        status=told["status"], headers=told["headers"], error=told["error"],
        parts=tuple(parts(told["parts"])), frames=tuple(parts(one) for one in told["frames"]),
    )  # fmt: skip


def _load(place: Mapping[str, Any], images: Store) -> bytes | None:
    if "base64" in place:
        return base64.b64decode(place["base64"])
    stored = images.get(place["name"])
    if stored is None or hashlib.sha256(stored.data).hexdigest() != place["digest"]:
        return None  # A result is the same bytes for ever, or it is gone.
    return stored.data


def _shape(call: Call) -> Mapping[str, Any]:
    try:
        return dict(pydantic_core.from_json(call.shape))
    except BROKEN as error:
        log.record_broken(call.id, error)
        return {}


def _own_names(answer: str | None) -> list[str]:
    """Names of the images that are in the image store for this row alone."""
    try:
        places = pydantic_core.from_json(answer)["images"] if answer else []
        return [place["name"] for place in places if place.get("is_own")]
    except BROKEN:  # The image store's sweeper will find them.
        return []
