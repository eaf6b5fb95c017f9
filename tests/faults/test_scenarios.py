"""Failures as callers meet them, with default settings: a primary that fails, and one that works.

The first sixteen are those of the public Failover Bench, for images instead of chat.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.faults.kit import CARD, Stage, by_target, faults, images_api, rest
from tests.serving import MODEL

from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.faulty.steps import Step
from routercore.values.catalogue import ModelCard
from routercore.values.errors import RefusedError, RequestError, UnsupportedError
from routercore.values.images import ImageResult, Operation
from routercore.values.sizes import FixedSizes

REQUESTS = 8


async def served_by(stage: Stage, count: int = REQUESTS) -> list[str]:
    """Who served so many requests, one after another."""
    results = [await stage.ask(f"picture {n}") for n in range(count)]
    return [result.target.partition(":")[0] for result in results]


async def through(first: FaultyUpstream, second: FaultyUpstream, *script: Step) -> ImageResult:
    """One request whose primary does that; it must be served, by one further attempt at most."""
    first.script(*script)
    async with Stage(first, second) as stage:
        result = await stage.ask()
        assert 1 == len(result.images)
        assert {"first": 1, "second": 1} == by_target(result)
        return result


PERSISTENT = {
    "persistent 429": (steps.error(429, times=0), 1),
    "persistent 500": (steps.error(500, times=0), 5),
    "persistent 503": (steps.error(503, times=0), 5),
}


@pytest.mark.parametrize(("step", "most"), PERSISTENT.values(), ids=PERSISTENT)
@pytest.mark.scenario("persistent 429", "persistent 500", "persistent 503")
async def test_persistent(
    first: FaultyUpstream, second: FaultyUpstream, step: Step, most: int
) -> None:
    """Every request is served by the other, and the one that fails is soon left alone."""
    first.script(step)
    async with Stage(first, second) as stage:
        assert ["second"] * REQUESTS == await served_by(stage)
        assert most == len(first.seen("make"))


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.scenario("single 429", "single 500", "single 503")
async def test_single(first: FaultyUpstream, second: FaultyUpstream, status: int) -> None:
    """One failure costs its request one further attempt."""
    await through(first, second, steps.error(status))


@pytest.mark.scenario("reset")
async def test_reset(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A connection that is reset before the request is read: served, and bought once."""
    first.script(steps.reset(on="accept", times=2))
    async with Stage(first, second) as stage:
        result = await stage.ask()
        assert ("second:poster", 1) == (result.target, len(stage.invoice()))


async def after_waiting(first: FaultyUpstream, second: FaultyUpstream, step: Step) -> ImageResult:
    """One request whose primary keeps it waiting for as long as an attempt may take."""
    first.script(step)
    async with Stage(first, second) as stage:
        asking = asyncio.create_task(stage.ask())
        await first.arrived()
        stage.hasty.leap(stage.setup.attempt_timeout)
        result = await asking
        assert ["deadline", None] == faults(result)
        assert result.latency_s < stage.setup.deadline
        return result


