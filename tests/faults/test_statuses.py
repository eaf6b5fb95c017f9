"""Upstreams that answer with an error: who is asked next, when, and how often."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from tests.faults.kit import Stage, by_target, faults, images_api

from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.faulty.steps import Step
from routercore.values.errors import RefusedError
from routercore.values.images import Operation

GENERATE = Operation.GENERATE
TWO_KEYS = ("sk-first-key", "sk-second-key")


def keys_seen(upstream: FaultyUpstream) -> list[str]:
    """The keys that it was asked with, in order."""
    return [one.headers["authorization"].removeprefix("Bearer ") for one in upstream.seen("make")]


@pytest.mark.fault("F11", how="500, once")
async def test_500_once(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A 500 may have been billed: it is suspect, not repeated, and the next target answers."""
    first.script(steps.error(500))
    async with Stage(first, second) as stage:
        assert ["server_error", None] == faults(await stage.ask())
        assert ["suspect", "posted"] == await stage.kinds()
        assert ["first:poster"] == [(await stage.ask()).target]


@pytest.mark.fault("F11", how="500, always")
async def test_500_always(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """After five failures its circuit opens; from then on it sees one probe an open period."""
    first.script(steps.error(500, times=0))
    async with Stage(first, second) as stage:
        for _ in range(20):
            assert "second:poster" == (await stage.ask()).target
        assert 5 == len(first.seen("make"))
        stage.hasty.leap(15)
        for _ in range(10):
            await stage.ask()
        assert 6 == len(first.seen("make"))


@pytest.mark.fault("F12", how="502 or 504 from three upstreams that bill for it")
@pytest.mark.parametrize("status", [502, 504])
async def test_gateways(
    first: FaultyUpstream, second: FaultyUpstream, third: FaultyUpstream, status: int
) -> None:
    """A request is exposed to twice its price and no more: two invoices, and the third unasked."""
    for upstream in (first, second, third):
        upstream.script(steps.error(status, bill=True))
    async with Stage(first, second, third) as stage:
        error = await stage.fails()
        assert (502, False) == (error.status, error.may_retry)
        assert ["suspect", "suspect"] == await stage.kinds()
        assert (2, 0) == (len(stage.invoice()), third.connections)


@pytest.mark.fault("F13", how="503 with Retry-After: 2")
async def test_overloaded(first: FaultyUpstream) -> None:
    """With nobody else to ask, it is asked again after two seconds and not before."""
    first.script(steps.error(503, headers={"retry-after": "2"}))
    async with Stage(first) as stage:
        result = await stage.ask()
        assert ["overloaded", None] == faults(result)
        assert [2.0] == stage.hasty.slept
        gap = result.attempts[1].started_s - result.attempts[0].started_s
        assert 2.0 <= gap < 2.5


@pytest.mark.fault("F13", how="503 with Retry-After: 30, and a second request meanwhile")
async def test_overloaded_for_everybody(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Until its time has come nobody asks it: not the next request either."""
    first.script(steps.error(503, headers={"retry-after": "30"}))
    async with Stage(first, second) as stage:
        assert ["second:poster"] * 2 == [(await stage.ask()).target for _ in range(2)]
        assert 1 == len(first.seen("make"))
        assert 1 == stage.router.engine._health.of("first:poster", GENERATE).circuit.row
        stage.hasty.leap(30)
        assert "first:poster" == (await stage.ask()).target


@pytest.mark.fault("F14", how="429 with Retry-After: 5 for one of two keys")
async def test_rate_limited_key(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The other key is used at once, and the first one rests for as long as it was told."""
    first.script(steps.error(429, headers={"retry-after": "5"}))
    async with Stage((images_api("first", first, keys=TWO_KEYS), first),
                     (images_api("second", second), second)) as stage:  # fmt: skip
        result = await stage.ask()
        assert ["rate_limited", None] == faults(result)
        assert ("first:poster", []) == (result.target, stage.hasty.slept)
        await stage.ask()
        limited, *others = keys_seen(first)
        assert limited not in others
        stage.hasty.leap(5)
        for _ in range(2):
            await stage.ask()
        assert limited in keys_seen(first)[-2:]


FAR = "Wed, 21 Oct 2099 07:28:00 GMT"


@pytest.mark.fault("F15", how="429 with Retry-After: 3600, −1, garbage, a date, nothing")
@pytest.mark.parametrize("value", ["3600", "-1", "soon", "1e309", "nan", FAR, None])
async def test_odd_retry_after(
    first: FaultyUpstream, second: FaultyUpstream, value: str | None
) -> None:
    """Whatever it says, it is not waited for while another target is there, and crashes nothing."""
    headers = {} if value is None else {"retry-after": value}
    first.script(steps.error(429, headers=headers))
    async with Stage(first, second) as stage:
        result = await stage.ask()
        assert ("second:poster", []) == (result.target, stage.hasty.slept)


@pytest.mark.fault("F15", how="429 with Retry-After: 3600 from the only upstream")
async def test_too_long_a_wait(first: FaultyUpstream) -> None:
    """An hour is not waited for: the caller hears at once, and nobody asks before."""
    first.script(steps.error(429, headers={"retry-after": "3600"}, times=0))
    async with Stage(first) as stage:
        for _ in range(3):
            error = await stage.fails()
            assert (429, 60.0) == (error.status, error.retry_after)
        assert (1, []) == (len(first.seen("make")), stage.hasty.slept)


@pytest.mark.fault("F15", how="429 with the date of a moment ten seconds away")
async def test_retry_after_as_a_date(first: FaultyUpstream) -> None:
    """A date is a time to wait until."""
    async with Stage(first) as stage:
        at = format_datetime(stage.clock.now() + timedelta(seconds=10), usegmt=True)
        first.script(steps.error(429, headers={"retry-after": at}))
        await stage.ask()
        assert 8 <= sum(stage.hasty.slept) <= 10


@pytest.mark.fault("F16", how="429 for every key of every provider")
async def test_everybody_is_limited(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The caller gets a 429 with the smallest of the waits."""
    first.script(*(steps.error(429, headers={"retry-after": one}) for one in ("50", "40")))
    second.script(steps.error(429, headers={"retry-after": "45"}))
    async with Stage((images_api("first", first, keys=TWO_KEYS), first),
                     (images_api("second", second), second)) as stage:  # fmt: skip
        error = await stage.fails()
        assert (429, 40.0) == (error.status, error.retry_after)
        assert {"first": 2, "second": 1} == by_target(error)


@pytest.mark.fault("F17", how="401 for one of two keys")
async def test_bad_key(first: FaultyUpstream) -> None:
    """A key that is turned away is not used again for ten minutes; callers never see a 401."""
    first.script(steps.error(401))
    async with Stage((images_api("first", first, keys=TWO_KEYS), first)) as stage:
        for _ in range(5):
            assert "first:poster" == (await stage.ask()).target
        bad, *good = keys_seen(first)
        assert {bad} == set(TWO_KEYS) - set(good)
        stage.hasty.leap(600)
        for _ in range(2):
            await stage.ask()
        assert set(TWO_KEYS) == set(keys_seen(first)[-2:])


@pytest.mark.fault("F17", how="401 for every key")
async def test_only_bad_keys(first: FaultyUpstream) -> None:
    """When no key works the provider is unavailable, which is not the caller's mistake."""
    first.script(steps.error(401, times=0))
    async with Stage((images_api("first", first, keys=TWO_KEYS), first)) as stage:
        for _ in range(10):
            error = await stage.fails()
            assert (503, "provider_unavailable") == (error.status, error.code)
        assert 2 == len(first.seen("make"))


NO_CREDIT = {
    "402": steps.error(402, times=0),
    "hard limit": steps.error(400, "billing_hard_limit_reached", times=0),
    "quota": steps.error(429, "insufficient_quota", times=0),
}


@pytest.mark.fault("F18", how="402, billing_hard_limit_reached, insufficient_quota")
@pytest.mark.parametrize("step", NO_CREDIT.values(), ids=NO_CREDIT)
async def test_no_credit(first: FaultyUpstream, step: Step) -> None:
    """An account without credit is asked once in ten minutes, however many requests come."""
    first.script(step)
    async with Stage(first) as stage:
        for _ in range(20):
            assert "provider_unavailable" == (await stage.fails()).code
        assert 1 == len(first.seen("make"))
        stage.hasty.leap(600)
        for _ in range(20):
            await stage.fails()
        assert 2 == len(first.seen("make"))


@pytest.mark.fault("F19", how="404 for the model")
async def test_no_such_model(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A target whose upstream does not know the model is left out for ten minutes."""
    first.script(steps.error(404, "model_not_found"))
    async with Stage(first, second) as stage:
        for _ in range(5):
            assert "second:poster" == (await stage.ask()).target
        assert 1 == len(first.seen("make"))
        stage.hasty.leap(600)
        assert "first:poster" == (await stage.ask()).target


@pytest.mark.fault("F20", how="400 with moderation_blocked")
async def test_refused(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A refused prompt is one attempt, free, and is not shopped around."""
    first.script(steps.error(400, "moderation_blocked"))
    async with Stage(first, second) as stage:
        error = await stage.fails()
        assert isinstance(error, RefusedError)
        assert (400, "moderation_blocked") == (error.status, error.code)
        assert (1, 0) == (len(first.seen("make")), second.connections)
        assert ["voided"] == await stage.kinds()
