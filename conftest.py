"""For all tests, those of the plugins as well."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How busy a machine is proves nothing.
settings.register_profile("routercore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("routercore")


def pytest_configure() -> None:
    """Have what the tests start hear of interrupts, also where the tests themselves do not.

    A shell starts its background jobs with SIGINT ignored, and their children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what a worker has measured, before whoever started it loses patience.

    A worker of pytest-xdist is killed ten seconds after its last test. On a busy machine that is
    too soon for coverage's own way of writing at exit, and half of what was measured is lost. The
    process that hands out the tests runs none, and has nothing to write.
    """
    if not hasattr(session.config, "workerinput"):
        return
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
