"""One upstream and one server over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.serving import provider, router_of, served, setup
from tests.upstreams import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def client(upstream: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a server without caller keys, over one upstream."""
    what = setup(tmp_path / "images", provider("near", upstream.base_url))
    with served(router_of(what)) as client:
        yield client
