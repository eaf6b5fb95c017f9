"""What stores of records hold exactly: to the second, to the byte, and whose they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.server.test_records import (
    DURABLE,
    LEASE,
    UNSENT_AFTER,
    Shop,
    kind,
    shop,
    shops,
)

from routercore.server.faults import StoreDownError
from routercore.server.records import Fate, JobState, Outcome
from routercore.server.replies import Encoded

__all__ = ["kind", "shop", "shops"]


async def test_a_record_is_kept_for_all_of_its_time(shop: Shop) -> None:
    """Until its retention is over, and not a moment longer, is its key taken."""
    ended = await shop.add("1", key="k")
    shop.now += 100
    assert ended.id == (await shop.store.claim(shop.record("2", key="k"))).id
    assert [True] == await shop.kept("1")
    shop.now += 0.5
    fresh = shop.record("3", key="k")
    assert fresh is await shop.store.claim(fresh)
    assert [None] == await shop.kept("1")


async def test_results_may_fill_their_room(shops: Any) -> None:
    """As many bytes as are allowed, and not one more."""
    shop = shops(max_bytes=30)
    for id in ("a", "b", "c"):
        await shop.add(id)
        shop.now += 1
    await shop.store.sweep()
    assert [True] * 3 == await shop.kept("a", "b", "c")
    await shop.add("d", size=1)
    await shop.store.sweep()
    assert [False, True, True, True] == await shop.kept("a", "b", "c", "d")


async def test_the_oldest_results_go_first(shops: Any) -> None:
    """Whatever the order in which they came, and only as many as are needed."""
    shop = shops(max_bytes=20)
    for id, size in (("a", 4), ("b", 5), ("c", 6), ("d", 7)):
        await shop.add(id, size=size)
        shop.now += 1
    await shop.store.sweep()
    assert [False, True, True, True] == await shop.kept("a", "b", "c", "d")


async def test_as_many_results_go_as_must(shops: Any) -> None:
    """Each that goes makes the room that it took, and no more go when the rest fits."""
    shop = shops(max_bytes=13)
    for id, size in (("a", 4), ("b", 5), ("c", 6), ("d", 7)):
        await shop.add(id, size=size)
        shop.now += 1
    await shop.store.sweep()
    assert [False, False, True, True] == await shop.kept("a", "b", "c", "d")


async def test_room_is_given_back(shops: Any) -> None:
    """What was forgotten, expired or dropped takes no room any more."""
    shop = shops(max_bytes=20)
    await shop.add("a", size=15)
    await shop.store.forget("a")
    await shop.add("b", size=15)
    await shop.store.sweep()
    assert [True] == await shop.kept("b")
    await shop.add("c", size=15)
    await shop.store.sweep()
    shop.now += 1
    await shop.add("d", size=5)
    await shop.store.sweep()
    assert [False, True, True] == await shop.kept("b", "c", "d")
    await shop.store.claim(shop.record("e"))
    for id in ("e", "b"):  # Neither had a result.
        await shop.store.forget(id)
    await shop.add("f", size=1)
    await shop.store.sweep()
    assert [False, True, True] == await shop.kept("c", "d", "f")


async def test_too_many_and_too_old(shops: Any) -> None:
    """Number and age bound what has ended; what is under way is not counted."""
    shop = shops(max_records=2)
    await shop.store.claim(shop.record("running"))
    for id in ("a", "b"):
        shop.now += 1
        await shop.add(id)
    await shop.store.sweep()
    assert [False, True, True] == await shop.kept("running", "a", "b")


async def test_a_name_goes_with_its_record(shop: Shop) -> None:
    """A name that was forgotten is nobody's, unless a later call has it."""
    await shop.add("1", key=None, reference="mine")
    await shop.store.forget("1")
    assert await shop.store.find("a", "mine") is None
    await shop.add("2", key=None, reference="mine")
    shop.now += 1
    await shop.add("3", key=None, reference="mine")
    await shop.store.forget("2")
    found = await shop.store.find("a", "mine")
    assert "3" == (found.id if found else None)
    await shop.add("4", key=None, reference=None)
    await shop.store.forget("4")
    assert await shop.store.find("a", "no such name") is None


