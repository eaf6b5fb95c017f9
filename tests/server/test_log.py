"""What the server logs of its own mistakes."""

from __future__ import annotations

import pytest

from routercore.server import log


def mistaken() -> None:
    raise ZeroDivisionError("a mistake of ours")


def test_a_mistake_is_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """Under the id that the client was told stands where it happened, and what it was."""
    try:
        mistaken()
    except ZeroDivisionError as error:
        log.crashed("req_1", error)
    (line,) = caplog.messages
    for told in ("req_1", "ZeroDivisionError: a mistake of ours", "test_log.py", "in mistaken"):
        assert told in line
    assert "\n" not in line
