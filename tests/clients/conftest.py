"""One running server for every client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.clients.server import serving


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("served")) as origin:
        yield origin
