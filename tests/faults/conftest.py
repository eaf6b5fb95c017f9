"""Two upstreams for every test of faults, and each of the transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routercore.engine.transport.base import Transport
from routercore.engine.transport.fast import FastTransport
from routercore.engine.transport.portable import PortableTransport
from routercore.testing.faulty import FaultyUpstream


@pytest.fixture
def first(tmp_path: Path) -> Iterator[FaultyUpstream]:
    """The upstream that is asked first."""
    with FaultyUpstream(tmp_path / "first.jsonl") as upstream:
        yield upstream


@pytest.fixture
def second(tmp_path: Path) -> Iterator[FaultyUpstream]:
    """The upstream that stands by."""
    with FaultyUpstream(tmp_path / "second.jsonl") as upstream:
        yield upstream


@pytest.fixture(params=[FastTransport, PortableTransport], ids=["aiohttp", "httpx2"])
def transport(request: pytest.FixtureRequest) -> Callable[..., Transport]:
    """Each of the transports, to be made with its own time limits."""
    made: Callable[..., Transport] = request.param
    return made
