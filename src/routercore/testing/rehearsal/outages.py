"""Named outages, as data: what a provider does while it is out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What a provider does with a call."""

    WORKS = "works"
    UNREACHABLE = "unreachable"
    """Nothing can be sent to it."""
    SILENT = "silent"
    """Takes the request, works, bills, and never answers."""
    SLOW = "slow"
    """Delivers, in ten times its usual time."""
    RATE_LIMITED = "rate_limited"
    """429, with half a minute to wait."""
    FAILS = "fails"
    """500, without saying what is charged."""
    REFUSES = "refuses"
    """Says that its content policy forbids the prompt."""
    NO_CREDIT = "no_credit"
    LIES = "lies"
    """200, billed, and no image in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage, which begins and ends while callers keep calling."""

    name: str
    told: str
    """What happens, for people."""
    act: Act
    flaps: float | None = None
    """Seconds after which it works, and then again does not, in turn."""
    everywhere: bool = False
    """Whether every provider is out, and not the primary alone."""

    def act_at(self, seconds: float) -> Act:
        """What an affected provider does so long after the outage began."""
        if self.flaps is not None and int(seconds / self.flaps) % 2:
            return Act.WORKS
        return self.act


CALM = Outage(name="calm", told="nothing is out", act=Act.WORKS)
OUTAGES = (
    Outage(name="down", told="the primary cannot be reached", act=Act.UNREACHABLE),
    Outage(name="failing", told="the primary answers 500", act=Act.FAILS),
    Outage(name="slow", told="the primary takes ten times as long", act=Act.SLOW),
    Outage(name="silent", told="the primary takes requests and never answers", act=Act.SILENT),
    Outage(name="rate-limited", told="the primary answers 429", act=Act.RATE_LIMITED),
    Outage(name="no-credit", told="the primary's account is empty", act=Act.NO_CREDIT),
    Outage(name="refusing", told="the primary's policy refuses every prompt", act=Act.REFUSES),
    Outage(name="flapping", told="the primary fails every other half minute", act=Act.FAILS,
           flaps=30.0),
    Outage(name="lying", told="the primary answers 200 without an image", act=Act.LIES),
    Outage(name="all-down", told="no provider can be reached", act=Act.UNREACHABLE,
           everywhere=True),
)  # fmt: skip
