"""A job whose router was killed is collected by another process, once, and never begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.crash.books import attempts_of, every_request
from tests.crash.killing import START
from tests.crash.routers import Scene, rescue

from routercore.state.ledger import open_ledger
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.values.ledger import Attempt, Kind


def one_job(scene: Scene) -> None:
    """A router with a single request for a job, whose caller would write down what it gets."""

    async def work() -> None:
        async with scene.router() as router:
            result = await router.generate("a heron", model="as-job", request_id="req_orphan")
            scene.keep("delivered", result.images)

    asyncio.run(work())


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FaultyUpstream]:
    with FaultyUpstream(tmp_path / "invoice") as running:
        yield running


async def orphaned(upstream: FaultyUpstream, scene: Scene) -> None:
    """Have a job accepted and asked after, and kill the router that does so."""
    upstream.script(steps.pending(gate=True))
    process = START.Process(target=one_job, args=(scene,), daemon=True)
    process.start()
    try:
        await upstream.arrived(1, "poll")
    finally:
        process.kill()
        process.join()


def rescued(scene: Scene, processes: int) -> None:
    """Let so many processes collect at the same time."""
    started: list[BaseProcess] = [
        START.Process(target=rescue, args=(scene,), daemon=True) for _ in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [0] * processes == [process.exitcode for process in started]


async def attempts(scene: Scene) -> list[Attempt]:
    ledger = open_ledger(scene.ledger)
    try:
        assert [] == await ledger.audit()
        return attempts_of(await every_request(ledger))
    finally:
        await ledger.close()


@pytest.mark.fault("F44", how="a kill while an accepted job is asked after")
@pytest.mark.parametrize("processes", [1, 2])
async def test_another_process_collects(
    upstream: FaultyUpstream, tmp_path: Path, processes: int
) -> None:
    """The picture that was paid for arrives: the very one, once, with one line on the invoice."""
    scene = Scene(folder=tmp_path, base_url=upstream.base_url, seed=0, clients=1)
    await orphaned(upstream, scene)
    (before,) = await attempts(scene)
    assert (Kind.DISPATCHED, "req_orphan") == (before.last.kind, before.hold.request)
    await asyncio.to_thread(rescued, scene, processes)
    (line,) = upstream.invoice()
    assert ([], [line.nonce]) == (scene.kept("delivered"), scene.kept("stored"))
    (after,) = await attempts(scene)
    assert [Kind.HELD, Kind.DISPATCHED, Kind.POSTED] == [entry.kind for entry in after.entries]
    assert (line.micros, 1, None) == (after.last.micros, after.outcome.images, after.ticket)
    assert 1 == len(upstream.seen("make"))
