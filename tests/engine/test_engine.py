"""The engine admits, caches, plans and runs; and tells what it did."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, asking, priced, provider, status

from routercore.engine.clock import SystemClock
from routercore.engine.setup import CacheSetup, Caller, CallerKey, Limits, ProviderSetup, Route
from routercore.provider.flow import call, partial
from routercore.provider.http import post_json
from routercore.routing.plan import UnknownPrice
from routercore.testing.providers import PNG, ScriptedProvider
from routercore.testing.transport import Hanging
from routercore.values.errors import (
    LimitError,
    ModelNotFoundError,
    RequestError,
    UnsupportedError,
)
from routercore.values.events import Completed, Event, PartialImage
from routercore.values.images import (
    Generated,
    InputImage,
    Operation,
    RawImage,
    ResponseFormat,
    Task,
    Warning,
)
from routercore.values.limits import Admission, Allowance
from routercore.values.money import SHARED, usd

TEAM = Caller(name="team", limits=Limits(requests=2), models=("art", "post*"))
CACHED = CacheSetup(ttl=60.0)


# Callers


async def test_a_caller_is_told_what_is_left() -> None:
    """Before any work the numbers of the caller's limits are there."""
    kit, told = Kit("a"), list[Admission]()
    await kit.clock.run(kit.engine.generate(asking(), TEAM, on_admission=told.append))
    assert [Admission(requests=Allowance(limit=2, remaining=1, reset=60.0))] == told


async def test_a_caller_over_its_limit_reaches_nobody() -> None:
    """A request over the limit is refused with a true time, before anything is sent."""
    kit = Kit("a")
    for _ in range(2):
        await kit.generate(caller=TEAM)
    error = await kit.error(caller=TEAM)
    assert isinstance(error, LimitError)
    assert (60.0, 2) == (error.retry_after, len(kit.asked))
    assert ("request.failed", "rate_limit_exceeded") == (
        kit.events[-1].name, kit.events[-1].fields["code"],
    )  # fmt: skip


async def test_a_caller_sees_only_its_models() -> None:
    """A model outside the caller's patterns does not exist for it."""
    kit = Kit("a", routes=(Route(name="art"), Route(name="secret")))
    assert ["poster"] == [entry.name for entry in kit.engine.models(TEAM)]
    with pytest.raises(ModelNotFoundError):
        kit.engine.plan(asking(model="secret"), TEAM)


async def test_secrets_stand_for_callers() -> None:
    """A key in clear or by its hash finds its caller; anything else finds nobody."""
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    other = replace(TEAM, name="other")
    callers = (CallerKey(caller=TEAM, key="clear"), CallerKey(caller=other, hash=digest))
    engine = Kit("a", callers=callers).engine
    assert [TEAM, other, None, None] == [
        engine.authenticate(secret) for secret in ("clear", "secret", "wrong", "\udc80")
    ]


# Cache


async def test_equal_requests_at_once_are_one_call() -> None:
    """Twenty equal requests at the same time are one upstream call, and one of them pays."""
    kit = Kit("a", cache=CACHED)
    results = await kit.clock.run(_all(kit.engine.generate(asking()) for _ in range(20)))
    assert 1 == len(kit.asked)
    assert {"miss": 1, "joined": 19} == dict(Counter(result.cache for result in results))
    assert 20 == len({result.id for result in results})
    assert Decimal("0.04") == sum((r.cost.usd or Decimal(0) for r in results), Decimal(0))
    assert ("hit", SHARED) == ((again := await kit.generate()).cache, again.cost)


async def _all(work: Any) -> list[Any]:
    return await asyncio.gather(*work)


async def test_without_a_cache_every_request_is_its_own() -> None:
    """Unless configured, nothing is shared."""
    kit = Kit("a")
    assert ["bypass", "bypass"] == [(await kit.generate()).cache for _ in range(2)]
    assert 2 == len(kit.asked)


async def test_streams_pass_by_the_cache() -> None:
    """A streamed request is made anew, and leaves nothing behind."""
    kit = Kit("a", cache=CACHED)
    for _ in range(2):
        async for item in kit.engine.stream(asking()):
            assert isinstance(item, Completed)
            assert "bypass" == item.result.cache
    assert "miss" == (await kit.generate()).cache


