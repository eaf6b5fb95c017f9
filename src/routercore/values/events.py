"""What the router says happened: frozen events in the past tense, and the trace of attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from routercore.values.faults import Failure
from routercore.values.images import ImageResult, RawImage
from routercore.values.money import UNKNOWN_COST, Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try at one target, as it is kept in the result and in errors."""

    target: str
    """``provider:model``."""
    number: int
    """Counted from one over the whole request."""
    started_s: float
    """Seconds since the request began."""
    duration_s: float
    images: int = 0
    failure: Failure | None = None
    cost: Cost = UNKNOWN_COST
    phase: str = "not_sent"
    """How far it came: ``not_sent``, ``sent``, ``headers``, ``body``."""
    exposed_usd: Decimal | None = Decimal(0)
    """What it may have cost though it brought nothing; ``None`` where nobody knows."""
    is_hedge: bool = False
    """Whether it was a second copy, beside one that was slow."""
    decision: str = ""
    """What policy decided next, in words."""
    move: str = ""
    """The same for machines: ``again``, ``other_key``, ``next`` or ``stop``; ``partials_sent``
    where it would have gone on, had its stream not begun to show what it makes."""
    handle: Mapping[str, Any] | None = None
    """What an accepted job can be resumed by."""
    upstream_id: str | None = None
    """The vendor's own id of the exchange, for its support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; ``name`` is dotted and in the past tense."""

    name: str
    request_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Observer(Protocol):
    """Who listens. Must be quick and must not raise; what it raises is swallowed and reported."""

    def notify(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """Notice of a flow: the upstream took the job; ``handle`` (JSON) can resume it."""

    handle: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """Notice of a flow: how far it is, 0 to 1 where known."""

    fraction: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Partial:
    """Notice of a flow: an intermediate image; ``index`` counts from zero."""

    index: int
    image: RawImage


Notice = Accepted | Progress | Partial


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialImage:
    """Item of a stream: an intermediate image."""

    index: int
    data: bytes = field(repr=False)
    format: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Last item of a stream: the whole result."""

    result: ImageResult


StreamItem = PartialImage | Completed
