"""What goes wrong on our own machine: descriptors, plugins, keys that change."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from tests.faults.kit import CARD, Stage, faults, images_api

from routercore.engine.setup import ProviderSetup
from routercore.engine.transport.base import Transport
from routercore.provider import Flow, Row, bearer, call, get, post_json, run, run_in_thread
from routercore.testing.faulty import FaultyUpstream, nonce_of, steps
from routercore.values.images import Generated, Task

Transports = Callable[..., Transport]


@contextmanager
def descriptors(further: int) -> Iterator[None]:
    """Let this process open only so many files and sockets more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir("/proc/self/fd")}
    free = (number for number in count() if number not in used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, further, None)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fault("F64", how="100 requests at once, and descriptors for sixteen")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux")
async def test_no_descriptors(first: FaultyUpstream, transport: Transports) -> None:
    """Those that cannot connect fail at no cost with a 503; the rest are served, and afterwards
    all are: running out here opens no circuit."""
    async with Stage(first, injected={"transport": transport()}) as stage:
        await stage.ask()  # What is imported when it is first needed has been by now.
        first.script(steps.serve(gate=True, times=0))
        with descriptors(16):
            asking = [asyncio.create_task(stage.ask(f"picture {n}")) for n in range(100)]
            await first.arrived(2)
            first.release()
            done = await asyncio.gather(*asking, return_exceptions=True)
        failed = [one for one in done if isinstance(one, BaseException)]
        assert {503} == {one.status for one in failed}  # type: ignore[attr-defined]
        assert 0 < len(failed) < 100
        assert 0 == stage.router.plan("x", model="poster").candidates[0].health.closed_for
        assert 1 == len((await stage.ask()).images)
        assert {"voided", "posted"} == set(await stage.kinds())


class Wicked(Row):
    """A provider whose flow does whatever it likes."""

    def __init__(self, base_url: str, wicked: Callable[[Task], Flow[Generated]]) -> None:
        super().__init__(name="first", auth=bearer("KEY"), origins=(base_url,), cards=(CARD,))
        object.__setattr__(self, "wicked", wicked)

    def generate(self, task: Task) -> Flow[Generated]:
        wicked: Callable[[Task], Flow[Generated]] = self.__dict__["wicked"]
        return wicked(task)


def wicked(first: FaultyUpstream, flow: Any) -> tuple[ProviderSetup, FaultyUpstream]:
    return replace(images_api("first", first), provider=Wicked(first.base_url, flow)), first


class Tantrum(BaseException):
    """What no plugin has any business raising."""


def raises(error: BaseException) -> Callable[[Task], Flow[Generated]]:
    def flow(task: Task) -> Flow[Generated]:
        yield from call(get(task.url("/models")))
        raise error

    return flow


def raises_at_once(task: Task) -> Flow[Generated]:
    raise SystemExit("at once")


def raises_in_its_own(task: Task) -> Flow[Generated]:
    def function() -> None:
        raise SystemExit("in a thread")

    yield from run_in_thread(function)
    raise AssertionError("unreachable")


def raises_in_a_coroutine(task: Task) -> Flow[Generated]:
    async def function() -> None:
        raise Tantrum

    yield from run(function)
    raise AssertionError("unreachable")


def is_no_flow(task: Task) -> Any:
    return ["not", "a", "flow"]


def returns_nonsense(task: Task) -> Flow[Any]:
    yield from call(get(task.url("/models")))
    return {"images": 1}


def yields_nonsense(task: Task) -> Flow[Any]:
    yield 7  # type: ignore[misc]


WICKED = {
    "Exception": raises(RuntimeError("no")),
    "BaseException": raises(Tantrum()),
    "SystemExit": raises(SystemExit(1)),
    "CancelledError": raises(asyncio.CancelledError()),
    "GeneratorExit": raises(GeneratorExit()),
    "at once": raises_at_once,
    "in a thread": raises_in_its_own,
    "in a coroutine": raises_in_a_coroutine,
    "no flow": is_no_flow,
    "wrong type": returns_nonsense,
    "wrong effect": yields_nonsense,
}


