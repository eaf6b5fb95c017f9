"""Pictures that come after their request: of processes that died, and of upstreams that were slow.

Each becomes the answer of its call, so that the idempotency key, or the id of the job, finds it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

from routercore.engine.collecting import Collected
from routercore.engine.pixels import inspect
from routercore.router import Router
from routercore.server import log
from routercore.server.answering import Answerer, Shape, read_shape
from routercore.server.records import JobState, Record, RecordStore
from routercore.server.store import Store
from routercore.values.errors import LedgerUnavailableError
from routercore.values.images import Image, ImageResult
from routercore.values.money import Basis, Cost

MOST_SECONDS = 60.0
"""Between two looks for jobs that nobody is at."""
TRIES = 5
PARTS = "collected"
"""Where the shape of a call says which of its images came late, by attempt."""


class Recovery:
    """Collects, and puts what it gets in the place of what is remembered of the call."""

    def __init__(
        self, router: Router, records: RecordStore, answerer: Answerer, images: Store, *,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._router, self._records, self._answerer = router, records, answerer
        self._images, self._now = images, now
        server = router.engine.setup.server
        self._origin = server.public_url or f"http://{server.host}:{server.port}"
        self._pause = min(server.job_lease, MOST_SECONDS)
        self._task: asyncio.Task[None] | None = None
        self._taking = WeakValueDictionary[str, asyncio.Lock]()

    def open(self) -> None:
        """Begin to look, now and every so often, and take what comes late here."""
        self._router.on_late_result(self.take)
        self._task = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Look no more; what is under way is left to others."""
        self._router.on_late_result(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look(self) -> None:
        while True:
            try:
                await self._records.free_left()
                await self._router.collect(self.take)
            except LedgerUnavailableError as error:
                log.record_failed("", error)
            except Exception as error:  # noqa: BLE001 - whatever one job is, others come after it
                log.crashed("", error)
            await asyncio.sleep(self._pause)

    async def take(self, collected: Collected) -> None:
        """Make pictures the answer of their call; once, however often they come.

        Raises:
            RouterError: they could not be kept, and must come again.
            OSError: the store of images failed, or hangs; the same.
        """
        # The parts of one request come side by side; other requests do not wait for them.
        async with self._taking.setdefault(collected.request_id, asyncio.Lock()):
            for _ in range(TRIES):
                if await self._took(collected):
                    return
        raise LedgerUnavailableError("the record of a late result changes all the time")

    async def _took(self, collected: Collected) -> bool:
        record = await self._records.get(collected.request_id)
        if record is None or record.owner != collected.caller:
            record = None
        shape = self._shape(collected, record)
        parts: Mapping[str, Any] = record.shape.get(PARTS, {}) if record else {}
        if shape.is_ephemeral or collected.attempt in parts:
            return True
        if record is not None and record.state is JobState.COMPLETED and not parts:
            return await self._beside(collected, shape)
        within = self._images.aside.within
        mine = await within(self._part, collected)
        result = await within(self._whole, collected, [*parts.values()])
        outcome = await self._answerer.late(result, shape, collected.caller)
        written = {**shape.written(), PARTS: {**parts, collected.attempt: mine}}
        fresh = record or Record(
            id=collected.request_id, owner=collected.caller, created=self._now()
        )
        ended = replace(fresh, state=JobState.COMPLETED, outcome=outcome, shape=written)
        return await self._records.complete(ended, record)

    async def _beside(self, collected: Collected, shape: Shape) -> bool:
        """The call was answered by another upstream: the picture has a record of its own.

        It goes by the id of its attempt, which the ledger tells.
        """
        if await self._records.get(collected.attempt) is None:
            outcome = await self._answerer.late(collected.result, shape, collected.caller)
            own = Record(
                id=collected.attempt, owner=collected.caller, created=self._now(),
                state=JobState.COMPLETED, outcome=outcome, shape=shape.written(),
            )  # fmt: skip
            return await self._records.complete(own, None)
        return True

    def _shape(self, collected: Collected, record: Record | None) -> Shape:
        written = record.shape if record else {}
        return read_shape(written, model=collected.result.model, origin=self._origin)

    def _part(self, collected: Collected) -> dict[str, Any]:
        """What is remembered of one attempt's pictures, for those that come after them."""
        images = collected.result.images
        usd = collected.result.cost.usd
        return {
            "usd": None if usd is None else str(usd),
            "basis": collected.result.cost.basis.value,
            "images": [
                {
                    "name": self._images.put(image, collected.caller),
                    "seed": image.seed,
                    "revised_prompt": image.revised_prompt,
                    "target": image.target,
                }
                for image in images
            ],
        }

    def _whole(self, collected: Collected, earlier: list[Mapping[str, Any]]) -> ImageResult:
        """The result with the pictures that came before, as far as they are still there."""
        images: list[Image] = []
        cost = collected.result.cost
        for part in earlier:
            images += [image for one in part["images"] if (image := self._load(one))]
            cost = _cost(part) + cost
        images += collected.result.images
        return replace(collected.result, images=tuple(images), cost=cost)

    def _load(self, told: Mapping[str, Any]) -> Image | None:
        stored = self._images.get(told["name"])
        if stored is None:
            return None
        facts = inspect(stored.data)
        return Image(
            data=stored.data, format=facts.format, size=facts.size, seed=told["seed"],
            revised_prompt=told["revised_prompt"], target=told.get("target", ""),
        )  # fmt: skip


def _cost(part: Mapping[str, Any]) -> Cost:
    usd = part["usd"]
    return Cost(usd=None if usd is None else Decimal(usd), basis=Basis(part["basis"]))
