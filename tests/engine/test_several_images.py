"""Several images of one request: split over calls, kept when some fail, and asked for once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, made, provider, status

from routercore.provider.flow import call
from routercore.provider.http import post_json
from routercore.routing.policy import OnLostResult
from routercore.state.ledger.sql import SqlLedger
from routercore.testing.providers import PNG
from routercore.testing.transport import Hanging
from routercore.values.accounts import LOST
from routercore.values.faults import Fault
from routercore.values.images import Generated, RawImage, Task
from routercore.values.ledger import Kind, Sweep
from routercore.values.sizes import Size


async def test_more_images_than_a_call_makes_are_split() -> None:
    """Ten images where a call makes four are three calls of one attempt."""
    kit = Kit("a")
    result = await kit.generate(n=10)
    assert [4, 4, 2] == [request.json["n"] for request in kit.transport.requests]
    assert (10, 1, Decimal("0.40")) == (len(result.images), len(result.attempts), result.cost.usd)


async def test_a_format_of_one_a_call_is_split() -> None:
    """Three pictures of a format of which a call makes one are three calls."""
    card = replace(CARD, format_max_n={"png": 1})
    kit = Kit(provider("a", cards=(card,)))
    await kit.generate(n=3, output_format="png")
    assert [1, 1, 1] == [request.json["n"] for request in kit.transport.requests]


async def test_what_is_missing_comes_from_the_next_target() -> None:
    """Images that are there are kept; only the missing ones are asked for again."""
    kit = Kit("a", "b", answers={"a": [made(4), status(503)]})
    result = await kit.generate(n=6)
    assert [4, 2, 2] == [request.json["n"] for request in kit.transport.requests]
    assert (6, (), Decimal("0.24")) == (len(result.images), result.missing, result.cost.usd)


async def test_what_cannot_be_had_is_told() -> None:
    """Where some images are there and the rest cannot be had, the result says why."""
    kit = Kit("a", answers={"a": [made(4), status(401)]})
    result = await kit.generate(n=6)
    assert (4, 2) == (len(result.images), len(result.missing))
    assert Fault.UNAUTHENTICATED == result.missing[0].fault


async def test_fewer_images_than_promised_are_not_paid_for_twice() -> None:
    """An upstream that quietly delivers less is not asked again."""
    kit = Kit("a", "b", answers={"a": [made(2)]})
    result = await kit.generate(n=4)
    assert (["a"], 2, 2) == (kit.asked, len(result.images), len(result.missing))


async def test_one_bad_image_of_several_is_replaced() -> None:
    """Of several images, those that can be used are kept."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        return Generated(images=(RawImage(data=PNG), RawImage(base64="???")))

    kit = Kit(provider("a", flow=flow), "b")
    result = await kit.generate(n=2)
    assert ([2, 1], 2) == ([r.json["n"] for r in kit.transport.requests], len(result.images))


async def test_what_was_paid_for_nothing_is_counted_once() -> None:
    """Of two calls one brings garbage: the cost has both, and the warning names the part of it
    that was lost, not an amount on top."""
    bad = iter((False, True))

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        image = RawImage(base64="???") if next(bad) else RawImage(data=PNG)
        return Generated(images=(image,))

    card = replace(CARD, max_n=1)
    result = await Kit(provider("a", cards=(card,), flow=flow)).generate(n=2)
    assert (1, 1, Decimal("0.08")) == (
        len(result.images), len(result.missing), result.cost.usd,
    )  # fmt: skip
    assert ("paid_lost", Decimal("0.04")) in [(one.code, one.usd) for one in result.warnings]
    assert "paid_maybe" not in [one.code for one in result.warnings]


async def test_an_image_that_does_not_arrive_takes_no_other_along() -> None:
    """Of several results, one whose download hangs is told of, or made again where configured; the
    paid others are kept."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        slow = RawImage(url="https://files.example/slow.png")
        return Generated(images=(RawImage(data=PNG), slow, RawImage(data=PNG)))

    kit = Kit(provider("a", flow=flow), "b", answers={"files": [Hanging()]})
    result = await kit.generate(n=3)
    assert (2, [Fault.RESULT_UNAVAILABLE]) == (
        len(result.images), [failure.fault for failure in result.missing],
    )  # fmt: skip
    kit = Kit(provider("a", flow=flow), "b", answers={"files": [Hanging()]},
              route={"on_lost_result": OnLostResult.FAILOVER})  # fmt: skip
    result = await kit.generate(n=3)
    posts = [r.json["n"] for r in kit.transport.requests if r.method == "POST"]
    assert ([3, 1], 3) == (posts, len(result.images))
    assert Decimal("0.16") == result.cost.usd


async def test_another_size_than_asked_for_is_told() -> None:
    """What came out otherwise than asked for, without anybody saying so, is a warning."""
    cards = (replace(CARD, formats=("png", "gif")),)
    result = await Kit(provider("a", cards=cards)).generate(size=Size(64, 64), output_format="gif")
    assert [("size_changed", "64x64", "1x1"), ("output_format_changed", "gif", "png")] == [
        (warning.code, warning.requested, warning.delivered) for warning in result.warnings
    ]


@pytest.mark.parametrize(
    ("seeds", "told"), [((7, 8), []), ((7, 7), []), ((7, 9), ["9"]), ((6, 1), ["1, 6"])]
)
async def test_another_seed_than_asked_for_is_told(seeds: Any, told: list[str]) -> None:
    """Of two pictures from seed 7 one may come from 8; from any other, neither could be repeated
    by what was asked."""

    def flow(task: Task) -> Any:
        return Generated(images=tuple(RawImage(data=PNG, seed=seed) for seed in seeds))
        yield

    cards = (replace(CARD, seed=True),)
    result = await Kit(provider("a", flow=flow, cards=cards)).generate(n=2, seed=7)
    assert [("seed_changed", "7", one) for one in told] == [
        (warning.code, warning.requested, warning.delivered) for warning in result.warnings
    ]


async def test_pictures_of_a_split_request_whose_process_dies_are_on_the_books(
    tmp_path: Path,
) -> None:
    """What was paid before is posted for a request that is lost, and what was under way is
    suspect; both for whoever asks after the process died."""
    kit = Kit("a", answers={"a": [made(4), Hanging()]},
              books=SqlLedger(f"sqlite:///{tmp_path}/books.db"))  # fmt: skip
    task = asyncio.create_task(kit.engine.generate(asking(n=6)))
    survivor = SqlLedger(f"sqlite:///{tmp_path}/books.db")
    while await kinds(survivor) != [Kind.DISPATCHED, Kind.POSTED]:
        assert not task.done()
    now = kit.clock.now() + timedelta(days=1)
    assert 1 == await survivor.sweep(Sweep(now=now))
    (page,) = await survivor.log()
    assert (LOST, 0) == (page.ended and page.ended.status, page.ended and page.ended.images)
    assert [Kind.POSTED, Kind.SUSPECT] == await kinds(survivor)
    assert (160_000, 80_000) == (page.balance.posted, page.balance.suspect)
    task.cancel()
    await asyncio.wait([task])
    await survivor.close()
    await kit.engine.close()


async def kinds(ledger: SqlLedger) -> list[Kind]:
    """The last row of every attempt, in alphabetical order."""
    return sorted(one.last.kind for page in await ledger.log() for one in page.attempts)
