"""The fake transport behaves as the protocol of transports says."""

from __future__ import annotations

import asyncio

import pytest

from routercore.engine.transport.base import Phase, TooLargeError, Transport, TransportError
from routercore.provider import get, post_json
from routercore.testing.transport import (
    FakeTransport,
    Hanging,
    Streamed,
    events_answer,
    json_answer,
    lost,
)

URL = "https://api.example.com/images"


async def test_answers_come_in_turn_and_requests_are_kept() -> None:
    """A list of answers is given one after the other, and every request is recorded."""
    transport: Transport = FakeTransport([json_answer({"a": 1}), json_answer({"b": 2}, 404)])
    first = await transport.send(get(URL))
    second = await transport.send(post_json(URL, {}), public_only=True)
    assert ({"a": 1}, URL) == (first.json(), first.url)
    assert (404, {"b": 2}) == (second.status, second.json())
    assert isinstance(transport, FakeTransport)
    assert ["GET", "POST"] == [request.method for request in transport.requests]
    assert [False, True] == [sent.public_only for sent in transport.sent]


async def test_a_script_answers_by_request() -> None:
    """A callable sees each request and decides."""
    transport = FakeTransport(lambda request: json_answer({"method": request.method}))
    assert {"method": "GET"} == (await transport.send(get(URL))).json()


async def test_a_loss_says_its_phase() -> None:
    """A scripted loss is raised as the engine's transport error."""
    transport = FakeTransport([lost(Phase.SENT)])
    with pytest.raises(TransportError) as caught:
        await transport.send(get(URL))
    assert Phase.SENT == caught.value.phase


async def test_a_stream_can_break_off() -> None:
    """Chunks before the break arrive, then the break."""
    transport = FakeTransport([events_answer(("a", 1), cut=lost(Phase.HEADERS))])
    async with transport.open(get(URL)) as opened:
        assert (200, "text/event-stream") == (opened.status, opened.headers["content-type"])
        chunks = opened.chunks()
        assert b"event: a\ndata: 1\n\n" == await anext(chunks)
        with pytest.raises(TransportError):
            await anext(chunks)
    assert 0 == transport.open_exchanges


async def test_the_limit_on_bytes_holds() -> None:
    """More than the allowed bytes end the reading."""
    transport = FakeTransport([Streamed((b"abc", b"def"))])
    with pytest.raises(TooLargeError):
        await transport.send(get(URL), max_bytes=5)


async def test_a_hanging_exchange_ends_when_it_is_cancelled() -> None:
    """An exchange that is never answered counts as open until it is cancelled."""
    transport = FakeTransport([Hanging()])
    task = asyncio.create_task(transport.send(get(URL)))
    await asyncio.sleep(0)
    assert 1 == transport.open_exchanges
    task.cancel()
    await asyncio.wait([task])
    assert 0 == transport.open_exchanges


async def test_an_unexpected_request_is_told() -> None:
    """A request beyond the script fails the test by name."""
    with pytest.raises(AssertionError, match=f"GET {URL}"):
        await FakeTransport().send(get(URL))


async def test_closing_is_seen() -> None:
    """A test can ask whether the transport was closed."""
    transport = FakeTransport()
    await transport.close()
    assert transport.is_closed
