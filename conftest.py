"""For all tests, those of the plugins as well."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


def pytest_sessionfinish() -> None:
    """Write down what was measured, before whoever started this process loses patience.

    A worker of pytest-xdist is killed ten seconds after its last test. On a busy machine that is
    too soon for coverage's own way of writing at exit, and half of what was measured is lost.
    """
    coverage = sys.modules.get("coverage")
    measuring = coverage and coverage.Coverage.current()
    if measuring:
        measuring.save()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a real PostgreSQL, the same for all tests of a worker."""
    from tests.postgresql import postgresql

    with postgresql() as address:
        yield address