async def test_ephemeral_requests_pass_by_the_cache() -> None:
    """An ephemeral image is never kept."""
    kit = Kit("a", cache=CACHED)
    for _ in range(2):
        result = await kit.generate(response_format=ResponseFormat.B64_EPHEMERAL)
        assert "bypass" == result.cache


# Plans


async def test_asking_for_a_plan_takes_no_turn() -> None:
    """A plan makes no call, and does not change what comes next."""
    kit = Kit("a", "b", route={"strategy": "round_robin"})
    plans = [kit.engine.plan(asking()).candidates[0].name for _ in range(3)]
    assert ["a:poster"] * 3 == plans
    served = [(await kit.generate()).target for _ in range(4)]
    assert ["a:poster", "b:poster", "a:poster", "b:poster"] == served


async def test_the_run_follows_the_plan() -> None:
    """What is tried is what the plan says, in its order."""
    dear, cheap = priced(usd("0.5")), priced(usd("0.1"))
    kit = Kit(
        provider("d", cards=(dear,)), provider("u", cards=(priced(),)),
        provider("c", cards=(cheap,)),
        answers={name: [status(401)] for name in "duc"}, route={"strategy": "cost"},
    )  # fmt: skip
    planned = [one.name for one in kit.engine.plan(asking()).candidates]
    error = await kit.error()
    assert ["c:poster", "d:poster", "u:poster"] == planned
    assert planned == [attempt.target for attempt in error.attempts]


async def test_nobody_can_do_it() -> None:
    """Where every target is excluded the error says each one's reason, and the parameter."""
    kit = Kit(provider("a", cards=(replace(CARD, max_prompt=3),)))
    error = await kit.error()
    assert isinstance(error, UnsupportedError)
    assert ("prompt", []) == (error.param, kit.asked)
    assert "a:poster" in error.message


async def test_an_unknown_price_can_be_an_error() -> None:
    """With ``unknown_price = error`` a target without a price fails the request by name."""
    kit = Kit(provider("a", cards=(priced(),)), route={"unknown_price": UnknownPrice.ERROR})
    error = await kit.error()
    assert ("price_unknown", 400) == (error.code, error.status)


async def test_the_lower_ceiling_counts() -> None:
    """Of the route's and the request's price limits the lower one excludes."""
    kit = Kit("a", route={"max_price": Decimal(1)})
    assert 1 == len((await kit.generate(max_price=Decimal("0.05"))).images)
    assert "max_price" == (await kit.error(max_price=Decimal("0.03"))).param


@pytest.mark.parametrize(
    ("settings", "param"),
    [({"prompt": ""}, "prompt"), ({"n": 0}, "n"), ({"model": "nothing"}, "model")],
)
async def test_a_request_wrong_in_itself(settings: dict[str, Any], param: str) -> None:
    """What is wrong in itself is refused by its parameter, before anything else."""
    error = await Kit("a").error(**settings)
    assert isinstance(error, RequestError)
    assert param == error.param


async def test_an_edit_needs_no_prompt() -> None:
    """A picture without a prompt is a request; whether it can be done is the card's matter."""
    error = await Kit("a").error(prompt="", images=(InputImage(PNG),))
    assert isinstance(error, UnsupportedError)


# Streams


def _streaming(task: Task) -> Any:
    yield from partial(99, RawImage(base64="???"))
    yield from partial(98, RawImage(data=b"no picture"))
    for index in range(30 if task.stream else 0):
        yield from partial(index, RawImage(data=PNG))
    reply = yield from call(post_json(task.url("/images"), {"n": 1}))
    assert reply.is_success
    return Generated(images=(RawImage(data=PNG),))


async def test_a_stream_gives_partials_and_the_result_last() -> None:
    """Intermediate images come in order, as many as a slow caller can hold, without those that
    are none; the result is last."""
    kit = Kit(provider("a", flow=_streaming))
    items = [item async for item in kit.engine.stream(asking(), request_id="mine")]
    *partials, last = items
    assert list(range(16)) == [p.index for p in partials if isinstance(p, PartialImage)]
    assert isinstance(last, Completed)
    assert ("mine", 1) == (last.result.id, len(last.result.images))


