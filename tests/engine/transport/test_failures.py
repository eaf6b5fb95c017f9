"""How the end of an exchange is told."""

from __future__ import annotations

import pytest

from routercore.engine.transport.base import Phase
from routercore.engine.transport.failures import failure


class _LibraryError(Exception):
    """What a library calls it."""


class _LibraryResetError(ConnectionResetError):
    """The same of a system's error."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_LibraryError("x"), ""),
        (OSError(5, "x"), ""),
        (ConnectionResetError(104, "x"), " (ConnectionResetError)"),
        (_LibraryResetError(104, "x"), " (ConnectionResetError)"),
        (TimeoutError(), " (TimeoutError)"),
    ],
)
def test_no_words_of_a_library(error: Exception, expected: str) -> None:
    """Python's own name for what the system said is told, and none that a library made up."""
    told = str(failure(error, Phase.SENT, "https://api.example"))
    assert f"no answer from https://api.example{expected}" == told
