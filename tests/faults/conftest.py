"""Two upstreams for every test of faults, and each of the transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from routercore.engine.transport.base import Transport
from routercore.engine.transport.fast import FastTransport
from routercore.engine.transport.portable import PortableTransport
from routercore.testing.faulty import FaultyUpstream


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FaultyUpstream]]:
    """Three upstreams, each a process that serves all tests."""
    folder = tmp_path_factory.mktemp("invoices")
    with ExitStack() as stack:
        names = ("first", "second", "third")
        yield [stack.enter_context(FaultyUpstream(folder / name)) for name in names]


@pytest.fixture
def first(processes: list[FaultyUpstream]) -> FaultyUpstream:
    """The upstream that is asked first."""
    return fresh(processes[0])


@pytest.fixture
def second(processes: list[FaultyUpstream]) -> FaultyUpstream:
    """The upstream that stands by."""
    return fresh(processes[1])


@pytest.fixture
def third(processes: list[FaultyUpstream]) -> FaultyUpstream:
    """One more, for whatever nobody should reach."""
    return fresh(processes[2])


def fresh(upstream: FaultyUpstream) -> FaultyUpstream:
    """The upstream as if nothing had been before."""
    upstream.forget()
    return upstream


@pytest.fixture(params=[FastTransport, PortableTransport], ids=["aiohttp", "httpx2"])
def transport(request: pytest.FixtureRequest) -> Callable[..., Transport]:
    """Each of the transports, to be made with its own time limits."""
    made: Callable[..., Transport] = request.param
    return made
