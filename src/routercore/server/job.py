"""One call under way: who waits for it, what it has told so far, and what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routercore.engine.jsons import dumps
from routercore.engine.watching import Watch
from routercore.server.answers import header_text
from routercore.server.events import KEEPALIVE, KEEPALIVE_SECONDS, Frame, error_frame
from routercore.server.faults import InternalError, Redactor, error_body, error_headers
from routercore.server.records import Outcome, Record
from routercore.values.errors import RouterError
from routercore.values.limits import UNLIMITED, Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A call as it is asked for."""

    id: str
    owner: str
    key: str | None = None
    reference: str | None = None
    request_hash: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    is_submitted: bool = False
    """Its client means to come back for it."""
    is_ephemeral: bool = False
    """Its result is for those alone who wait for it."""


class Job:
    """One call under way, or just ended."""

    def __init__(self, record: Record, order: Order | None = None) -> None:
        """``order`` is what is done here; a job without one is done elsewhere."""
        self.record = record
        self.order = order
        self.frames: list[Frame] = []
        self.admission = UNLIMITED
        self.outcome: Outcome | None = None
        self.task: asyncio.Task[None] | None = None
        self.watch = Watch()
        self.waiting = 0
        """Clients that wait for it."""
        self.was_left = False
        """Whether one of them hung up."""
        self.is_recorded = False
        """Whether the store has it."""
        self.is_dropped = False
        """Whether it was given up before it could cost anything: there is nothing to remember."""
        self.recording = asyncio.Lock()
        self.is_admitted = False
        """Whether its caller's limits had room for it; before that nothing is done."""
        self._news = asyncio.Event()

    @property
    def is_passing(self) -> bool:
        """Whether nobody asked to remember it: that is for a client that hangs up."""
        return self.order is not None and not self.order.is_submitted and self.order.key is None

    @property
    def is_abandoned(self) -> bool:
        """Whether its clients have hung up, and did not say that they would."""
        is_alone = self.was_left and not self.waiting
        return is_alone and self.order is not None and not self.order.is_submitted

    def admit(self, admission: Admission) -> None:
        """The caller's limits have room for it."""
        self.admission, self.is_admitted = admission, True
        self._ring()

    def tell(self, frame: Frame) -> None:
        """Add an event."""
        self.frames.append(frame)
        self._ring()

    def end(self, record: Record, outcome: Outcome) -> None:
        """It has come to something."""
        self.record, self.outcome = record, outcome
        self.watch.on_accepted = None  # It knows the job: pictures would stay until that is seen.
        self._ring()

    def _ring(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def begun(self) -> None:
        """Return once the call is let in, or has ended."""
        while not self.is_admitted and self.outcome is None:
            await self._news.wait()

    async def shown(self) -> None:
        """Return once there is an event, or the call has ended."""
        while not self.frames and self.outcome is None:
            await self._news.wait()

    async def ended(self) -> Outcome:
        """Return what it comes to."""
        while self.outcome is None:
            await self._news.wait()
        return self.outcome

    async def follow(self, keepalive: float = KEEPALIVE_SECONDS) -> AsyncIterator[Frame]:
        """All events from the first, as they happen, with signs of life in between."""
        seen = 0
        while True:
            for frame in self.frames[seen:]:
                seen += 1
                yield frame
            if self.outcome is not None and seen == len(self.frames):
                return
            if seen == len(self.frames):
                try:
                    async with asyncio.timeout(keepalive):
                        await self._news.wait()
                except TimeoutError:
                    yield KEEPALIVE

    def failed(self, error: RouterError, redactor: Redactor) -> Outcome:
        """The outcome that an error is, told also as an event."""
        body = error_body(error, redactor)
        self.tell(error_frame(error, redactor))
        return Outcome(
            status=error.status,
            headers={name: header_text(value) for name, value in error_headers(error).items()},
            parts=(dumps({"error": body}),),
            frames=tuple(self.frames),
            error=body,
            may_repeat=error.may_retry is not False and not isinstance(error, InternalError),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A call that was asked for again: under way, or remembered."""

    record: Record
    job: Job | None
    is_new: bool = False


Work = Callable[[Job], Awaitable[Outcome]]
