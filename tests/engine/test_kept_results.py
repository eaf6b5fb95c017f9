"""A result that its watcher has yet to keep is not out of the ledger's sight."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.engine.jobs import DONE, PENDING, TAKEN, Desk, collect, kit, stands
from tests.engine.kit import Kit, asking, dollars

from routercore.engine.collecting import Fate
from routercore.engine.setup import CacheSetup
from routercore.engine.watching import Watch
from routercore.values.accounts import LOST
from routercore.values.ledger import Balance, Sweep


async def made(*, is_kept: bool | None) -> Kit:
    """An engine whose one job has been delivered to a watcher, who has kept it, or not, or died."""
    first, watch = kit(TAKEN, DONE), Watch(keeps_result=True)
    result = await first.clock.run(first.engine.generate(asking(), watch=watch))
    assert (1, True) == (len(result.images), watch.is_made)
    if is_kept is not None:
        watch.kept(is_kept)
        watch.kept(not is_kept)  # Whoever speaks first is heard.
    return first


async def ends(kit: Kit) -> list[str | None]:
    ended = [logged.ended for logged in await kit.ledger.log()]
    return [None if end is None else end.status for end in ended]


@pytest.mark.parametrize(
    ("is_kept", "fates", "status"),
    [(True, {}, "completed"), (False, {Fate.COLLECTED: 1}, "cancelled"),
     (None, {Fate.COLLECTED: 1}, None)],
)  # fmt: skip
async def test_a_job_can_be_collected_until_its_result_is_kept(
    is_kept: bool | None, fates: dict[Fate, int], status: str | None
) -> None:
    """Also where the process dies between the last byte of a picture and its place in a store."""
    dead = await made(is_kept=is_kept)
    rescuer = kit(DONE, books=dead.ledger)
    await rescuer.clock.advance(90 if is_kept is None else 10)

    assert (fates, [status]) == (await collect(rescuer, Desk()), await ends(dead))
    assert Balance(posted=40_000) == await stands(dead)


async def test_what_nobody_kept_is_told_as_lost() -> None:
    """A picture that came with the answer is paid and lost where its watcher died with it."""
    dead = Kit("a")
    await dead.clock.run(dead.engine.generate(asking(), watch=Watch(keeps_result=True)))

    await dead.ledger.sweep(Sweep(now=dead.clock.now() + timedelta(hours=1)))

    assert ([LOST], Balance(posted=40_000)) == (await ends(dead), await stands(dead))


async def test_a_job_that_another_request_began_is_paid_for_once() -> None:
    """Who began it leaves; who joined has its picture and its cost, and nothing is left over."""
    made = kit(TAKEN, PENDING, PENDING, DONE, cache=CacheSetup(ttl=60.0))
    tasks = [
        asyncio.ensure_future(made.engine.generate(asking(), request_id=f"req_{number}"))
        for number in range(3)
    ]
    await made.clock.advance(1)
    tasks[0].cancel()
    await made.clock.run(asyncio.wait(tasks))
    paid, joined = (task.result() for task in tasks[1:])

    assert ("miss", dollars("0.04")) == (paid.cache, paid.cost.usd)
    assert ("joined", dollars("0"), ()) == (joined.cache, joined.cost.usd, joined.attempts)
    assert {"cancelled", "completed"} == set(await ends(made))
    assert Balance(posted=40_000) == await stands(made)
    assert ({}, []) == (await collect(made, Desk(), even_if_leased=True), await made.ledger.audit())
