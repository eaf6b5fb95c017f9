"""JSON of clients, read so that nothing in it is passed over: a name stands once in an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from routercore.server.faults import TooLargeError
from routercore.values.errors import RequestError

MAX_AROUND = 512 * 1024
"""Bytes of what is not base64: names are looked at one by one, which takes up to 90 ns a byte."""
LONG = 8 * 1024
"""Bytes from which a run without structure is not looked at."""
_STRUCTURE = (b"[", b"]", b"{", b"}", b":")


def read(data: bytes, *, within: str = "") -> Any:
    """The value that is written there; ``within`` is the field that it is of, if it is of one.

    Raises:
        ValueError: it is not JSON in UTF-8, or nested deeper than 200 levels; also for NaN,
            infinities and half surrogates.
        RequestError: an object has a name twice, of which any reader would drop one.
        TooLargeError: it is larger than any request, without its pictures.
    """
    _refuse_twice(_without_runs(data), within)
    return from_json(data, allow_inf_nan=False, cache_strings="keys")


def _without_runs(data: bytes) -> bytes:
    """The same names and structure, without the megabytes of base64."""
    kept: list[bytes] = []
    at = 0
    for start, end in _runs(data):
        kept += data[at:start], b"0"
        at = end
    if len(data) - at + sum(map(len, kept)) > MAX_AROUND:
        raise TooLargeError(f"The JSON around pictures is larger than {MAX_AROUND:,} bytes.")
    return b"".join([*kept, data[at:]])


def _runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Where long runs without structure stand, each behind a quote or a comma and before a quote.

    Such a run is one number, or inside a string: there a zero will do as well.
    """
    at = 0
    while at < len(data):
        if (near := data.rfind(b'"', at, at + LONG)) >= 0:
            at = near + 1  # Between the quotes before it there is nothing long.
            continue
        end = data.find(b'"', at)
        if end < 0:
            return
        start = max(at, data.rfind(b",", at, end) + 1)
        if end - start > LONG and _is_plain(data, start, end):
            yield start, end
        at = end + 1


def _is_plain(data: bytes, start: int, end: int) -> bool:
    """Whether there is no structure, and no backslash that belongs to the quote."""
    if data[start : start + 1].isspace() or data[end - 1 : end] == b"\\":
        return False
    return all(data.find(mark, start, end) < 0 for mark in _STRUCTURE)


class _Twice(str):
    """Where a name is given twice: the names on the way, with dots between."""

    __slots__ = ()


def _refuse_twice(data: bytes, within: str) -> None:
    try:
        place = _found(json.loads(data, object_pairs_hook=_names, parse_int=float))
    except (ValueError, RecursionError):  # Whoever reads it says what is wrong with it.
        return
    if place is not None:
        name = f"{within}.{place}" if within else place
        raise given_twice(name[:128].encode("utf-8", "replace").decode())


def given_twice(name: str) -> RequestError:
    """The refusal of a field, of whose values any reader would drop one."""
    return RequestError(f"{name!r} is given twice.", param=name, code="invalid_value")


def _names(pairs: list[tuple[str, Any]]) -> _Twice | None:
    """Where in an object a name is given twice; nothing else of it is needed."""
    seen = set()
    for name, value in pairs:
        if name in seen:
            return _Twice(name)
        if (inner := _found(value)) is not None:
            return _Twice(f"{name}.{inner}")
        seen.add(name)
    return None


def _found(value: Any) -> _Twice | None:
    if isinstance(value, list):
        inner = (_found(one) for one in value if isinstance(one, list | _Twice))
        return next((place for place in inner if place is not None), None)
    return value if isinstance(value, _Twice) else None
