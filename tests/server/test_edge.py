"""The outermost layer by itself: bodies that break off, a server that ends, answers in pieces."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.server.office import Notebook

from routercore.server.bodies import ClientGoneError, Memory, pieces
from routercore.server.body import ImageBody
from routercore.server.draining import Drain, drained_by_signals
from routercore.server.edge import Edge
from routercore.server.events import Frame
from routercore.server.faults import Redactor
from routercore.server.job import Job
from routercore.server.jobs import Jobs
from routercore.server.records import Outcome, Record
from routercore.server.replies import PIECE, json_with, small
from routercore.values.errors import RequestError

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}
ANSWER = Outcome(status=200, headers={}, parts=(b"{}",), frames=())


class Nobody:
    """Collects nothing."""

    async def close(self) -> None:
        pass


def drain() -> Drain:
    nobody: Any = Nobody()
    return Drain(Jobs(Notebook(), Redactor(())), nobody, grace=0.0)


async def taken(*messages: dict[str, Any], length: str = "0") -> bytes:
    """What is read of a body that comes as those messages."""
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    scope = {**SCOPE, "headers": [(b"content-length", length.encode())]}
    with Memory(1000).account() as account:
        return b"".join([one async for one in pieces(Request(scope, receive), 100, account)])


async def answered(app: Any, end: Drain) -> tuple[int, str, list[bytes]]:
    """Status, code and names of headers of the edge's answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await Edge(app, Redactor(()), end)({**SCOPE}, receive, send)
    body = json.loads(b"".join(one.get("body", b"") for one in sent))
    return sent[0]["status"], body["error"]["code"], [name for name, _ in sent[0]["headers"]]


async def teapot(scope: Any, receive: Any, send: Any) -> None:
    raise HTTPException(418, "short and stout")


async def test_a_body_that_breaks_off() -> None:
    """Who hangs up in the middle of a body has asked for nothing."""
    more = {"type": "http.request", "body": b"a", "more_body": True}
    with pytest.raises(ClientGoneError):
        await taken(more, {"type": "http.disconnect"})
    assert b"ab" == await taken(more, {"type": "http.request", "body": b"b"})


@pytest.mark.parametrize("length", ["-1", "ten", "1.5", "٣"])
async def test_a_length_that_is_no_number(length: str) -> None:
    """It is refused before a byte is read."""
    with pytest.raises(RequestError) as refused:
        await taken(length=length)
    assert "invalid_header" == refused.value.code


async def test_an_error_of_the_framework() -> None:
    """It keeps its status, and has the shape of all others."""
    status, code, names = await answered(teapot, drain())
    assert (418, "invalid_request") == (status, code)
    assert b"x-request-id" in names


async def test_a_server_that_ends_lets_nobody_in() -> None:
    """The application is not asked, and the connection is not for another request."""
    end = drain()
    await end.run()
    status, code, names = await answered(teapot, end)
    assert (503, "server_is_stopping", True) == (status, code, b"connection" in names)


@contextmanager
def heard_by(handler: Any) -> Iterator[None]:
    """Inside, SIGTERM goes to ``handler``."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_signal_drains_before_it_is_heard() -> None:
    """Whoever runs the server hears of it after that; a signal of the other kind means the same."""
    end, heard = drain(), asyncio.Event()
    with heard_by(lambda number, frame: heard.set()):
        with drained_by_signals(end):
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert not heard.is_set()
            await heard.wait()
        assert end.is_on
        heard.clear()
        signal.raise_signal(signal.SIGTERM)
        assert heard.is_set()


async def test_a_signal_that_nobody_would_hear() -> None:
    """Where it was ignored, the server drains, and its end is somebody else's."""
    end, ended = drain(), asyncio.Event()
    run = end.run

    async def watched() -> None:
        await run()
        ended.set()

    end.run = watched  # type: ignore[method-assign]
    with heard_by(signal.SIG_IGN), drained_by_signals(end):
        signal.raise_signal(signal.SIGTERM)
        await ended.wait()
    assert end.is_on


def test_signals_of_a_server_in_a_thread() -> None:
    """They are left alone: only the main thread may set them."""
    handlers: list[Any] = []

    async def serve() -> None:
        with drained_by_signals(drain()):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    thread.join()
    assert [signal.getsignal(signal.SIGTERM)] == handlers


def test_a_body_of_nothing_but_a_picture() -> None:
    """It is JSON, however long its base64 is, and comes in pieces that join."""
    for length in (0, 1, PIECE, PIECE + 1):
        data = b"x" * length
        sent = b"".join(small(json_with({}, image=data)))
        assert {"image": base64.b64encode(data).decode()} == json.loads(sent)
    assert [] == list(small([]))


async def test_events_that_come_while_one_is_read() -> None:
    """None is lost, none is told twice, and the last is before the end."""
    job = Job(Record(id="1", owner="a", created=0.0))
    frames: list[Frame] = [[b"%d" % n] for n in range(3)]
    job.tell(frames[0])
    following = job.follow()
    seen = [await anext(following)]
    job.tell(frames[1])
    seen.append(await anext(following))
    job.tell(frames[2])
    job.end(job.record, ANSWER)
    seen += [frame async for frame in following]
    assert frames == seen


def test_numbers_as_clients_write_them() -> None:
    """Text and whole fractions are numbers; ``auto`` is a size and a ratio."""
    body = {"model": "m", "prompt": "x", "n": "2", "seed": 3.0, "size": "auto"}
    read = ImageBody.model_validate({**body, "aspect_ratio": "auto"})
    assert (2, 3, "auto", "auto") == (read.n, read.seed, read.size, read.aspect_ratio)
