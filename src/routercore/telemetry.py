"""Traces and metrics through OpenTelemetry, contributed where its API is installed.

The API does nothing until the application sets up an SDK, or is started by
``opentelemetry-instrument``. A request is a span with a span for each attempt in it; names and
numbers only, never a prompt, a key or an image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, Status, StatusCode

from routercore import __version__
from routercore.provider.hooks import hookimpl
from routercore.values.events import Event, Observer

NAME = "routercore"
ENDS = {"request.completed": True, "request.failed": False, "request.cancelled": False}
ATTEMPT_ENDS = {"attempt.succeeded": True, "attempt.failed": False}
TARGET, PROVIDER, MODEL = "routercore.target", "gen_ai.provider.name", "gen_ai.request.model"
ERROR = "error.type"
Attributes = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class _Open:
    """A request under way."""

    span: Span
    began: float
    tries: dict[int, Span] = field(default_factory=dict)
    """Its attempts under way, by number."""


class OpenTelemetryObserver:
    """Turns events into spans, counters and histograms.

    Args:
        tracers: where spans go; the application's own unless given.
        meters: where figures go; the application's own unless given.
    """

    name = "opentelemetry"

    def __init__(
        self,
        tracers: trace.TracerProvider | None = None,
        meters: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(NAME, __version__, tracers)
        meter = metrics.get_meter(NAME, __version__, meters)
        self._requests = meter.create_histogram(
            "routercore.request.duration", "s", "From a request to its result or error."
        )
        self._attempts = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Of one try at one target."
        )
        self._images = meter.create_counter("routercore.images", "{image}", "Images delivered.")
        self._cost = meter.create_counter("routercore.cost", "USD", "What attempts cost, if known.")
        self._open: dict[str, _Open] = {}

    def notify(self, event: Event) -> None:
        opened = self._open.get(event.request_id)
        if event.name == "request.started":
            self._start(event)
        elif event.name in ATTEMPT_ENDS:
            self._end_attempt(event, opened)
        elif opened is None:
            return
        elif event.name == "attempt.started":
            self._start_attempt(event, opened)
        elif event.name in ENDS:
            self._end(event, self._open.pop(event.request_id))
        else:
            opened.span.add_event(event.name, _plain(event))

    def _start(self, event: Event) -> None:
        attributes = {
            "gen_ai.operation.name": "generate_image",
            MODEL: event.fields["model"],
            "routercore.request.id": event.request_id,
            "routercore.n": event.fields["n"],
        }
        name = f"generate_image {event.fields['model']}"
        span = self._tracer.start_span(name, attributes=attributes)
        self._open[event.request_id] = _Open(span, perf_counter())

    def _end(self, event: Event, opened: _Open) -> None:
        fields, labels = event.fields, Attributes()
        if "target" in fields:
            labels |= _served_by(fields["target"])
        if not ENDS[event.name]:
            labels[ERROR] = str(fields.get("code") or event.name.partition(".")[2])
        for left in opened.tries.values():  # Given up with the request.
            left.end()
        _finish(opened.span, labels, event)
        self._requests.record(perf_counter() - opened.began, labels)
        if images := fields.get("images"):
            self._images.add(images, labels)

    def _start_attempt(self, event: Event, opened: _Open) -> None:
        target = event.fields["target"]
        opened.tries[event.fields["number"]] = self._tracer.start_span(
            f"attempt {target}",
            context=trace.set_span_in_context(opened.span),
            kind=trace.SpanKind.CLIENT,
            attributes=_served_by(target),
        )

    def _end_attempt(self, event: Event, opened: _Open | None) -> None:
        fields, labels = event.fields, _served_by(event.fields["target"])
        if not ATTEMPT_ENDS[event.name]:
            labels[ERROR] = str(fields["fault"])
        self._attempts.record(fields["seconds"], labels)
        if usd := fields.get("usd"):
            self._cost.add(float(usd), labels)
        span = opened.tries.pop(fields["number"], None) if opened else None
        if span is not None:
            _finish(span, labels, event)


def _finish(span: Span, labels: Attributes, event: Event) -> None:
    span.set_attributes({**labels, **_plain(event)})
    if ERROR in labels:
        span.set_status(Status(StatusCode.ERROR, str(labels[ERROR])))
    span.end()


def _served_by(target: str) -> Attributes:
    provider, _, model = target.partition(":")
    return {TARGET: target, PROVIDER: provider, "gen_ai.response.model": model}


def _plain(event: Event) -> Attributes:
    """The fields under names of ours. What vendors say is left out: it may quote the prompt."""
    return {
        f"routercore.{name}": value if isinstance(value, int | float | bool) else str(value)
        for name, value in event.fields.items()
        if value is not None and name not in ("target", "model", "message")
    }


@hookimpl
def routercore_observers() -> Iterable[Observer]:
    return [OpenTelemetryObserver()]