async def test_an_id_is_stronger_than_a_name(shop: Shop) -> None:
    """Whoever calls a request by the id of another gets the other."""
    await shop.add("1", key=None)
    shop.now += 1
    await shop.add("2", key=None, reference="1")
    found = await shop.store.find("a", "1")
    assert "1" == (found.id if found else None)


async def test_a_key_that_a_later_call_has(shop: Shop) -> None:
    """Forgetting a call that gave its key back leaves the key with the call that took it."""
    record = await shop.store.claim(shop.record("1", key="k"))
    await shop.store.settle(replace(record, key=None, state=JobState.FAILED))
    await shop.store.claim(shop.record("2", key="k"))
    await shop.store.forget("1")
    assert "2" == (await shop.store.claim(shop.record("3", key="k"))).id


@pytest.mark.parametrize("kind", ["memory"])
class TestMemory:
    """What is true of one process alone."""

    async def test_what_it_holds(self, shop: Shop) -> None:
        """The bytes of the results that are kept are told."""
        store: Any = shop.store
        held = [store.held]
        for id in ("a", "b"):
            await shop.add(id, size=30)
            held.append(store.held)
        await shop.store.forget("a")
        assert [0, 30, 60, 30] == [*held, store.held]
        assert (False, Fate.LOST) == (shop.store.is_durable, await shop.store.fate("a"))
        assert () == tuple(await shop.store.renew(["b"]))


