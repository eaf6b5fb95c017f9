"""Accepted jobs: whatever becomes of the questions, the work is asked for once."""

from __future__ import annotations

import pytest
from tests.faults.jobs import CancellableJobs
from tests.faults.kit import Stage, faults, images_api, jobs_api

from routercore.engine.collecting import Collected
from routercore.testing.faulty import FaultyUpstream, nonce_of, steps
from routercore.testing.faulty.steps import Step


@pytest.mark.fault("F29", how="the submit is accepted, and its answer reset, cut, or a 504")
@pytest.mark.parametrize(
    "step", [steps.reset(), steps.close(), steps.truncate(), steps.error(504, bill=True)],
    ids=["reset", "closed", "truncated", "504"],
)  # fmt: skip
async def test_lost_submit(first: FaultyUpstream, second: FaultyUpstream, step: Step) -> None:
    """The job is found by the reference it was given: no second job, and its picture arrives."""
    first.script(step)
    async with Stage((jobs_api("first", first), first),
                     (images_api("second", second), second)) as stage:  # fmt: skip
        result = await stage.ask()
        assert ("first:poster", [None]) == (result.target, faults(result))
        assert (1, 1, 0) == (len(first.seen("make")), len(first.jobs), second.connections)
        assert ["posted"] == await stage.kinds()


@pytest.mark.fault("F29", how="the submit is lost, and the upstream knows nothing of it")
async def test_lost_for_good(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A job that cannot be found is never submitted there again; it stays suspect."""
    first.script(steps.reset(bill=False))
    async with Stage((jobs_api("first", first), first),
                     (images_api("second", second), second)) as stage:  # fmt: skip
        assert ["reply_lost", None] == faults(await stage.ask())
        assert 1 == len(first.seen("make"))
        assert ["suspect", "posted"] == await stage.kinds()


@pytest.mark.fault("F30", how="twenty polls that fail: 500, 429, resets, cut answers, web pages")
async def test_failing_polls(first: FaultyUpstream) -> None:
    """A failed poll is asked again and never becomes a new job."""
    first.script(
        steps.error(500, on="poll", times=5),
        steps.error(429, on="poll", times=5, headers={"retry-after": "1"}),
        steps.reset(on="poll", times=5),
        steps.error(503, on="poll", times=3),
        steps.cut(on="poll", times=2),
    )
    async with Stage((jobs_api("first", first), first), deadline=900.0,
                     attempt_timeout=900.0) as stage:  # fmt: skip
        assert 1 == len((await stage.ask()).attempts)
        assert (1, 1, 21) == (len(stage.invoice()), len(first.jobs), len(first.seen("poll")))


@pytest.mark.fault("F31", how="a job that runs for ever")
async def test_endless_job(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """At its time limit it is called off, kept suspect, and the next target is asked."""
    first.script(steps.pending(times=0))
    own = jobs_api("first", first, kind=CancellableJobs)
    async with Stage((own, first), (images_api("second", second), second)) as stage:
        result = await stage.ask()
        assert ["deadline", None] == faults(result)
        assert abs(120 - result.attempts[0].duration_s) < 0.5
        assert ["cancelled"] == [job["status"] for job in first.jobs]
        assert ["suspect", "posted"] == await stage.kinds()


@pytest.mark.fault("F32", how="a job that is done a minute after its request had to end")
async def test_late_job(first: FaultyUpstream) -> None:
    """Its picture is handed over when it comes, and what was suspect is posted."""
    late: list[Collected] = []

    async def store(collected: Collected) -> None:
        late.append(collected)

    own = jobs_api("first", first)
    first.script(steps.pending(times=180))
    async with Stage((own, first), attempt_timeout=180.0, late_results=600.0) as stage:
        stage.router.on_late_result(store)
        error = await stage.fails()
        assert (504, "deadline_exceeded") == (error.status, error.code)
        await stage.router.engine.collector.settled()
        (request,) = {line.attempt.rpartition("-")[0] for line in first.invoice()}
        assert [True] == [request.startswith(one.request_id) for one in late]
        stage.delivered += [nonce_of(one.result.images[0].data) for one in late]
        assert ["posted"] == await stage.kinds()
        assert 1 == len(first.seen("make"))
