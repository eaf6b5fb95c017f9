"""One upstream and one server over it for each module; tests start with a clean slate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.server.office import Office
from tests.serving import provider, router_of, served, setup
from tests.upstreams import Upstream


@dataclass(frozen=True)
class World:
    """What the tests of a module share."""

    upstream: Upstream
    client: httpx2.Client
    images: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    images = tmp_path_factory.mktemp("images")
    with Upstream() as upstream:
        what = setup(images, provider("near", upstream.base_url))
        with served(router_of(what)) as client:
            yield World(upstream, client, images)


@pytest.fixture
def upstream(world: World) -> Upstream:
    """An upstream that has seen nothing yet."""
    world.upstream.reset()
    return world.upstream


@pytest.fixture
def client(world: World, upstream: Upstream) -> httpx2.Client:
    """A client of a server without caller keys, over that upstream."""
    return world.client


@pytest.fixture
def images(world: World) -> Path:
    """Where that server keeps images; empty."""
    for path in world.images.rglob("*.*g"):
        path.unlink()
    return world.images


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """Jobs without a server; all have ended when the test has."""
    made = Office()
    yield made
    made.gate.set()
    await made.jobs.close()