async def test_a_stream_that_fails_raises() -> None:
    """A failure comes out of the iterator."""
    kit = Kit("a", answers={"a": [status(401)]})
    with pytest.raises(Exception, match="a:poster failed"):
        await anext(kit.engine.stream(asking()))


async def test_leaving_a_stream_cancels_its_work() -> None:
    """A caller that goes away in the middle leaves no call and no task."""
    kit = Kit(provider("a", flow=_streaming), answers={"a": [Hanging()]})
    before = asyncio.all_tasks()
    items: Any = kit.engine.stream(asking())
    await anext(items)
    await kit.clock.run_until_idle()
    assert 1 == kit.transport.open_exchanges
    await items.aclose()
    assert (0, before) == (kit.transport.open_exchanges, asyncio.all_tasks())


async def test_leaving_a_failed_stream_is_quiet() -> None:
    """A caller that leaves before it has seen the failure causes no complaint."""
    kit = Kit(provider("a", flow=_streaming), answers={"a": [status(401)]})
    items: Any = kit.engine.stream(asking())
    await anext(items)
    await kit.clock.run_until_idle()
    await items.aclose()


# What is told, and the rest


async def test_what_happened_is_told() -> None:
    """Observers hear of the request and its attempt; the result has the same id."""
    kit = Kit("a")
    result = await kit.clock.run(kit.engine.generate(asking(), request_id="mine"))
    assert "mine" == result.id
    assert ["request.started", "attempt.started", "attempt.succeeded", "request.completed"] == [
        event.name for event in kit.events if event.request_id == "mine"
    ]


async def test_what_is_told_of_a_request() -> None:
    """Who was asked, what came of it, in what time and at what price; and nothing else, so no
    prompt, key or picture."""
    kit = Kit("a", "b", answers={"a": [status(401)]})
    await kit.generate(n=2)
    failed = {"fault": "unauthenticated", "message": "status 401", "images": 0, "usd": Decimal(0)}
    served = {"fault": None, "message": None, "images": 2, "usd": Decimal("0.08")}
    a, b = ({"target": f"{name}:poster", "number": n} for n, name in enumerate("ab", 1))
    assert [
        ("request.started", {"model": "art", "n": 2}),
        ("attempt.started", a),
        ("attempt.failed", {**a, **failed, "seconds": 0.0}),
        ("attempt.started", b),
        ("attempt.succeeded", {**b, **served, "seconds": 0.0}),
        ("request.completed",
         {"target": "b:poster", "images": 2, "seconds": 0.0, "cache": "bypass"}),
    ] == [(event.name, event.fields) for event in kit.events]  # fmt: skip


async def test_a_broken_observer_disturbs_nobody() -> None:
    """An observer that raises is reported and the request goes on."""
    kit = Kit("a")

    def broken(event: Event) -> None:
        raise LookupError(event.name)

    kit.notify = broken  # type: ignore[method-assign]
    assert 1 == len((await kit.generate()).images)


async def test_a_broken_listener_costs_no_picture() -> None:
    """What a caller's listener raises is reported, and the picture comes all the same."""
    kit = Kit(provider("a", flow=_streaming))

    def broken(target: str, notice: object) -> None:
        raise LookupError(target)

    result = await kit.clock.run(kit.engine.generate(asking(), on_notice=broken))
    assert ("a:poster", ["a"]) == (result.target, kit.asked)
    assert "listener.failed" in {event.name for event in kit.events}


async def test_closing_closes_the_transport() -> None:
    """Closing the engine closes every connection."""
    kit = Kit("a")
    await kit.engine.close()
    assert kit.transport.is_closed


async def test_options_add_up() -> None:
    """Options of the configuration, the target and the caller reach the provider, nearest last."""
    seen: list[Any] = []

    def flow(task: Task) -> Any:
        seen.append((dict(task.options), task.base_url))
        return Generated(images=(RawImage(data=PNG),))
        yield

    own = ProviderSetup(
        name="mine", provider=ScriptedProvider(flow=flow, cards=(CARD,)),
        base_url="https://other.example/v2/", options={"a": 1, "b": 1, "c": 1},
    )  # fmt: skip
    kit = Kit(own)
    await kit.generate(options={"scripted": {"b": 2, "c": 2}, "mine": {"c": 3}, "else": {"a": 9}})
    assert [({"a": 1, "b": 2, "c": 3}, "https://other.example/v2")] == seen


