"""Hours of the day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routercore.values.hours import Hours


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("08:00-18:00", ["08:00", "12:00", "17:59"], ["07:59", "18:00", "00:00"]),
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("08:00-18:00 Asia/Tokyo", ["23:00", "03:00", "08:59"], ["09:00", "12:00", "22:59"]),
        ("08:00 - 18:00 UTC", ["08:00"], ["18:00"]),
    ],
)
def test_hours(written: str, inside: list[str], outside: list[str]) -> None:
    """The beginning is in, the end is out, and a day goes on after midnight."""
    hours = Hours.parse(written)
    told = {
        clock: datetime.fromisoformat(f"2026-07-01T{clock}").replace(tzinfo=UTC) in hours
        for clock in (*inside, *outside)
    }

    assert {**dict.fromkeys(inside, True), **dict.fromkeys(outside, False)} == told


def test_summer_and_winter() -> None:
    """The hours are those of clocks on the wall."""
    hours = Hours.parse("08:00-09:00 Europe/Berlin")

    assert datetime(2026, 7, 1, 6, 30, tzinfo=UTC) in hours
    assert datetime(2026, 1, 1, 7, 30, tzinfo=UTC) in hours
    assert datetime(2026, 1, 1, 6, 30, tzinfo=UTC) not in hours
