"""The driver holds its ground: against cancellation, faulty plugins and foreign origins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.engine.stage import API, WORK, Flow, Stage, calling

from routercore.provider import HttpRequest, get
from routercore.provider.auth import Header
from routercore.provider.flow import (
    Call,
    Effect,
    Emit,
    NextEvent,
    Open,
    Run,
    Wait,
    fail,
    run,
)
from routercore.provider.http import HttpResponse
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import (
    Hanging,
    events_answer,
    json_answer,
)
from routercore.values.events import Progress
from routercore.values.faults import Failure, Fault


def _every_effect(log: list[str]) -> Flow:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    effects: list[Effect] = [
        Call(WORK), Wait(1.0), Emit(Progress()), Open(WORK), NextEvent(), Run(forever),
    ]  # fmt: skip
    try:
        for effect in effects:  # noqa: UP028 - a list cannot be sent replies
            yield effect
    finally:
        log.append("closed")


@pytest.mark.parametrize("rounds", range(12))
async def test_cancelled_anywhere(rounds: int) -> None:
    """Wherever a cancellation comes, it passes, the flow is closed and nothing stays behind."""
    log: list[str] = []
    stage = Stage(json_answer({}), events_answer(("a", 1)))
    before = asyncio.all_tasks()
    task = asyncio.create_task(stage.driver.run(lambda: _every_effect(log), 60.0))
    for _ in range(rounds):
        await asyncio.sleep(0)
    if rounds > 6:
        await stage.clock.advance(2)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert rounds == 0 or ["closed"] == log
    assert 0 == stage.transport.open_exchanges
    assert (0, 0) == (stage.clock.sleepers, stage.clock.deadlines)
    assert before == asyncio.all_tasks()


async def test_a_cancellation_is_stronger_than_a_flow_that_will_not_end() -> None:
    """A flow that yields on when it is closed cannot keep a cancellation from passing."""

    def stubborn() -> Flow:
        try:
            yield Wait(10)
        finally:
            yield Wait(1)

    stage = Stage()
    task = asyncio.create_task(stage.driver.run(stubborn, 60.0))
    await stage.clock.run_until_idle()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_deadline_is_stronger_than_a_flow_that_will_not_end() -> None:
    """A flow that yields on when it is closed still fails for the deadline."""

    def stubborn() -> Flow:
        try:
            yield Call(WORK)
        finally:
            yield Wait(1)

    assert Fault.DEADLINE == (await Stage(Hanging()).failure(stubborn, deadline=5)).fault


# Plugins that misbehave


def _raises(error: Exception) -> Callable[[], Flow]:
    def flow() -> Flow:
        raise error
        yield Wait(0)

    return flow


def _yields(value: Any) -> Callable[[], Flow]:
    def flow() -> Flow:
        yield value

    return flow


def _no_generator() -> Any:
    return {"images": []}


def _no_start() -> Any:
    raise KeyError("card")


def _iterator() -> Iterator[int]:
    return iter([1])


@pytest.mark.parametrize(
    "flow",
    [
        _raises(KeyError("data")),
        _raises(TimeoutError("mine")),
        _raises(AssertionError()),
        _yields("not an effect"),
        _yields(Call("not a request")),  # type: ignore[arg-type]
        _yields(Wait("soon")),  # type: ignore[arg-type]
        _yields(Run(None)),  # type: ignore[arg-type]
        _no_generator,
        _no_start,
        _iterator,
    ],
)
async def test_a_plugins_mistake_is_a_failure(flow: Callable[[], Any]) -> None:
    """Whatever a plugin does wrong, the request gets a failure that names it."""
    failure = await Stage().failure(flow)
    assert Fault.PLUGIN == failure.fault
    assert "'scripted'" in failure.message


async def test_what_an_awaited_function_raises_is_the_plugins() -> None:
    """An exception of an awaited function that the flow lets pass is the plugin's mistake."""

    async def work() -> None:
        raise LookupError("sdk")

    assert Fault.PLUGIN == (await Stage().failure(lambda: run(work))).fault


class Unable(ScriptedProvider):
    """Cannot classify."""

    def __init__(self, classify: Any) -> None:
        super().__init__()
        object.__setattr__(self, "_classify", classify)

    __slots__ = ("_classify",)

    def classify(self, response: HttpResponse) -> Failure:
        return self._classify(response)  # type: ignore[no-any-return,attr-defined]


@pytest.mark.parametrize("classify", [lambda response: None, lambda response: 1 / 0])
async def test_a_classification_that_fails_keeps_the_status(classify: Any) -> None:
    """A provider that cannot classify is at fault; the status is kept for people."""
    stage = Stage(json_answer({}, 500), provider=Unable(classify))
    failure = await stage.failure(calling())
    assert (Fault.PLUGIN, 500) == (failure.fault, failure.status)


async def test_a_signature_that_fails_is_the_plugins() -> None:
    """An auth scheme that raises is the plugin's mistake, and nothing is sent."""

    class Broken(Header):
        def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
            raise KeyError(secret)

    stage = Stage(provider=ScriptedProvider(auth=Broken(None)))
    assert Fault.PLUGIN == (await stage.failure(calling())).fault
    assert [] == stage.transport.requests


async def test_a_failure_of_the_flow_is_kept_whole() -> None:
    """What a flow fails with reaches the caller as it is."""

    def flow() -> Flow:
        raise fail(Fault.NO_IMAGE, "nothing", code="empty")
        yield

    assert Failure(fault=Fault.NO_IMAGE, message="nothing", code="empty") == await Stage().failure(
        flow
    )


# Signing and addresses


@pytest.mark.parametrize(
    ("url", "settings", "is_signed", "is_public_only"),
    [
        (f"{API}/images", {}, True, False),
        ("https://files.elsewhere.example/a.png", {}, False, True),
        ("https://api.scripted.example:8443/", {}, False, True),
        ("http://api.scripted.example/", {}, False, True),
        (f"{API}/images", {"secret": None}, False, False),
        ("http://10.0.0.7:9000/a", {"trusted_origins": frozenset({"http://10.0.0.7:9000"})},
         False, False),
        ("https://eu.maker.example/a", {"signed_origins": ("https://*.maker.example",)},
         True, False),
        ("https://evilmaker.example/a", {"signed_origins": ("https://*.maker.example",)},
         False, True),
    ],
)  # fmt: skip
async def test_who_gets_the_credential(
    url: str, settings: dict[str, Any], is_signed: bool, is_public_only: bool
) -> None:
    """Only origins of the provider get the credential, and only known ones may be private."""
    stage = Stage(json_answer({}), **settings)
    await stage.run(calling(get(url)))
    (sent,) = stage.transport.sent
    assert is_signed == ("authorization" in sent.request.headers)
    assert is_public_only == sent.public_only


async def test_the_flow_never_sees_the_credential() -> None:
    """The request is signed after the flow has yielded it, on a copy."""
    stage = Stage(json_answer({}))
    request = get(API)
    await stage.run(calling(request))
    assert {} == request.headers
    assert "Bearer s3cret" == stage.transport.requests[0].headers["authorization"]
    assert "s3cret" not in repr(stage.driver)


async def test_a_signature_may_be_awaited() -> None:
    """An auth scheme may need the network, for a token."""

    class Slow(Header):
        async def sign(self, request: HttpRequest, secret: str) -> HttpRequest:  # type: ignore[override]
            await asyncio.sleep(0)
            return request.with_headers({"x-token": secret})

    stage = Stage(json_answer({}), provider=ScriptedProvider(auth=Slow(None)))
    await stage.run(calling())
    assert "s3cret" == stage.transport.requests[0].headers["x-token"]
