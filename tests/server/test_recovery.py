"""Pictures that come after their request become the answer of its call."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pydantic_core
import pytest
from tests.serving import router_of, setup
from tests.upstreams import picture

from routercore.engine.collecting import Collected
from routercore.engine.setup import LedgerSetup, ServerSetup, StoreSetup
from routercore.router import Router
from routercore.server.answering import Answerer, Shape
from routercore.server.faults import Redactor
from routercore.server.files import Shelf
from routercore.server.folder import Folder
from routercore.server.recording import open_records
from routercore.server.records import JobState, Outcome, Record, RecordStore
from routercore.server.recovery import TRIES, Recovery
from routercore.server.replies import small
from routercore.server.store import Place
from routercore.values.errors import LedgerUnavailableError
from routercore.values.images import Image, ImageResult
from routercore.values.money import Basis, Cost
from routercore.values.sizes import Size

SHAPE = {"origin": "http://here", "request": {"model": "poster", "n": 3}, "form": "url"}


class Desk:
    """A recovery with what it stands on."""

    def __init__(self, router: Router, folder: Path, place: Place | None = None) -> None:
        self.router, self.folder, self.now = router, folder, float(round(time.time()))
        self.shelf = Shelf(router.engine.setup, place)
        self.records: RecordStore = open_records(
            router.engine.setup, router.engine.ledger, self.shelf.store
        )
        answerer = Answerer(self.shelf, Redactor(()), ("b64_json",))
        self.recovery = Recovery(
            router, self.records, answerer, self.shelf.store, now=lambda: self.now
        )

    async def begun(self, **changes: Any) -> Record:
        settings = {"id": "req_1", "owner": "a", "key": "k", "created": time.time(), **changes}
        return await self.records.claim(Record(**{"shape": SHAPE, **settings}))

    async def body(self, id: str = "req_1") -> Mapping[str, Any]:
        record = await self.records.get(id)
        assert record is not None
        assert record.outcome is not None
        body: Mapping[str, Any] = pydantic_core.from_json(b"".join(small(record.outcome.parts)))
        return body

    def pictures(self) -> int:
        return len(list(self.folder.rglob("*.png")))


@pytest.fixture(params=["memory", "sqlite"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    pytest.importorskip("sqlalchemy")
    url = f"sqlite:///{tmp_path}/ledger.db" if request.param == "sqlite" else None
    async with router_of(setup(tmp_path / "images", ledger=LedgerSetup(url=url))) as router:
        desk = Desk(router, tmp_path)
        yield desk
        await desk.shelf.close()


def collected(attempt: str = "1", edge: int = 64, request: str = "req_1") -> Collected:
    """What a collector hands over for one job."""
    image = Image(data=picture(edge, edge), format="png", size=Size(edge, edge), seed=edge)
    result = ImageResult(
        id=request, created=datetime.now(UTC), images=(image,), model="poster",
        target="near:poster", cost=Cost(usd=Decimal("0.04"), basis=Basis.TABLE),
    )  # fmt: skip
    return Collected(request_id=request, caller="a", attempt=attempt, result=result)


@pytest.mark.fault("F32", how="a job that is done after its request has failed")
async def test_a_failed_call_gets_its_picture(desk: Desk) -> None:
    """In the form that was asked for, with its events, under its key."""
    record = await desk.begun()
    failed = Outcome(status=504, headers={}, parts=(b"{}",), frames=(), error={"code": "x"})
    await desk.records.settle(replace(record, state=JobState.FAILED, outcome=failed))

    await desk.recovery.take(collected())

    known = await desk.begun(id="req_2")
    body = await desk.body()
    assert ("req_1", JobState.COMPLETED) == (known.id, known.state)
    assert ["url"] == [key for key in body["data"][0] if key in ("url", "b64_json")]
    assert ("http://here/files/", 3) == (body["data"][0]["url"][:18], body["requested"]["n"])
    assert known.outcome is not None
    assert known.outcome.frames


async def test_the_parts_of_a_call(desk: Desk) -> None:
    """Of a request that was split every job adds its pictures and its price, once."""
    await desk.begun()
    parts = [collected(str(edge), edge) for edge in (16, 32, 48)]

    await asyncio.gather(*(desk.recovery.take(part) for part in [*parts, *parts]))

    body = await desk.body()
    assert {"16x16", "32x32", "48x48"} == {image["size"] for image in body["data"]}
    assert (3, {16, 32, 48}) == (len(body["data"]), {image["seed"] for image in body["data"]})
    assert 0.12 == pytest.approx(body["cost"])


async def test_a_call_that_nobody_remembers(desk: Desk) -> None:
    """It is found by the request's id, in the form that answers usually have."""
    await desk.recovery.take(collected())

    found = await desk.records.find("a", "req_1")
    assert found is not None
    assert desk.now == found.created
    assert "b64_json" in (await desk.body())["data"][0]
    assert await desk.records.find("b", "req_1") is None


