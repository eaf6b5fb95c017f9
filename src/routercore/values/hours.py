"""Hours of the day, somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WRITTEN = re.compile(r"(\d\d:\d\d) ?- ?(\d\d:\d\d)(?: +([A-Za-z0-9_+/-]+))?")


@dataclass(frozen=True, slots=True)
class Hours:
    """From a time of day, inclusive, to another, exclusive; also over midnight."""

    begin: time
    end: time
    zone: tzinfo = UTC

    @classmethod
    def parse(cls, text: object) -> Hours:
        """Read ``08:00-18:00 Europe/Berlin``; without a zone it is UTC.

        >>> str(Hours.parse("22:00-06:00"))
        '22:00 to 06:00 UTC'

        Raises:
            ValueError: it is not written like that, is no time at all, or names no known zone.
        """
        match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError("expected hours such as '08:00-18:00 Europe/Berlin'")
        begin, end = time.fromisoformat(match[1]), time.fromisoformat(match[2])
        if begin == end:
            raise ValueError("the hours end when they begin")
        return cls(begin, end, _zone(match[3]))

    def __contains__(self, moment: datetime) -> bool:
        now = moment.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} to {self.end:%H:%M} {self.zone}"


def _zone(name: str | None) -> tzinfo:
    if name is None or name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r} here") from None
