"""Durations, amounts of bytes and rates, as people write them."""

from __future__ import annotations

import re

_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(rf"{_NUMBER}\s*(ms|s|m|min|h|d)?")
_BYTES = re.compile(rf"{_NUMBER}\s*([kMGT]?i?B)?")
_RATE = re.compile(rf"{_NUMBER}\s*(?:/|per)\s*(\d+)?\s*(ms|s|sec|second|m|min|minute|h|hour|d|day)")
SECONDS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0, "d": 86_400.0, "day": 86_400.0,
}  # fmt: skip
BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip

MOST_BYTES = 2**63


def duration(value: object) -> float:
    """Seconds of ``"90s"``, ``"1.5m"``, ``"500ms"``, ``"2h"``, or of a bare number.

    >>> duration("1.5m")
    90.0

    Raises:
        ValueError: it is none of these, or not more than zero.
    """
    match = _DURATION.fullmatch(_text(value))
    if match is None or not float(match[1]):
        raise ValueError("expected a duration such as '90s', '2m' or '500ms'")
    return float(match[1]) * SECONDS[match[2] or "s"]


def amount_of_bytes(value: object) -> int:
    """Bytes of ``"512MiB"``, ``"20MB"``, or of a bare number.

    >>> amount_of_bytes("512MiB")
    536870912

    Raises:
        ValueError: it is none of these, less than a byte, or more than any file can hold.
    """
    match = _BYTES.fullmatch(_text(value))
    unit = BYTES.get(match[2] or "B") if match else None
    amount = float(match[1]) * unit if match and unit else 0.0
    if not 1 <= amount < MOST_BYTES:
        raise ValueError("expected an amount of bytes such as '512MiB' or '20MB'")
    return round(amount)


def rate(value: object) -> tuple[float, float]:
    """Count and seconds of ``"50/min"``, ``"5/s"``, ``"20/10s"``, ``"1000 per day"``.

    >>> rate("50/min")
    (50.0, 60.0)

    Raises:
        ValueError: it is none of these, or not more than zero.
    """
    match = _RATE.fullmatch(_text(value))
    if match is None or float(match[1]) < 1:
        raise ValueError("expected a rate of one or more, such as '50/min' or '5/s'")
    seconds = int(match[2] or 1) * SECONDS[match[3]]
    if not seconds:
        raise ValueError("expected a rate over more than no time, such as '50/min'")
    return float(match[1]), seconds


def _text(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return str(value).strip()
