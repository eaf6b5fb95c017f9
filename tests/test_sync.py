"""The Router without asyncio: safe from many threads, and nobody is left waiting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from routercore import AttemptsFailedError, Collected, PartialImage, SyncRouter
from routercore.provider import HttpRequest, hookimpl
from routercore.providers.test.provider import TestProvider
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import FakeTransport, Hanging

SECONDS = 10.0
"""Longer than anything here takes; only a failing test waits for it."""


class Plugin:
    """One provider whose answers are the transport's."""

    @hookimpl
    def routercore_providers(self) -> Any:
        return [ScriptedProvider()]


def test_many_threads_share_one() -> None:
    """Each of many threads gets the picture that it asked for."""
    seeds: list[int | None] = []

    def one(router: SyncRouter, seed: int) -> None:
        seeds.append(router.generate("a heron", size="64x64", seed=seed).images[0].seed)

    with SyncRouter.auto(environ={}) as router:
        threads = [threading.Thread(target=one, args=(router, seed)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
    assert list(range(8)) == sorted(seed for seed in seeds if seed is not None)


def test_a_stream_ends_with_the_result() -> None:
    """Intermediate pictures come first, then the completed result."""
    with SyncRouter.auto(environ={}) as router:
        *partials, last = router.stream("a heron", size="64x64", partial_images=2)
    assert [True, True] == [isinstance(item, PartialImage) for item in partials]
    assert not isinstance(last, PartialImage)


def test_an_estimate_is_what_is_paid() -> None:
    """The price of a request is told before it is made, and nothing is made for it."""
    asked = {"model": "test/paid", "size": "1024x1024", "n": 2}
    with SyncRouter.auto(environ={}) as router:
        found = router.estimate("a heron", **asked)
        paid = router.generate("a heron", **asked).cost.usd
    assert paid == found.first.low == found.first.expected == found.first.high
    assert ["test:test/paid"] == [one.name for one in found.candidates]


def test_what_is_asked_of_a_closed_router_is_refused() -> None:
    """A closed router says so; closing it again does nothing."""
    router = SyncRouter.auto(environ={})
    router.close()
    router.close()
    with pytest.raises(RuntimeError, match="closed"):
        router.generate("a heron")


def test_closing_ends_what_other_threads_wait_for() -> None:
    """A request under way in another thread ends with an error when the router is closed."""
    begun, ended = threading.Event(), []

    def hang(request: HttpRequest) -> Hanging:
        begun.set()
        return Hanging()

    router = SyncRouter.auto(
        environ={"SCRIPTED_API_KEY": "k"},
        plugins=[("scripted", Plugin())],
        transport=FakeTransport(hang),
    )

    def ask() -> None:
        try:
            router.generate("a heron", model="poster")
        except RuntimeError as error:
            ended.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert begun.wait(SECONDS)
    router.close()
    thread.join(SECONDS)
    assert ["this router is closed"] == ended


class Unstoppable(TestProvider):
    """Its jobs cannot be called off."""

    name = "unstoppable"
    cancel = None


class JobPlugin:
    @hookimpl
    def routercore_providers(self) -> Any:
        return [Unstoppable()]


JOB = {
    "providers": {"slow": {"plugin": "unstoppable", "options": {"job": True, "latency": 1.0}}},
    "models": {"art": {"targets": ["slow:test/paid"]}},
    "router": {"deadline": "0.3s"},
}


def test_late_pictures_are_taken_over() -> None:
    """The picture of a job that outlived its request arrives, with whose it is."""
    arrived, late = threading.Event(), list[Collected]()

    def take(collected: Collected) -> None:
        late.append(collected)
        arrived.set()

    plugin = [("jobs", JobPlugin())]
    with SyncRouter.from_config(JOB, environ={}, plugins=plugin) as router:
        router.on_late_result(take)
        with pytest.raises(AttemptsFailedError):
            router.generate("a heron", model="art", size="64x64", request_id="req_late")
        assert arrived.wait(SECONDS)
        assert {} == {fate: jobs for fate, jobs in router.collect(take).items() if jobs}
    assert [("req_late", 1)] == [(one.request_id, len(one.result.images)) for one in late]
