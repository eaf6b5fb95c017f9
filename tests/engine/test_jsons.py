"""JSON as the engine reads and writes it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.engine.jsons import dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_goes_out_is_what_the_standard_library_reads(value: object) -> None:
    """Both ways, and across with the standard library."""
    assert value == json.loads(dumps(value))
    assert value == loads(json.dumps(value).encode())


def test_numbers_that_json_has_not() -> None:
    """NaN and infinities are null on the way out, and None on the way in."""
    assert b'{"a":null,"b":[null]}' == dumps({"a": float("nan"), "b": [float("inf")]})
    assert {"a": [None, None, 1.5], "b": None} == loads(b'{"a":[NaN,1e400,1.5],"b":-Infinity}')


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{} x", b"[" * 200_000, b"1" * 5000, b'"\xff"', b'"\\ud800"', b"<html>"],
)
def test_what_is_not_json(data: bytes) -> None:
    """Everything that cannot be understood is a ValueError, however deep or long."""
    with pytest.raises(ValueError, match=r"."):
        loads(data)


def test_what_cannot_be_written() -> None:
    """What JSON does not know is a ValueError, and so is what is nested without end."""
    endless: list[object] = []
    endless.append(endless)
    for value in ("\ud800", object(), endless):
        with pytest.raises(ValueError, match=r"."):
            dumps(value)
