"""Reading JSON that somebody else wrote: nothing here raises, whatever the shape."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any


def at(value: Any, *path: str | int) -> Any:
    """What lies at ``path`` in nested objects and arrays, or ``None``.

    >>> at({"images": [{"url": "https://x"}]}, "images", 0, "url")
    'https://x'
    """
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: Any, *path: str | int) -> str | None:
    """The text at ``path``, or ``None`` where there is none or it is empty."""
    found = at(value, *path)
    return found if isinstance(found, str) and found else None


def list_at(value: Any, *path: str | int) -> list[Any]:
    """The array at ``path``, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def number_at(value: Any, *path: str | int) -> Decimal | None:
    """The finite number at ``path``, also when it is written as text, or ``None``."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
        return Decimal(str(found).strip()) if math.isfinite(number) else None
    except (ValueError, ArithmeticError):
        return None


def whole_at(value: Any, *path: str | int) -> int | None:
    """The whole number at ``path``, such as a seed, also when it is written as text."""
    found = number_at(value, *path)
    return int(found) if found is not None and found == found.to_integral_value() else None


def fraction_at(value: Any, *path: str | int) -> float | None:
    """The number at ``path`` where it lies between 0 and 1, such as a progress."""
    found = number_at(value, *path)
    return float(found) if found is not None and 0 <= found <= 1 else None


def date_at(value: Any, *path: str | int) -> date | None:
    """The day at ``path``, as ISO 8601 writes it; a time of day behind it is left out."""
    try:
        return date.fromisoformat((text_at(value, *path) or "")[:10])
    except ValueError:
        return None
