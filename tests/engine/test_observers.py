"""Where what the library has to say goes: to the application's own logging, as it stands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from routercore.engine.observers import NAME, LogObserver, logger
from routercore.values.events import Event


@pytest.fixture
def configured() -> Iterator[list[dict[str, Any]]]:
    """What an application's structlog is told."""
    told: list[dict[str, Any]] = []

    def keep(_: Any, __: str, event: dict[str, Any]) -> str:
        told.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    yield told
    structlog.reset_defaults()


def test_structlog_that_is_configured(configured: list[dict[str, Any]]) -> None:
    """It gets events as they are."""
    logger().info("attempt.failed", target="a:m")
    assert [{"event": "attempt.failed", "target": "a:m"}] == configured


def test_without_structlog(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """They go to ``logging``, as far as that wants them, and nowhere else."""
    with caplog.at_level(logging.WARNING, NAME):
        logger().info("attempt.started", target="a:m")
        logger().warning("attempt.failed", target="a:m")
    assert ["event='attempt.failed' target='a:m'"] == [one.getMessage() for one in caplog.records]
    assert ("", "") == capsys.readouterr()


def test_amounts_of_money_are_text(configured: list[dict[str, Any]]) -> None:
    """A line of the log has dollars as people write them, not as Python does."""
    LogObserver().notify(
        Event(name="attempt.failed", request_id="r", fields={"usd": Decimal("0.040")})
    )
    assert ["0.04"] == [line["usd"] for line in configured]