async def test_a_call_that_another_upstream_answered(desk: Desk) -> None:
    """Its answer stays as it was; the late picture is found by the id of its attempt."""
    record = await desk.begun()
    answer = Outcome(status=200, headers={}, parts=(b'{"data":[]}',), frames=())
    await desk.records.settle(replace(record, state=JobState.COMPLETED, outcome=answer))

    for _ in range(2):
        await desk.recovery.take(collected("req_1-1-0.x1"))

    assert {"data": []} == await desk.body()
    assert 1 == len((await desk.body("req_1-1-0.x1"))["data"])


async def test_an_ephemeral_picture(desk: Desk) -> None:
    """Nobody is left to have it, so nothing of it stays."""
    await desk.begun(shape={**SHAPE, "form": "b64_ephemeral"})

    await desk.recovery.take(collected())

    assert 0 == desk.pictures()
    record = await desk.records.get("req_1")
    assert record is not None
    assert record.outcome is None


async def test_a_record_that_changes_all_the_time(desk: Desk) -> None:
    """After a few tries the pictures have to come again: they are neither lost nor doubled."""
    await desk.begun()
    tries = 0

    async def never(record: Record, was: Record | None) -> bool:
        nonlocal tries
        tries += 1
        return False

    complete, desk.records.complete = desk.records.complete, never  # type: ignore[method-assign]
    with pytest.raises(LedgerUnavailableError):
        await desk.recovery.take(collected())
    desk.records.complete = complete  # type: ignore[method-assign]
    await desk.recovery.take(collected())

    assert (TRIES, 1) == (tries, len((await desk.body())["data"]))


async def test_a_picture_that_is_gone_by_then(desk: Desk) -> None:
    """The parts of a call that are still there make its answer; it costs what all of them cost."""
    await desk.begun()
    await desk.recovery.take(collected("1"))
    for path in desk.folder.rglob("*.png"):
        path.unlink()
    await desk.recovery.take(collected("2", edge=32))

    body = await desk.body()
    assert (1, "32x32") == (len(body["data"]), body["size"])


async def test_an_end_before_the_beginning(desk: Desk) -> None:
    """A server that never came up ends without ado."""
    await desk.recovery.close()
    assert 0 == desk.pictures()


class Slow(Answerer):
    """Takes as long as it is told to for the answers of one request."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf, Redactor(()), ("b64_json",))
        self.has_begun, self.may_end, self.looks = asyncio.Event(), asyncio.Event(), 0

    async def late(self, result: ImageResult, shape: Shape, owner: str) -> Outcome:
        if result.id == "req_1":
            self.looks += 1
            self.has_begun.set()
            await self.may_end.wait()
        return await super().late(result, shape, owner)


async def test_a_call_that_takes_long(desk: Desk) -> None:
    """Pictures of other requests do not wait until one has got its own; its own parts do."""
    slow = Slow(desk.shelf)
    recovery = Recovery(desk.router, desk.records, slow, desk.shelf.store)
    takes = [asyncio.create_task(recovery.take(collected(str(edge), edge))) for edge in (16, 32)]
    await slow.has_begun.wait()
    async with asyncio.timeout(20):
        await recovery.take(collected("3", request="req_2"))

    assert (1, [False, False]) == (slow.looks, [take.done() for take in takes])
    assert 1 == len((await desk.body("req_2"))["data"])
    slow.may_end.set()
    await asyncio.gather(*takes)
    assert 2 == len((await desk.body())["data"])


class Jammed(Folder):
    """Hangs as long as it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened = threading.Event()

    def write(self, name: str, data: bytes, media_type: str) -> None:
        assert self.opened.wait(30)
        super().write(name, data, media_type)


async def test_a_store_that_hangs(tmp_path: Path) -> None:
    """It is waited for as long as it is given; then the pictures come again, and are there."""
    place = Jammed(tmp_path)
    async with router_of(setup(tmp_path, store=StoreSetup(timeout=1.0))) as router:
        desk = Desk(router, tmp_path, place)
        await desk.begun()
        try:
            async with asyncio.timeout(20):
                with pytest.raises(TimeoutError, match="nothing within 1 s"):
                    await desk.recovery.take(collected())
        finally:
            place.opened.set()
        await desk.recovery.take(collected())

        assert 1 == len((await desk.body())["data"])


class Stumbling:
    """A router whose first look at what was left ends in an error that nobody foresaw."""

    def __init__(self, router: Router) -> None:
        self.engine = router.engine
        self.looks = 0
        self.again = asyncio.Event()

    def on_late_result(self, take: object) -> None:
        """Nothing comes late."""

    async def collect(self, take: object) -> None:
        self.looks += 1
        if self.looks == 1:
            raise KeyError("a row of another version")
        self.again.set()


async def test_an_error_that_nobody_foresaw(tmp_path: Path) -> None:
    """It is logged, and the next look is made all the same."""
    what = setup(tmp_path, server=ServerSetup(job_lease=0.01))
    async with router_of(what) as router:
        desk, stumbling = Desk(router, tmp_path), Stumbling(router)
        answerer = Answerer(desk.shelf, Redactor(()), ("b64_json",))
        recovery = Recovery(cast(Any, stumbling), desk.records, answerer, desk.shelf.store)
        recovery.open()
        try:
            async with asyncio.timeout(10):
                await stumbling.again.wait()
        finally:
            await recovery.close()
