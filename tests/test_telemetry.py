"""OpenTelemetry's own SDK sees requests as spans and figures."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from routercore import Router
from routercore.telemetry import OpenTelemetryObserver
from routercore.values.errors import RouterError
from routercore.values.events import Event

SECRET = "a prompt that nobody else may read"
CONFIG = {
    "providers": {
        "primary": {"plugin": "test", "options": {"fail": "overloaded"}},
        "backup": {"plugin": "test"},
    },
    "models": {
        "poster": {"targets": ["primary:test/paid", "backup:test/paid"]},
        "down": {"targets": ["primary:test/paid"]},
    },
    "router": {"max_attempts": 2},
}


class Seen:
    """What an application would export."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.observer = OpenTelemetryObserver(tracers, meters)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans if span.name == name)

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        assert data is not None
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        return [p for metric in metrics if metric.name == name for p in metric.data.data_points]


@pytest.fixture
def seen() -> Seen:
    return Seen()


async def ask(seen: Seen, model: str) -> None:
    async with Router.from_config(CONFIG, environ={}, observers=[seen.observer]) as router:
        await router.generate(SECRET, model=model, size="64x64")


async def test_a_request_is_a_span_with_its_attempts_in_it(seen: Seen) -> None:
    """A failed attempt and the one that delivered are children of their request's span."""
    await ask(seen, "poster")
    whole = seen.span("generate_image poster")
    failed, good = seen.span("attempt primary:test/paid"), seen.span("attempt backup:test/paid")
    assert whole.context
    for attempt in (failed, good):
        assert attempt.parent
        assert whole.context.span_id == attempt.parent.span_id
    assert ("ERROR", "overloaded") == (failed.status.status_code.name, failed.status.description)
    assert good.status.is_unset
    assert whole.attributes
    assert "poster" == whole.attributes["gen_ai.request.model"]
    assert "backup" == whole.attributes["gen_ai.provider.name"]
    assert 1 == whole.attributes["routercore.images"]


async def test_figures(seen: Seen) -> None:
    """Durations, images and dollars are counted by who served them."""
    await ask(seen, "poster")
    assert [1] == [p.count for p in seen.points("routercore.request.duration")]
    assert [1, 1] == [p.count for p in seen.points("gen_ai.client.operation.duration")]
    assert [1] == [p.value for p in seen.points("routercore.images")]
    (cost,) = seen.points("routercore.cost")
    assert cost.value > 0
    assert "backup:test/paid" == cost.attributes["routercore.target"]


async def test_a_failure(seen: Seen) -> None:
    """A request that failed ends its span with the code that its caller got."""
    with pytest.raises(RouterError):
        await ask(seen, "down")
    whole = seen.span("generate_image down")
    assert "ERROR" == whole.status.status_code.name
    (duration,) = seen.points("routercore.request.duration")
    assert "upstream_overloaded" == duration.attributes["error.type"]


async def test_no_prompt_travels(seen: Seen) -> None:
    """Neither a prompt nor what a vendor says of it is in any span."""
    await ask(seen, "poster")
    assert 3 == len(seen.spans)
    for span in seen.spans:
        assert SECRET not in span.to_json()
        assert "rehearsed" not in span.to_json()


def test_what_is_given_up_is_ended(seen: Seen) -> None:
    """Attempts that never ended are ended with their request, and nothing is kept."""
    events = [
        Event(name="request.started", request_id="r", fields={"model": "m", "n": 1}),
        Event(name="attempt.started", request_id="r", fields={"target": "a:m", "number": 1}),
        Event(name="ledger.overage", request_id="r", fields={"target": "a:m"}),
        Event(name="request.cancelled", request_id="r"),
        Event(name="attempt.progress", request_id="r", fields={"target": "a:m"}),
    ]
    for event in events:
        seen.observer.notify(event)
    assert {"attempt a:m", "generate_image m"} == {span.name for span in seen.spans}
    assert ["ledger.overage"] == [event.name for event in seen.span("generate_image m").events]
    assert "cancelled" == seen.span("generate_image m").status.description


async def test_it_is_contributed_like_any_observer() -> None:
    """Where the API is installed it is a built-in plugin, which the configuration can deny."""
    async with Router.from_config({}, environ={}) as router:
        assert "OpenTelemetryObserver" in [n for p in router.plugins for n in p.observers]
    denied = {"plugins": {"deny": ["telemetry"]}}
    async with Router.from_config(denied, environ={}) as router:
        assert [] == [n for p in router.plugins for n in p.observers]