@pytest.mark.parametrize("kind", DURABLE)
class TestDurable:
    """What a database adds, to the second."""

    async def test_every_field_comes_back(self, shop: Shop) -> None:
        """A later process knows of a call what this one knew."""
        record = shop.record("1", key="k", reference="mine", shape={"form": "url"})
        await shop.store.claim(record)
        error = {"code": "moderation_blocked"}
        outcome = Outcome(status=400, headers={"x": "y"}, parts=(b"a",), frames=((b"b",),),
                          error=error)  # fmt: skip
        ended = replace(record, state=JobState.FAILED, outcome=outcome)
        await shop.store.settle(ended)

        found = await shop.process().get("1")

        frames = (
            tuple(tuple(frame) for frame in found.outcome.frames) if found and found.outcome else ()
        )
        assert ((b"b",),) == frames
        assert found is not None
        assert found.outcome is not None
        assert replace(ended, outcome=None) == replace(found, outcome=None)
        assert replace(outcome, frames=()) == replace(found.outcome, frames=())
        assert shop.store.is_durable

    async def test_a_lease_ends_to_the_second(self, shop: Shop) -> None:
        """At its end a call is left, and not before."""
        await shop.store.claim(shop.record("1"))
        shop.now += LEASE - 0.5
        before = await shop.store.get("1")
        shop.now += 0.5
        after = await shop.store.get("1")
        assert [False, True] == [one.is_left for one in (before, after) if one]

    async def test_a_key_is_free_to_the_second(self, shop: Shop) -> None:
        """Nothing was sent: when the lease is over and the time to send has passed."""
        await shop.store.claim(shop.record("1", key="k"))
        await shop.store.release("1")
        shop.now += UNSENT_AFTER
        assert "1" == (await shop.store.claim(shop.record("2", key="k"))).id
        shop.now += 0.5
        fresh = shop.record("3", key="k")
        assert fresh is await shop.store.claim(fresh)
        await shop.store.renew(["3"])
        shop.now += UNSENT_AFTER + 1
        await shop.store.renew(["3"])
        shop.now += LEASE - 0.5
        assert "3" == (await shop.store.claim(shop.record("4", key="k"))).id
        shop.now += 0.5
        fresh = shop.record("5", key="k")
        assert fresh is await shop.store.claim(fresh)

    async def test_only_what_was_asked_about_is_told(self, shop: Shop) -> None:
        """Whoever renews hears of its own calls alone, and only of those that are under way."""
        for id in ("1", "2", "3"):
            await shop.store.claim(shop.record(id))
            await shop.store.call_off(id)
        await shop.add("4")
        await shop.store.call_off("4")
        await shop.store.settle(shop.record("3", state=JobState.CANCELLED))
        assert ["1"] == list(await shop.store.renew(["1", "3", "4"]))

    async def test_a_sweep_takes_what_is_too_old(self, shop: Shop) -> None:
        """What has ended, and what was left for as long; not what is new, or worked on."""
        await shop.store.claim(shop.record("left"))
        await shop.store.claim(shop.record("held"))
        await shop.add("ended")
        shop.now += 60
        await shop.add("new")
        shop.now += 40
        await shop.store.renew(["held"])
        await shop.store.sweep()
        rows = [await self.there(shop, id) for id in ("left", "held", "ended", "new")]
        assert [True] * 4 == rows
        shop.now += 20
        await shop.store.sweep()
        rows = [await self.there(shop, id) for id in ("left", "held", "ended", "new")]
        assert [False, True, False, True] == rows

    async def there(self, shop: Shop, id: str) -> bool:
        """Whether the database has a row of that id, whatever its age."""
        from routercore.state.ledger import calls

        return await shop.ledgers[0].transact(lambda one: calls.get(one, id=id)) is not None

    async def test_age_is_by_when_a_call_began(self, shops: Any) -> None:
        """The oldest result is that of the call that began first, whichever was settled first."""
        shop = shops(max_bytes=15)
        await shop.add("young", created=shop.now + 5)
        await shop.add("old")
        await shop.store.sweep()
        assert [True, False] == await shop.kept("young", "old")

    async def test_bytes_that_are_no_image_come_back(self, shop: Shop) -> None:
        """What the store of images does not take is in the row, byte for byte, and once."""
        data = bytes(range(256))
        record = await shop.store.claim(shop.record("1"))
        parts = (b"a", Encoded(data), b"b", Encoded(data), Encoded(b"other"))
        outcome = Outcome(status=200, headers={}, parts=parts, frames=())
        await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))
        found = await shop.store.get("1")
        assert found is not None
        assert found.outcome is not None
        assert [getattr(part, "data", part) for part in parts] == [
            getattr(part, "data", part) for part in found.outcome.parts
        ]

    async def test_a_store_of_images_that_is_down(self, shop: Shop) -> None:
        """A result that cannot be read now is not one that is gone: come again."""
        from tests.upstreams import picture

        record = await shop.store.claim(shop.record("1"))
        outcome = Outcome(status=200, headers={}, parts=(Encoded(picture()),), frames=())
        await shop.store.settle(replace(record, state=JobState.COMPLETED, outcome=outcome))
        (path,) = shop.folder.rglob("*.png")
        path.unlink()
        path.mkdir()

        with pytest.raises(
            StoreDownError, match=r"^The store of images does not answer; try again"
        ):
            await shop.store.get("1")

    async def test_jobs_of_the_dead_are_freed(self, shop: Shop) -> None:
        """Once its lease has run out a call's accepted jobs may be collected, by anybody."""
        from routercore.values.leases import Mark
        from routercore.values.ledger import Hold, Kind, Step

        now = datetime.fromtimestamp(shop.now, UTC)
        ledger = shop.ledgers[0]
        for id in ("dead", "alive"):
            await shop.store.claim(shop.record(id))
            await ledger.reserve(
                Hold(attempt=id, request=id, caller="a", provider="p", model="m", target="p:m",
                     micros=1, at=now, expires=now + timedelta(seconds=60))
            )  # fmt: skip
            await ledger.write(Step(attempt=id, kind=Kind.DISPATCHED, at=now))
            await ledger.mark(Mark(attempt=id, ticket="{}"))
        await shop.store.release("dead")
        await shop.store.free_left()
        from sqlalchemy import select

        from routercore.state.ledger import tables

        rows = tables.attempts.c
        query = select(rows.request).where(rows.leased_until.is_not(None))
        freed = await ledger.transact(lambda one: list(one.scalars(query)))
        assert ["dead"] == freed

    @pytest.mark.parametrize("field", ["answer", "shape"])
    @pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"images": 7}', '{"images": [7]}'])
    async def test_a_row_that_is_damaged(self, shop: Shop, field: str, text: str) -> None:
        """Its result counts as not kept: its key stays taken, and sweeps go on past it."""
        from sqlalchemy import update

        from routercore.state.ledger import tables

        await shop.add("1", key="k")
        spoil = update(tables.calls).values({field: text})
        await shop.ledgers[0].transact(lambda c: c.execute(spoil))

        known = await shop.store.claim(shop.record("2", key="k"))
        shop.now += 200
        await shop.store.sweep()

        assert ("1", JobState.COMPLETED) == (known.id, known.state)
        assert (field == "answer") == (known.outcome is None)
        assert [None] == await shop.kept("1")
