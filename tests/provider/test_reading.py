"""The readers of foreign JSON."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.provider import at, fraction_at, list_at, number_at, text_at, whole_at

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=10,
)
STEPS = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=3)


@given(JSON, STEPS)
def test_reading_never_raises(value: object, path: list[str | int]) -> None:
    """Whatever the shape, a reader gives a value of its kind or nothing."""
    at(value, *path)
    assert isinstance(list_at(value, *path), list)
    assert isinstance(text_at(value, *path), str | None)
    assert isinstance(whole_at(value, *path), int | None)
    number = number_at(value, *path)
    assert number is None or number.is_finite()
    fraction = fraction_at(value, *path)
    assert fraction is None or 0 <= fraction <= 1


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, "3"), (4.5, "4.5"), ("0.30", "0.30"), (" 2 ", "2"), ("NaN", None), ("", None),
     (True, None), (None, None), ("1e400", None), ("one", None)],
)  # fmt: skip
def test_a_number_is_exact_or_absent(value: object, number: str | None) -> None:
    """Digits are kept as written; what is not a finite number is nothing."""
    assert (Decimal(number) if number else None) == number_at({"n": value}, "n")
