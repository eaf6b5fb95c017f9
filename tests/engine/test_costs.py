"""What a request costs and what it may lose: by what is known of every call."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.engine.kit import Kit, asking, priced, provider, status

from routercore.engine.setup import CacheSetup
from routercore.engine.transport.base import Phase
from routercore.provider.flow import call, refused, run
from routercore.provider.http import post_json
from routercore.routing.policy import OnUnknown
from routercore.testing.providers import PNG
from routercore.testing.transport import Hanging, lost
from routercore.values.faults import Charge, Fault
from routercore.values.images import Generated, RawImage, Task
from routercore.values.money import Basis, Per, SvgUsage, Usage, usd


async def test_an_unknown_outcome_travels_within_the_exposure() -> None:
    """A lost reply may have been paid for: one more try is allowed, and a third is not."""
    gone = lost(Phase.SENT)
    kit = Kit("a", "b", "c", answers={x: [gone] for x in "abc"})
    error = await kit.error()
    assert (["a", "b"], False) == (kit.asked, error.may_retry)
    assert "$0.04 of at most $0.08 at stake" in error.attempts[0].decision
    assert "max_exposure; $0.08 of at most $0.08 at stake" in error.attempts[-1].decision
    assert [Decimal("0.04")] * 2 == [attempt.exposed_usd for attempt in error.attempts]
    assert error.attempts[0].cost.usd is None


async def test_what_may_have_been_paid_for_nothing_is_told() -> None:
    """The result warns with a code and the amount; without a loss there is no such warning."""
    result = await Kit("a", "b", answers={"a": [lost(Phase.SENT)]}).generate(n=2)
    assert [("paid_maybe", "cost", Decimal("0.08"))] == [
        (warning.code, warning.param, warning.usd) for warning in result.warnings
    ]
    assert () == (await Kit("a", "b", answers={"a": [status(401)]}).generate()).warnings


async def test_what_may_be_lost_is_told_once() -> None:
    """Who shares a picture by the cache lost nothing, and drew nothing: it has no such warning."""
    drawn = SvgUsage(model="writer", input_tokens=3, output_tokens=4, total_tokens=7)

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),), svg_usage=drawn)

    providers = [provider(name, flow=flow) for name in "ab"]
    kit = Kit(*providers, answers={"a": [lost(Phase.SENT)]}, cache=CacheSetup(ttl=60.0))
    both = asyncio.gather(*[kit.engine.generate(asking()) for _ in range(3)])
    paid, *others = await kit.clock.run(both)
    others.append(await kit.generate())
    assert (["paid_maybe"], drawn) == ([w.code for w in paid.warnings], paid.svg_usage)
    assert ["joined", "joined", "hit"] == [one.cache for one in others]
    assert {((), SvgUsage(model="writer"))} == {(one.warnings, one.svg_usage) for one in others}
    assert ["a", "b"] == kit.asked


async def test_exposure_is_counted_in_money() -> None:
    """A dear loss leaves room for what is cheap, and under a cap of dollars for nothing dearer."""
    dear, cheap = provider("a", cards=(priced(usd("0.30")),)), provider("b")
    gone = {"a": [lost(Phase.SENT)], "b": [lost(Phase.SENT)]}
    kit = Kit(dear, cheap, "c", answers=gone)
    assert "c:poster" == (await kit.generate()).target
    kit = Kit(dear, cheap, "c", answers=gone, route={"max_exposure": Decimal("0.33")})
    assert "at most $0.33" in (await kit.error()).attempts[-1].decision
    assert ["a"] == kit.asked


async def test_a_price_that_nobody_knows_is_counted_as_a_call() -> None:
    """Where no price is known, two calls are the cap, and the amount of the warning is unknown."""
    dark = [provider(name, cards=(priced(),)) for name in "abc"]
    kit = Kit(*dark, answers={"a": [lost(Phase.SENT)]})
    (warning,) = (await kit.generate()).warnings
    assert ("paid_maybe", None) == (warning.code, warning.usd)
    kit = Kit(*dark, answers={name: [lost(Phase.SENT)] for name in "abc"})
    await kit.error()
    assert ["a", "b"] == kit.asked


async def test_an_unknown_outcome_ends_the_request_where_configured() -> None:
    """With ``on_unknown = fail`` nothing is risked twice."""
    kit = Kit("a", "b", answers={"a": [lost(Phase.SENT)]}, route={"on_unknown": OnUnknown.FAIL})
    assert 502 == (await kit.error()).status
    assert ["a"] == kit.asked


async def test_an_attempt_that_hangs_ends_in_time() -> None:
    """An attempt gets its own time; the rest of the deadline is the next target's."""
    kit = Kit("a", "b", answers={"a": [Hanging()]}, attempt_timeout=20.0)
    result = await kit.generate()
    assert ("b:poster", 20.0) == (result.target, kit.clock.monotonic())
    assert result.cost.usd is None


async def test_work_that_a_plugin_does_itself_may_have_been_paid() -> None:
    """What a plugin's own code was doing when time ran out is not begun again unasked."""
    begun: list[str] = []

    async def forever() -> None:
        begun.append("a")
        await asyncio.get_running_loop().create_future()

    def flow(task: Task) -> Any:
        yield from run(forever)

    kit = Kit(provider("a", flow=flow), attempt_timeout=20.0, max_attempts=3)
    error = await kit.error()
    assert (["a"], 504, False) == (begun, error.status, error.may_retry)


async def test_the_deadline_ends_everything() -> None:
    """When the whole time is up, the request has failed as late, whoever is left."""
    kit = Kit("a", "b", answers={"a": [Hanging()]}, deadline=50.0)
    error = await kit.error()
    assert (504, ["a"], 50.0) == (error.status, kit.asked, kit.clock.monotonic())


async def test_a_reported_cost_keeps_its_basis() -> None:
    """What the vendor reported is not passed off as computed."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),), cost_usd=Decimal("0.5"))

    result = await Kit(provider("a", flow=flow)).generate()
    assert (Decimal("0.5"), Basis.REPORTED) == (result.cost.usd, result.cost.basis)


async def test_counted_tokens_are_priced() -> None:
    """Where the vendor counts tokens, they are what is paid for, and not the list's picture."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),), usage=Usage(text_in=100, image_out=1000))

    card = priced(usd("0.10"), usd("5", Per.TEXT_IN), usd("30", Per.IMAGE_OUT))
    result = await Kit(provider("a", flow=flow, cards=(card,))).generate()
    assert (Decimal("0.0305"), Basis.TOKENS) == (result.cost.usd, result.cost.basis)


async def test_a_free_failure_costs_nothing() -> None:
    """An attempt that was turned away adds nothing to the price."""
    result = await Kit("a", "b", answers={"a": [status(401)]}).generate()
    assert (Decimal("0.04"), Basis.TABLE) == (result.cost.usd, result.cost.basis)


async def test_a_bad_image_is_paid_for() -> None:
    """An image that cannot be used was made all the same, and its price is in the trace."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=b"<html>"),))

    result = await Kit(provider("a", flow=flow), "b").generate()
    first = result.attempts[0]
    assert (Fault.BAD_IMAGE, Decimal("0.04")) == (first.failure and first.failure.fault,
                                                  first.cost.usd)  # fmt: skip
    assert Decimal("0.08") == result.cost.usd


async def test_a_certain_charge_is_the_price() -> None:
    """A failure that its vendor bills for costs what the picture would have."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        raise refused("withheld", after_work=True, charge=Charge.CERTAIN)

    error = await Kit(provider("a", flow=flow)).error()
    assert Decimal("0.04") == error.attempts[0].cost.usd
