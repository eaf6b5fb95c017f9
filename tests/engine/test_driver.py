"""The driver performs every effect, and turns everything that goes wrong into one failure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.engine.stage import API, WORK, Flow, Stage, calling

from routercore.engine.transport.base import Phase, mark_phase
from routercore.provider import get
from routercore.provider.flow import (
    Call,
    Open,
    accepted,
    call,
    next_event,
    open_stream,
    progress,
    run,
    run_in_thread,
    wait,
)
from routercore.provider.http import HttpResponse
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import (
    FakeTransport,
    Hanging,
    Streamed,
    events_answer,
    json_answer,
    lost,
)
from routercore.values.events import Accepted, Progress
from routercore.values.faults import Failure, Fault, ProviderFailed

# Effects


async def test_call_replies_with_the_response() -> None:
    """A call is performed and its response comes back as the reply."""
    stage = Stage(json_answer({"a": 1}))
    assert {"a": 1} == (await stage.run(calling())).json()


async def test_wait_passes_time_on_the_clock() -> None:
    """A wait lasts as long as it says, plus a tenth at most."""
    for jitter, expected in ((0.0, 10.0), (1.0, 11.0)):
        stage = Stage(jitter=lambda jitter=jitter: jitter)
        await stage.run(lambda: wait(10))
        assert expected == stage.clock.monotonic()


async def test_a_negative_wait_is_none() -> None:
    """A wait for less than nothing does not go back in time."""
    stage = Stage()
    await stage.run(lambda: wait(-5))
    assert 0.0 == stage.clock.monotonic()


async def test_emit_reports() -> None:
    """Notices reach the listener, in order."""

    def flow() -> Flow:
        yield from accepted({"id": 7})
        yield from progress(0.5, "half")

    stage = Stage()
    await stage.run(flow)
    assert [Accepted({"id": 7}), Progress(0.5, "half")] == stage.notices


async def test_run_awaits() -> None:
    """What a plugin wants awaited is awaited, and its value is the reply."""

    async def work() -> int:
        return 42

    assert 42 == await Stage().run(lambda: run(work))


async def test_plain_functions_run_in_a_thread() -> None:
    """What would hold up the loop is called in another thread, and its value returned."""
    elsewhere = await Stage().run(lambda: run_in_thread(threading.get_ident))
    assert threading.get_ident() != elsewhere


async def test_run_raises_into_the_flow() -> None:
    """What an awaited function raises, its flow can catch."""

    async def work() -> int:
        raise KeyError("gone")

    def flow() -> Flow:
        try:
            yield from run(work)
        except KeyError:
            return "caught"

    assert "caught" == await Stage().run(flow)


async def test_a_stream_is_read_event_by_event() -> None:
    """Opening replies with the head; each further effect with one event, then ``None``."""

    def flow() -> Flow:
        head = yield from open_stream(WORK)
        events = []
        while (event := (yield from next_event())) is not None:
            events.append((event.event, event.json()))
        return head.status, events

    stage = Stage(events_answer(("partial", 1), ("completed", {"b": 2})))
    assert (200, [("partial", 1), ("completed", {"b": 2})]) == await stage.run(flow)
    assert 0 == stage.transport.open_exchanges


async def test_events_arrive_in_any_pieces() -> None:
    """An event may be spread over chunks, and a chunk may hold several."""

    def flow() -> Flow:
        yield from open_stream(WORK)
        events = []
        while (event := (yield from next_event())) is not None:
            events.append(event.json())
        return events

    pieces = (b"data: 1\n", b"\ndata: 2\n\ndata: 3\n\nda", b"ta: 4\n\n")
    assert [1, 2, 3, 4] == await Stage(Streamed(pieces)).run(flow)


async def test_a_stream_left_early_is_closed() -> None:
    """A flow that has seen enough leaves nothing open."""

    def flow() -> Flow:
        yield from open_stream(WORK)
        return (yield from next_event())

    stage = Stage(events_answer(("a", 1), ("b", 2)))
    assert "a" == (await stage.run(flow)).event
    assert 0 == stage.transport.open_exchanges


async def test_an_answer_that_is_no_stream_comes_whole() -> None:
    """Opening what answers with JSON replies with all of it, and there are no events."""

    def flow() -> Flow:
        head = yield from open_stream(WORK)
        return head.json(), (yield from next_event())

    assert ({"a": 1}, None) == await Stage(json_answer({"a": 1})).run(flow)


async def test_no_event_without_a_stream() -> None:
    """Asking for an event where nothing is open finds the end."""
    assert await Stage().run(next_event) is None


async def test_a_raw_call_gets_error_statuses() -> None:
    """A raw call is replied to with the error response instead of having it thrown."""
    stage = Stage(json_answer({}, 500))
    assert 500 == (await stage.run(lambda: call(WORK, raw=True))).status


async def test_a_failed_call_can_be_caught() -> None:
    """A flow may catch what a call failed with, and go on."""

    def flow() -> Flow:
        try:
            yield from call(WORK)
        except ProviderFailed as error:
            fault = error.failure.fault
        return fault, (yield from call(WORK)).status

    assert (Fault.OVERLOADED, 200) == await Stage(json_answer({}, 503), json_answer({})).run(flow)


# What goes wrong


@pytest.mark.parametrize(
    ("phase", "fault"),
    [
        (Phase.NOT_SENT, Fault.NOT_SENT),
        (Phase.SENT, Fault.REPLY_LOST),
        (Phase.HEADERS, Fault.REPLY_CUT),
    ],
)
@pytest.mark.parametrize("effect", [Call, Open])
async def test_phases_become_faults(phase: Phase, fault: Fault, effect: type[Any]) -> None:
    """How far an exchange came decides what its loss is called, and is remembered."""

    def flow() -> Flow:
        yield effect(WORK)

    stage = Stage(lost(phase))
    assert fault == (await stage.failure(flow)).fault
    assert phase == stage.driver.contact.phase


async def test_a_free_exchange_does_not_count_as_contact() -> None:
    """A lost poll says nothing about whether the work was paid for."""
    stage = Stage(lost(Phase.SENT))
    assert Fault.REPLY_LOST == (await stage.failure(calling(get(API)))).fault
    assert Phase.NOT_SENT == stage.driver.contact.phase


async def test_a_stream_that_breaks_is_a_cut_reply() -> None:
    """Events before the break arrive; the break is a cut reply."""

    def flow() -> Flow:
        yield from open_stream(WORK)
        yield from next_event()
        yield from next_event()

    stage = Stage(events_answer(("a", 1), cut=lost(Phase.HEADERS)))
    assert Fault.REPLY_CUT == (await stage.failure(flow)).fault


async def test_an_error_body_that_breaks_is_a_cut_reply() -> None:
    """An answer that is no stream and breaks off is a cut reply, too."""
    answer = Streamed((b"{", lost(Phase.HEADERS)), media_type="application/json")
    assert Fault.REPLY_CUT == (await Stage(answer).failure(lambda: open_stream(WORK))).fault


async def test_too_many_bytes_are_a_cut_reply() -> None:
    """Reading stops at the allowed size."""
    stage = Stage(Streamed((b"x" * 100,)), max_bytes=10)
    assert Fault.REPLY_CUT == (await stage.failure(calling())).fault


async def test_an_answer_that_is_no_json_is_a_cut_reply() -> None:
    """A success that cannot be understood was worked on; it is not a wrong request."""

    def flow() -> Flow:
        return (yield from call(WORK)).json()

    failure = await Stage(HttpResponse(status=200, body=b"<html>")).failure(flow)
    assert Fault.REPLY_CUT == failure.fault


async def test_statuses_are_classified_by_the_provider() -> None:
    """What an error status means is the provider's to say."""
    own = Failure(fault=Fault.QUOTA, message="no credit")
    stage = Stage(json_answer({}, 418), provider=ScriptedProvider(faults={418: own}))
    assert own == await stage.failure(calling())


