"""The contract of the result cache."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from routercore.engine.admission import ResultCache
from routercore.engine.setup import CacheSetup, Caller
from routercore.testing.clock import START, ManualClock
from routercore.values.events import AttemptRecord
from routercore.values.faults import Failure, Fault
from routercore.values.images import Image, ImageRequest, ImageResult, InputImage, ResponseFormat
from routercore.values.money import SHARED, Basis, Cost, Usage
from routercore.values.sizes import Size

TEAM = Caller(name="team")
ON = CacheSetup(ttl=60.0, max_bytes=1_000_000)
PRICE = Cost(usd=Decimal("0.04"), basis=Basis.TABLE)
RESULT = ImageResult(
    id="req_1",
    created=START,
    images=(Image(data=b"p" * 100, format="png", size=Size(1, 1)),),
    model="poster",
    target="maker:poster",
    cost=PRICE,
    usage=Usage(image_out=100),
    attempts=(AttemptRecord(target="maker:poster", number=1, started_s=0.0, duration_s=1.0),),
    latency_s=1.0,
)


def asked(**settings: Any) -> ImageRequest:
    """A request that differs from the plainest in these settings."""
    return ImageRequest(**{"prompt": "a heron", "model": "poster", **settings})


class Maker:
    """Makes results, counts how often, and can be held back."""

    def __init__(self, result: ImageResult = RESULT) -> None:
        self.calls = self.cancelled = 0
        self.result = result
        self.error: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> ImageResult:
        self.calls += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return self.result


class ResultCacheContract:
    """Equal requests of one caller share a result, and nobody else does."""

    def make(self, setup: CacheSetup, clock: ManualClock) -> ResultCache:
        """A backend with nothing in it, on this clock."""
        raise NotImplementedError

    async def states(self, *requests: ImageRequest, setup: CacheSetup = ON) -> list[str]:
        """What the cache says to requests that come one after the other."""
        cache, make = self.make(setup, ManualClock()), Maker()
        return [(await cache.serve(TEAM, request, make)).cache for request in requests]

    async def test_off_unless_configured(self) -> None:
        """Without a time to live nothing is kept and nothing is shared."""
        assert ["bypass", "bypass"] == await self.states(asked(), asked(), setup=CacheSetup())

    async def test_a_second_request_hits(self) -> None:
        """An equal request gets the kept result, which costs nothing and was not tried for."""
        cache, make = self.make(ON, ManualClock()), Maker()
        first = await cache.serve(TEAM, asked(), make)
        second = await cache.serve(TEAM, asked(), make)
        assert ("miss", PRICE, 1) == (first.cache, first.cost, len(first.attempts))
        assert ("hit", SHARED, ()) == (second.cache, second.cost, second.attempts)
        assert (Usage(), first.images) == (second.usage, second.images)
        assert 1 == make.calls

    async def test_a_result_expires(self) -> None:
        """A result is kept for its time to live and no longer."""
        clock, make = ManualClock(), Maker()
        cache = self.make(ON, clock)
        await cache.serve(TEAM, asked(), make)
        await clock.advance(59)
        assert "hit" == (await cache.serve(TEAM, asked(), make)).cache
        await clock.advance(2)
        assert "miss" == (await cache.serve(TEAM, asked(), make)).cache

    async def test_bounded_by_bytes(self) -> None:
        """Older results make room for newer ones; one larger than the cache is not kept."""
        big = replace(RESULT, images=(replace(RESULT.images[0], data=b"p" * 400_000),))
        cache, make = self.make(ON, ManualClock()), Maker(big)
        for prompt in "abc":
            await cache.serve(TEAM, asked(prompt=prompt), make)
        assert "hit" == (await cache.serve(TEAM, asked(prompt="c"), make)).cache
        assert "miss" == (await cache.serve(TEAM, asked(prompt="a"), make)).cache
        make.result = replace(RESULT, images=(replace(RESULT.images[0], data=b"p" * 2_000_000),))
        for _ in range(2):
            assert "miss" == (await cache.serve(TEAM, asked(prompt="huge"), make)).cache

    async def test_callers_do_not_share(self) -> None:
        """What one caller had made is never shown to another."""
        cache, make = self.make(ON, ManualClock()), Maker()
        await cache.serve(TEAM, asked(), make)
        assert "miss" == (await cache.serve(Caller(name="other"), asked(), make)).cache

    @pytest.mark.parametrize(
        "changed",
        [
            {"prompt": "a Heron"},
            {"model": "other"},
            {"n": 2},
            {"size": Size(512, 512)},
            {"aspect_ratio": "16:9"},
            {"quality": "high"},
            {"seed": 1},
            {"output_format": "webp"},
            {"output_compression": 50},
            {"background": "opaque"},
            {"negative_prompt": "fog"},
            {"moderation": "low"},
            {"strict": True},
            {"options": {"maker": {"steps": 3}}},
            {"svg": {"colors": 3}},
            {"images": (InputImage(b"one"),)},
            {"images": (InputImage(b"one"),), "mask": InputImage(b"two")},
            {"images": (InputImage(b"one"),), "markup": InputImage(b"two")},
        ],
        ids=lambda changed: "+".join(changed),
    )
    async def test_whatever_changes_the_picture_misses(self, changed: dict[str, Any]) -> None:
        """A request that differs in anything that decides what comes out is another request."""
        assert ["miss", "miss", "hit"] == await self.states(
            asked(), asked(**changed), asked(**changed)
        )

    async def test_one_byte_of_an_input_misses(self) -> None:
        """Inputs and masks go by their bytes."""
        image, mask = (InputImage(b"image"),), InputImage(b"mask1")
        first = asked(images=image, mask=mask)
        second = asked(images=image, mask=InputImage(b"mask2"))
        assert ["miss", "miss"] == await self.states(first, second)

    async def test_large_inputs_go_by_their_bytes_too(self) -> None:
        """Megabytes of input hit and miss like few bytes."""
        one, two = (asked(images=(InputImage(x * 2_000_000),)) for x in (b"1", b"2"))
        assert ["miss", "miss", "hit"] == await self.states(one, two, one)

    @pytest.mark.parametrize(
        "changed",
        [
            {"user": "u-2"},
            {"safety_identifier": "s-2"},
            {"response_format": ResponseFormat.URL},
            {"max_price": Decimal(1)},
        ],
        ids=lambda changed: "+".join(changed),
    )
    async def test_what_does_not_change_the_picture_hits(self, changed: dict[str, Any]) -> None:
        """The form of the answer, price limits and end users make no other picture."""
        assert ["miss", "hit"] == await self.states(asked(), asked(**changed))

    async def test_a_hit_names_its_own_end_user(self) -> None:
        """A shared result carries the end user of the request that it answers."""
        cache, make = self.make(ON, ManualClock()), Maker()
        await cache.serve(TEAM, asked(user="one"), make)
        assert "two" == (await cache.serve(TEAM, asked(user="two"), make)).safety_identifier

    async def test_options_in_another_order_hit(self) -> None:
        """The order of provider options means nothing."""
        one, two = (
            {"maker": dict(items)} for items in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])
        )
        assert ["miss", "hit"] == await self.states(asked(options=one), asked(options=two))

    async def test_options_may_be_anything(self) -> None:
        """Options that JSON has no word for are told apart all the same."""
        one, two = (asked(options={"maker": MappingProxyType({"x": Decimal(n)})}) for n in (1, 2))
        assert ["miss", "miss", "hit"] == await self.states(one, two, one)

    async def test_ephemeral_results_leave_no_trace(self) -> None:
        """Ephemeral requests are neither kept nor answered from what was kept."""
        secret = asked(response_format=ResponseFormat.B64_EPHEMERAL)
        assert ["bypass", "miss", "bypass"] == await self.states(secret, asked(), secret)

    async def test_remote_inputs_pass_by(self) -> None:
        """What is behind a URL may change, so it is looked at again each time."""
        remote = asked(images=(InputImage(url="https://example.com/a.png"),))
        assert ["bypass", "bypass"] == await self.states(remote, remote)

    async def test_only_seeded(self) -> None:
        """On demand only requests with a seed are kept, whose pictures are meant to be equal."""
        setup = replace(ON, only_seeded=True)
        requests = (asked(), asked(), asked(seed=1), asked(seed=1))
        assert ["bypass", "bypass", "miss", "hit"] == await self.states(*requests, setup=setup)

    async def test_partial_results_are_not_kept(self) -> None:
        """A result that lacks images is given to whoever waits, and not kept."""
        missing = (Failure(fault=Fault.REFUSED_RESULT, message="withheld"),)
        cache, make = self.make(ON, ManualClock()), Maker(replace(RESULT, missing=missing))
        for _ in range(2):
            assert "miss" == (await cache.serve(TEAM, asked(), make)).cache

    async def test_failures_are_not_kept(self) -> None:
        """After a failure the next request tries anew."""
        cache, make = self.make(ON, ManualClock()), Maker()
        make.error = LookupError("refused")
        with pytest.raises(LookupError):
            await cache.serve(TEAM, asked(), make)
        make.error = None
        assert "miss" == (await cache.serve(TEAM, asked(), make)).cache

    async def test_equal_requests_at_once_share_one_call(self) -> None:
        """Of twenty equal requests at the same time one is made, and one pays."""
        cache, make = self.make(ON, ManualClock()), Maker()
        tasks = await self._start(cache, make, 20)
        make.go.set()
        results = await asyncio.gather(*tasks)
        assert 1 == make.calls
        assert ["joined"] * 19 + ["miss"] == sorted(result.cache for result in results)
        assert [PRICE] == [result.cost for result in results if result.cost != SHARED]

    async def test_a_shared_failure_reaches_everybody(self) -> None:
        """When the one call fails, all who wait for it fail with it, and nobody tries again."""
        cache, make = self.make(ON, ManualClock()), Maker()
        make.error = LookupError("down")
        tasks = await self._start(cache, make, 5)
        make.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert 1 == make.calls
        assert [LookupError] * 5 == [type(result) for result in results]

    async def test_nobody_fails_with_one_who_may_pay_less(self) -> None:
        """Requests of different price limits are made apart, whatever comes of the other."""
        cache, poor, rich = self.make(ON, ManualClock()), Maker(), Maker()
        poor.error = LookupError("nothing at that price")
        poor.go.clear()
        capped = asked(max_price=Decimal("0.05"))
        tasks = [
            asyncio.create_task(_of(cache.serve(TEAM, request, make)))
            for request, make in ((capped, poor), (asked(), rich))
        ]
        await ManualClock().run_until_idle()
        poor.go.set()
        failed, made = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(failed, LookupError)
        assert isinstance(made, ImageResult)
        assert ("miss", 1) == (made.cache, rich.calls)
        assert "hit" == (await cache.serve(TEAM, capped, poor)).cache

    async def test_the_first_may_leave(self) -> None:
        """When who began it is cancelled, the work goes on, and the next in line pays."""
        cache, make = self.make(ON, ManualClock()), Maker()
        first, second, third = await self._start(cache, make, 3)
        await self._cancel(first)
        make.go.set()
        results = await asyncio.gather(second, third)
        assert (1, 0) == (make.calls, make.cancelled)
        assert [("miss", PRICE), ("joined", SHARED)] == [(r.cache, r.cost) for r in results]
        assert "hit" == (await cache.serve(TEAM, asked(), make)).cache

    async def test_the_last_to_leave_ends_the_work(self) -> None:
        """When everybody is cancelled, so is the work, and the next request begins anew."""
        cache, make = self.make(ON, ManualClock()), Maker()
        for task in await self._start(cache, make, 3):
            await self._cancel(task)
        assert (1, 1) == (make.calls, make.cancelled)
        make.go.set()
        assert "miss" == (await cache.serve(TEAM, asked(), make)).cache

    async def _start(
        self, cache: ResultCache, make: Maker, count: int
    ) -> list[asyncio.Task[ImageResult]]:
        """So many equal requests that wait for one call."""
        make.go.clear()
        tasks = [asyncio.create_task(_of(cache.serve(TEAM, asked(), make))) for _ in range(count)]
        await ManualClock().run_until_idle()
        return tasks

    async def _cancel(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.wait([task])


async def _of(work: Awaitable[ImageResult]) -> ImageResult:
    return await work
