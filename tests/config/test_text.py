"""Durations, amounts and rates as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.config.text import amount_of_bytes, duration, rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("1.5m", 90.0), ("500ms", 0.5), ("2h", 7200.0), (3, 3.0), ("1d", 86_400.0)],
)
def test_durations(text: object, seconds: float) -> None:
    """Units from milliseconds to days; a bare number is seconds."""
    assert seconds == duration(text)


@pytest.mark.parametrize(
    ("text", "count"), [("512MiB", 2**29), ("20MB", 20_000_000), (7, 7), ("1 GiB", 2**30)]
)
def test_amounts_of_bytes(text: object, count: int) -> None:
    """Decimal and binary units; a bare number is bytes."""
    assert count == amount_of_bytes(text)


@pytest.mark.parametrize("text", ["0", "0.1", "0.4B", "9" * 400, "20 MB/s"])
def test_no_amounts_of_bytes(text: str) -> None:
    """Less than a byte, and more than can be, is no amount."""
    with pytest.raises(ValueError, match="expected an amount of bytes"):
        amount_of_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50/min", (50.0, 60.0)), ("5/s", (5.0, 1.0)), ("20/10s", (20.0, 10.0)),
     ("1000 per day", (1000.0, 86_400.0))],
)  # fmt: skip
def test_rates(text: str, expected: tuple[float, float]) -> None:
    """So many in so long."""
    assert expected == rate(text)


@given(st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.floats(), st.none()))
def test_readers_return_or_raise_value_error(value: object) -> None:
    """Whatever stands there, a reader gives something positive or says that it is wrong."""
    for reader in (duration, amount_of_bytes):
        with contextlib.suppress(ValueError):
            assert reader(value) > 0