@pytest.mark.scenario("silence")
async def test_silence(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A primary that never answers: served within the deadline."""
    await after_waiting(first, second, steps.hang())


@pytest.mark.scenario("slow first byte")
async def test_slow_first_byte(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A first byte after a minute is waited for: images are slow, and this one is paid for."""
    first.script(steps.serve(gate=True))
    async with Stage(first, second) as stage:
        asking = asyncio.create_task(stage.ask())
        await first.arrived()
        stage.hasty.leap(60)
        first.release()
        assert "first:poster" == (await asking).target
        assert 0 == second.connections


@pytest.mark.scenario("cut body")
async def test_cut_body(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Half an answer is none, and is not asked for again where it may have been paid."""
    await through(first, second, steps.cut())


@pytest.mark.scenario("stalled body")
async def test_stalled_body(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Half an answer and then silence: served within the deadline."""
    await after_waiting(first, second, steps.stall())


@pytest.mark.scenario("malformed JSON")
async def test_malformed_json(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """An answer that cannot be read is a failure and not an empty success."""
    result = await through(first, second, steps.answer(200, text='{"data": [{"b64_'))
    assert "reply_cut" == faults(result)[0]


@pytest.mark.scenario("invalid request")
async def test_invalid_request(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The caller's own mistake ends it: told as it is, and tried nowhere else."""
    first.script(steps.error(400, "invalid_value", "the prompt is too odd"))
    async with Stage(first, second) as stage:
        error = await stage.fails()
        assert isinstance(error, RequestError)
        assert (400, "invalid_value") == (error.status, error.code)
        assert "the prompt is too odd" in error.message
    assert (1, 0) == (len(first.seen("make")), second.connections)


@pytest.mark.scenario("refusal")
async def test_refusal(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A prompt that content policy refused is not shopped around."""
    details = {"categories": ["violence"]}
    refusal = {"code": "moderation_blocked", "message": "no", "moderation_details": details}
    first.script(steps.answer(400, {"error": refusal}))
    async with Stage(first, second) as stage:
        error = await stage.fails()
        assert isinstance(error, RefusedError)
        assert (400, "moderation_blocked", ("violence",)) == (
            error.status, error.code, error.categories,
        )  # fmt: skip
    assert 0 == second.connections


def narrow(card: ModelCard) -> ModelCard:
    return replace(card, sizes=FixedSizes(("512x512",)), operations=frozenset({Operation.GENERATE}))


@pytest.mark.scenario("incapable fallback")
async def test_incapable_fallback(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A target that cannot do the request is not tried: no 400 takes the place of the true error,
    and no call is spent on it."""
    first.script(steps.error(503))
    able, unable = images_api("first", first), images_api("second", second, card=narrow(CARD))
    async with Stage((able, first), (unable, second)) as stage:
        settings: dict[str, Any] = {"size": "64x64", "strict": True}
        plan = stage.router.plan("x", model=MODEL, **settings)
        assert ["second:poster"] == [rejected.target for rejected in plan.rejected]
        result = await stage.ask(**settings)
        assert ["overloaded", None] == faults(result)
        first.script(*[steps.error(500)] * 3)
        error = await stage.fails(**settings)
        assert {"first"} == set(by_target(error))
    assert 0 == second.connections


@pytest.mark.scenario("incapable fallback")
async def test_nobody_is_capable(first: FaultyUpstream) -> None:
    """Where nobody can do it, the caller is told why, at no cost."""
    async with Stage((images_api("first", first, card=narrow(CARD)), first)) as stage:
        error = await stage.fails(size="64x64", strict=True)
        assert isinstance(error, UnsupportedError)
        assert (400, "size") == (error.status, error.param)
    assert 0 == first.connections


@pytest.mark.scenario("flapping primary")
@pytest.mark.fault("F36", how="every second answer is a 500, for four minutes, a request a second")
async def test_flapping_primary(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Nobody fails; whenever the primary is left, it was last left fifteen seconds before or
    more; and while it is left no request is sent to it."""
    first.script(*[steps.error(500), steps.serve()] * 150)
    async with Stage(first, second) as stage:
        left: list[float] = []
        is_in_use = True
        for n in range(240):
            is_left, seen = rest(stage) > 0, len(first.seen("make"))
            result = await stage.ask(f"picture {n}")
            assert not (is_left and len(first.seen("make")) > seen)
            is_in_use = is_in_use or result.target == f"first:{MODEL}"
            if is_in_use and rest(stage) > 0:
                left.append(stage.hasty.monotonic())
                is_in_use = False
            stage.hasty.leap(1)
        assert len(left) >= 3
        assert min(later - earlier for earlier, later in pairwise(left)) >= 15


@pytest.mark.scenario("accounting")
async def test_accounting(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """After a day of everything, the books are the invoices: posted what was delivered, suspect
    what nobody answered for, and the result says what it cost."""
    for fault in (steps.error(429), steps.error(503), steps.error(500), steps.reset(),
                  steps.close(), steps.cut(), steps.truncate(),
                  steps.error(400, "moderation_blocked"), steps.serve(image="!!!")):  # fmt: skip
        first.script(fault, steps.serve())
    async with Stage(first, second) as stage:
        results = [
            one
            for one in [await _asked(stage, n) for n in range(60)]
            if isinstance(one, ImageResult)
        ]
        stage.hasty.leap(3600)
        delivered = [a.hold.attempt for a in await stage.attempts() if a.outcome.images]
        assert len(results) == len(delivered) == len(set(stage.delivered))
        invoiced = sum(line.micros for line in stage.invoice())
        by_kind = {
            kind: sum(a.last.micros for a in await stage.attempts() if a.last.kind == kind)
            for kind in ("posted", "suspect")
        }
        assert by_kind["posted"] <= invoiced <= by_kind["posted"] + by_kind["suspect"]


async def _asked(stage: Stage, number: int) -> object:
    stage.hasty.leap(20)
    try:
        return await stage.ask(f"picture {number}")
    except RefusedError as error:
        return error


FURTHER = {
    "200 with no images": (steps.answer(200, {"created": 1, "data": []}), "no_image"),
    "200 with invalid image bytes": (steps.serve(image="aGVsbG8="), "bad_image"),
    "reset after sending": (steps.reset(), "reply_lost"),
    "504": (steps.error(504), "gateway"),
    "bad key": (steps.error(401, "invalid_api_key"), "unauthenticated"),
    "exhausted quota": (steps.error(429, "insufficient_quota"), "quota"),
    "oversized bodies": (steps.flood(300 * 1024**2), "reply_cut"),
}


@pytest.mark.parametrize(("step", "fault"), FURTHER.values(), ids=FURTHER)
@pytest.mark.scenario(*FURTHER)
async def test_further(
    first: FaultyUpstream, second: FaultyUpstream, step: Step, fault: str
) -> None:
    """Served by the other, the first asked once, and the failure called by its name."""
    result = await through(first, second, step)
    assert [fault, None] == faults(result)


@pytest.mark.scenario("fewer images than asked")
async def test_fewer_images(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """What came is delivered, with a reason for each that did not; nothing is bought twice."""
    first.script(steps.serve(gives=2))
    async with Stage(first, second) as stage:
        result = await stage.ask(n=4)
        assert (2, 2) == (len(result.images), len(result.missing))
    assert 0 == second.connections


@pytest.mark.scenario("hostile result URLs")
@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "gopher://x/",
            "http://user@127.0.0.1:{port}/", "http://127.0.0.1:{port}/x.png", "//{port}", ""],
)  # fmt: skip
async def test_hostile_results(first: FaultyUpstream, third: FaultyUpstream, url: str) -> None:
    """Nothing is fetched from where a result must not lie; what was paid for is on the books."""
    first.script(steps.serve(form="url", url=url.replace("{port}", str(third.port))))
    async with Stage(first) as stage:
        error = await stage.fails()
        assert (502, False) == (error.status, error.may_retry)
        assert await stage.kinds() in (["paid-lost"], ["suspect"])
    assert 0 == third.connections


@pytest.mark.scenario("302 on POST")
async def test_redirected(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A redirect is not followed, nobody else is asked, and the error says so."""
    first.script(steps.answer(302, text="", headers={"location": second.base_url}))
    async with Stage(first, second) as stage:
        error = await stage.fails()
        assert (502, ["redirected"]) == (error.status, faults(error))
    assert 0 == second.connections