async def test_a_redirect_is_not_followed() -> None:
    """A redirect ends the request; nothing is sent to where it points."""
    stage = Stage(json_answer({}, 307, location="https://elsewhere.example"))
    assert Fault.REDIRECTED == (await stage.failure(calling())).fault
    assert 1 == len(stage.transport.requests)


async def test_the_vendors_id_is_kept() -> None:
    """The request id of a billable answer is there for the vendor's support."""
    stage = Stage(json_answer({}, 500, x_request_id="abc"))
    await stage.failure(calling())
    assert "abc" == stage.driver.contact.upstream_id


# Time


async def test_a_deadline_before_anything_left() -> None:
    """Time that runs out before a billable request has left costs nothing."""
    stage = Stage()
    assert Fault.NOT_SENT == (await stage.failure(lambda: wait(100), deadline=5)).fault
    assert 5.0 == stage.clock.monotonic()


async def test_a_deadline_while_the_upstream_works() -> None:
    """Time that runs out after the request may have left is a matter of money."""
    stage = Stage(Hanging())
    assert Fault.DEADLINE == (await stage.failure(calling(), deadline=5)).fault
    assert Phase.SENT == stage.driver.contact.phase


async def test_a_deadline_while_connecting() -> None:
    """Where the transport knows that nothing had left, a deadline costs nothing."""

    class Connecting(FakeTransport):
        @asynccontextmanager
        async def open(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as error:
                mark_phase(error, Phase.NOT_SENT)
                raise
            yield None

    for effect in (Call, Open):

        def flow(effect: Any = effect) -> Flow:
            yield effect(WORK)

        stage = Stage(transport=Connecting())
        assert Fault.NOT_SENT == (await stage.failure(flow, deadline=5)).fault


BEGUN = Streamed((b"data: 1\n\n", Hanging()))


def _gathering(*, is_greedy: bool = False) -> Flow:
    """Events until something goes wrong; then what there is, or still more."""
    events: list[Any] = []
    yield from open_stream(WORK)
    try:
        while (event := (yield from next_event())) is not None:
            events.append(event.json())
    except ProviderFailed as error:
        if is_greedy:
            yield from next_event()
        return events, error.failure.fault


async def test_a_deadline_in_a_stream() -> None:
    """A flow that waits for an event is told that time is over, and keeps what had come."""
    stage = Stage(BEGUN)
    assert ([1], Fault.DEADLINE) == await stage.run(_gathering, deadline=5)
    assert (5.0, 0) == (stage.clock.monotonic(), stage.transport.open_exchanges)


async def test_nothing_is_done_after_a_deadline() -> None:
    """A flow that answers the end of its time with another effect is over."""
    stage = Stage(BEGUN)
    failure = await stage.failure(lambda: _gathering(is_greedy=True), deadline=5)
    assert Fault.DEADLINE == failure.fault


async def test_a_cancellation_in_a_stream() -> None:
    """Who cancels a stream gets no result of it, and the flow is told of no deadline."""
    stage = Stage(BEGUN)
    task = asyncio.create_task(stage.driver.run(_gathering, 60.0))
    await stage.clock.run_until_idle()
    task.cancel()
    await asyncio.wait([task])
    assert (True, 0) == (task.cancelled(), stage.transport.open_exchanges)


async def test_a_deadline_in_a_poll() -> None:
    """After acceptance the deadline ends the polling, and the work may go on."""

    def flow() -> Flow:
        yield from call(WORK)
        while True:
            yield from wait(1)
            yield from call(get(API))

    stage = Stage(transport=FakeTransport(lambda request: json_answer({})))
    assert Fault.DEADLINE == (await stage.failure(flow, deadline=30)).fault
    assert 30.0 == stage.clock.monotonic()


async def test_a_plugins_own_timeout_is_not_the_deadline() -> None:
    """A time limit inside of what a plugin awaits is its own failure."""

    async def work() -> None:
        raise TimeoutError("inner")

    assert Fault.PLUGIN == (await Stage().failure(lambda: run(work))).fault