async def test_a_configured_base_url_takes_the_place_of_the_origins() -> None:
    """With another base URL the credential goes there, and nowhere else."""

    def flow(task: Task) -> Any:
        yield from call(post_json("https://api.scripted.example/v1/images", {"n": 1}))
        yield from call(post_json(task.url("images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),))

    scripted = ScriptedProvider(flow=flow, cards=(CARD,))
    setup = ProviderSetup(name="mine", provider=scripted, keys=("k",),
                          base_url="https://other.example/v2")  # fmt: skip
    kit = Kit(setup)
    await kit.generate()
    signed = ["authorization" in sent.request.headers for sent in kit.transport.sent]
    assert ([False, True], [True, False]) == (signed, [s.public_only for s in kit.transport.sent])


async def test_a_base_url_may_have_companions() -> None:
    """A host that the vendor has beside a configured base URL may have the credential, too."""

    class Regional(ScriptedProvider):
        def companions(self, base_url: str) -> list[str]:
            return ["https://lists.other.example"] if "other.example" in base_url else []

    def flow(task: Task) -> Any:
        yield from call(post_json("https://lists.other.example/models", {"n": 1}))
        yield from call(post_json("https://api.scripted.example/v1/images", {"n": 1}))
        return Generated(images=(RawImage(data=PNG),))

    for base_url, expected in (
        ("https://other.example/v2", [True, False]),
        ("https://elsewhere.example", [False, False]),
    ):
        provider = Regional(flow=flow, cards=(CARD,))
        kit = Kit(ProviderSetup(name="mine", provider=provider, keys=("k",), base_url=base_url))
        await kit.generate()
        sent = ["authorization" in sent.request.headers for sent in kit.transport.sent]
        assert expected == sent


async def test_the_systems_clock() -> None:
    """The machine's own clock moves, knows its time zone, and keeps deadlines."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert before <= clock.monotonic()
    assert clock.now().tzinfo is not None
    with pytest.raises(TimeoutError):
        async with clock.timeout_at(clock.monotonic()):
            await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("overlay", ["mask", "markup"])
async def test_what_lies_on_an_image_needs_one(overlay: str) -> None:
    """A mask or a markup without an image is refused before anybody is asked."""
    kit = Kit("a")
    error = await kit.error(**{overlay: InputImage(PNG)})
    assert (400, overlay, []) == (error.status, error.param, kit.asked)


# Mistakes of others


async def test_an_unexpected_exception_ends_the_request() -> None:
    """Whatever else is raised reaches the caller as itself; the event and the log tell of it."""
    takes_two = replace(CARD, operations=frozenset({Operation.EDIT}), max_images=2)
    kit = Kit(provider("a", cards=(takes_two,)), answers={"pictures": [ZeroDivisionError("mine")]})
    picture = InputImage(url="https://pictures.example/cat.png")
    with pytest.raises(ZeroDivisionError, match="mine"):
        await kit.clock.run(kit.engine.generate(asking(images=(picture, picture))))
    assert ("request.failed", {"code": "internal_error", "status": 500}) == (
        kit.events[-1].name, kit.events[-1].fields,
    )  # fmt: skip
    [logged] = await kit.ledger.log()
    assert logged.ended is not None
    assert ("failed", "internal_error") == (logged.ended.status, logged.ended.code)


async def test_what_a_provider_says_of_its_pictures_is_told() -> None:
    """Its warnings reach the caller, each once however many calls it took."""
    flagged = Warning(code="flagged", param="moderation", message="the vendor flagged a picture")

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),), warnings=(flagged,))

    kit = Kit(provider("a", flow=flow, cards=(replace(CARD, max_n=1),)))
    result = await kit.generate(n=2)
    assert [flagged] == [one for one in result.warnings if one.param == "moderation"]