@pytest.mark.fault("F65", how="a plugin that raises anything, or returns or yields another type")
@pytest.mark.parametrize("flow", WICKED.values(), ids=WICKED)
async def test_wicked_plugins(first: FaultyUpstream, second: FaultyUpstream, flow: Any) -> None:
    """It is the plugin's failure, recorded as an attempt; the next target answers."""
    async with Stage(wicked(first, flow), (images_api("second", second), second)) as stage:
        assert ["plugin", None] == faults(await stage.ask())


@pytest.mark.fault("F65", how="a plugin that writes to what it was given")
async def test_a_plugin_that_meddles(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The next target gets what the caller asked for."""

    def meddles(task: Task) -> Flow[Generated]:
        object.__setattr__(task, "prompt", "something else")
        object.__setattr__(task, "n", 9)
        task.options["quality"] = "ruined"  # type: ignore[index]
        task.options["nested"]["deep"] = "ruined"
        yield from call(post_json(task.url("/nowhere"), {}, billable=False))
        raise RuntimeError

    own = {"nested": {"deep": "kept"}}
    pair = (images_api("second", second, options=own), second)
    first.script(steps.error(500))
    async with Stage(wicked(first, meddles), pair) as stage:
        await stage.ask("a lighthouse", options={"first": {"nested": {"deep": "kept"}}})
        (sent,) = second.seen("make")
        assert {"model": "poster", "prompt": "a lighthouse", "nested": {"deep": "kept"}} == {
            name: sent.fields.get(name) for name in ("model", "prompt", "nested")
        }


@pytest.mark.fault("F65", how="a plugin that leaves a task running")
async def test_a_plugin_that_leaks(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Its task is its own affair: the attempt ends, and so does closing the router."""
    leaked: list[asyncio.Task[None]] = []

    def leaks(task: Task) -> Flow[Generated]:
        async def function() -> None:
            leaked.append(asyncio.create_task(asyncio.sleep(3600)))
            raise RuntimeError

        yield from run(function)
        raise AssertionError("unreachable")

    async with Stage(wicked(first, leaks), (images_api("second", second), second)) as stage:
        assert ["plugin", None] == faults(await stage.ask())
    leaked[0].cancel()


@pytest.mark.fault("F65", how="a plugin that waits in a thread beyond its time limit")
async def test_a_plugin_that_blocks(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """The attempt ends in time, although the thread does not."""
    import threading

    entered, until = threading.Event(), threading.Event()

    def blocks(task: Task) -> Flow[Generated]:
        def function() -> None:
            entered.set()
            until.wait(20)

        yield from run_in_thread(function)
        raise AssertionError("unreachable")

    async with Stage(wicked(first, blocks), (images_api("second", second), second)) as stage:
        asking = asyncio.create_task(stage.ask())
        await asyncio.to_thread(entered.wait, 20)
        stage.hasty.leap(120)
        assert ["deadline", None] == faults(await asking)
        until.set()


@pytest.mark.fault(
    "F66", how="a router with a new key takes over from one with the old, under load"
)
async def test_keys_that_change(first: FaultyUpstream) -> None:
    """No request fails, those under way end with the key that they began with, and afterwards the
    old key is not used again."""
    old = Stage((images_api("first", first, keys=("sk-old-key",)), first))
    new = Stage((images_api("first", first, keys=("sk-new-key",)), first))
    first.script(steps.serve(gate=True, times=50))
    async with new:
        async with old:
            under_way = [asyncio.create_task(old.ask(f"old {n}")) for n in range(50)]
            await first.arrived(50)
            after = [asyncio.create_task(new.ask(f"new {n}")) for n in range(50)]
            first.release()
            results = await asyncio.gather(*under_way, *after)
            new.delivered = old.delivered = [nonce_of(one.images[0].data) for one in results]
            old.may_differ = new.may_differ = True
        keys = [one.headers["authorization"] for one in first.seen("make")]
        assert ["Bearer sk-old-key"] * 50 + ["Bearer sk-new-key"] * 50 == keys
