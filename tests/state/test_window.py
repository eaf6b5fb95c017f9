"""The sliding window by itself."""

from __future__ import annotations

import math

from routercore.state.window import Window


def test_what_never_fits_waits_forever() -> None:
    """More than the whole limit has no time at which it fits."""
    assert math.inf == Window(3, 60.0).wait(4, 0.0)


def test_nothing_takes_no_room() -> None:
    """An amount of nothing fits into a full window, and leaves no entry."""
    window = Window(1, 60.0)
    window.take(1, 0.0)
    assert 0.0 == window.wait(0, 1.0)
    window.take(0, 1.0)
    assert 60.0 - 1.0 == window.allowance(1.0).reset
