"""What every transport promises, shown over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from tests.engine.transport.exchanges import BROKEN, LARGE, OK, answer, post

from routercore.engine.jsons import loads
from routercore.engine.transport.base import (
    Phase,
    Transport,
    TransportError,
    phase_of,
)
from routercore.engine.transport.message import PIECE_BYTES, encode
from routercore.provider.http import HttpRequest, Part, get, post_form, post_json

from .conftest import MakeTransport
from .faults import (
    Behaviour,
    FaultServer,
    answering,
    close_after_request,
    cut_off,
    hang,
    hang_in_body,
    never_reading,
    reset_after_request,
    reset_on_accept,
)


async def test_an_answer_comes_back_whole(transport: Transport) -> None:
    """Status, headers by lower-case name, repeated ones joined, body, URL and time."""
    raw = b"HTTP/1.1 429 Slow\r\nX-Id: a\r\nx-id: b\r\nContent-Length: 7\r\n\r\n[1, 2]\n"
    began = time.time()
    async with FaultServer(answering(raw)) as server:
        response = await transport.send(post(server))
    assert (429, "a, b", [1, 2]) == (response.status, response.header("x-id"), response.json())
    assert server.url("/v1/images") == response.url
    assert loads is response.loads
    assert began <= response.received <= time.time()


async def test_json_goes_out_compact_and_framed(transport: Transport) -> None:
    """A JSON body is UTF-8 with its length; headers are sent as given; nothing is compressed."""
    async with FaultServer(answering(OK)) as server:
        body = {"prompt": "d\u00e9j\u00e0 \U0001f600", "n": 1}
        await transport.send(post_json(server.url("/a%2Fb?c=%2F"), body, authorization="Bearer x"))
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert "POST /a%2Fb?c=%2F HTTP/1.1" == first
    assert '{"prompt":"d\u00e9j\u00e0 \U0001f600","n":1}'.encode() == sent
    assert {
        "host": f"127.0.0.1:{server.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "routercore",
        "content-length": str(len(sent)),
        "content-type": "application/json",
        "connection": "close",
        "authorization": "Bearer x",
    } == {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines}


async def test_the_path_is_never_read_as_another_host(transport: Transport) -> None:
    """A path that begins with two slashes stays a path."""
    async with FaultServer(answering(OK)) as server:
        await transport.send(get(server.url("//example.com/x?y=//z")))
    assert server.requests[0].startswith(b"GET //example.com/x?y=//z HTTP/1.1\r\n")


async def test_a_form_survives_awkward_file_names(transport: Transport) -> None:
    """Quotes, backslashes and line ends in a file name do not break out of the header."""
    parts = [
        Part("prompt", "h\u00e9llo"),
        Part("image[]", b"\x89PNG\r\n--x", 'a"b\\c\r\nx: y.png', "image/png"),
    ]
    async with FaultServer(answering(OK)) as server:
        await transport.send(post_form(server.url(), parts))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    first, second = body.split(b"--" + boundary)[1:-1]
    assert b'\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nh\xc3\xa9llo\r\n' == first
    disposition, media_type, *_ = second.strip(b"\r\n").split(b"\r\n")
    assert disposition.endswith(b'filename="a%22b\\\\c%0D%0Ax: y.png"')
    assert b"Content-Type: image/png" == media_type
    assert second.endswith(b"\r\n\r\n\x89PNG\r\n--x\r\n")


async def test_a_form_of_large_pictures_arrives_as_one(transport: Transport) -> None:
    """Its parts stand in their order, each whole, and the length is that of all of them."""
    pictures = [bytes([number]) * (PIECE_BYTES * number + number) for number in (1, 3)]
    parts = [Part("prompt", "x"), *(Part("image[]", one, "a.png", "image/png") for one in pictures),
             Part("n", "1")]  # fmt: skip
    async with FaultServer(answering(OK)) as server:
        await transport.send(post_form(server.url(), parts))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head.lower()
    boundary = b"--" + head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    first, *found, last = body.split(boundary)[1:-1]
    assert [b"x", *pictures, b"1"] == [
        part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in (first, *found, last)
    ]
    assert body.endswith(boundary + b"--\r\n")


@pytest.mark.parametrize(
    "sizes",
    [
        (0,),
        (1,),
        (PIECE_BYTES,),
        (PIECE_BYTES + 1, 5),
        (3 * PIECE_BYTES, 2 * PIECE_BYTES, PIECE_BYTES - 1),
    ],
)
def test_a_form_goes_in_pieces_without_a_copy(sizes: tuple[int, ...]) -> None:
    """Large parts are handed over as they are; one piece alone is the last, and it is the end."""
    datas = [bytes(size) for size in sizes]
    parts = [Part(f"image{number}", data, "a.png") for number, data in enumerate(datas)]
    message = encode(post_form("https://a.example/edits", parts), public_only=True)
    pieces = list(message.pieces())
    assert [False] * (len(pieces) - 1) + [True] == [is_last for _, is_last in pieces]
    assert max(len(piece) for piece, _ in pieces) <= PIECE_BYTES
    assert b"".join(message.body) == b"".join(piece for piece, _ in pieces)
    assert str(message.size) == dict(message.headers)["content-length"]
    large = [data for data in datas if len(data) >= PIECE_BYTES]
    assert [id(one) for one in large] == [id(x) for x in message.body if any(x is d for d in large)]


async def test_a_redirect_is_an_answer(transport: Transport) -> None:
    """No redirect is followed, least of all of a POST."""
    raw = b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"
    async with FaultServer(answering(raw)) as server:
        response = await transport.send(post(server))
    assert (302, "/other", 1) == (
        response.status, response.header("location"), len(server.requests),
    )  # fmt: skip


async def test_cookies_are_not_kept(transport: Transport) -> None:
    """What one answer sets, the next request does not send."""
    raw = answer(b"", "set-cookie: a=b; Path=/")
    async with FaultServer(answering(raw, raw)) as server:
        await transport.send(get(server.url()))
        await transport.send(get(server.url()))
    assert b"cookie" not in server.requests[1].lower()


async def test_billable_requests_have_connections_of_their_own(transport: Transport) -> None:
    """A GET may share a connection that was idle; a billable request never does."""
    async with FaultServer(answering(OK, OK, OK, close=False)) as server:
        await transport.send(get(server.url()))
        await transport.send(get(server.url()))
        assert 1 == server.connections
        await transport.send(post(server))
        await transport.send(post(server))
        assert 3 == server.connections


async def test_a_connection_that_died_idle_is_reported(transport: Transport) -> None:
    """A GET lost on a shared connection is reported, not silently sent again."""
    async with FaultServer(answering(OK, b"")) as server:
        await transport.send(get(server.url()))
        with pytest.raises(TransportError) as caught:
            await transport.send(get(server.url()))
    assert (Phase.SENT, 2) == (caught.value.phase, len(server.requests))


async def test_nobody_listens(transport: Transport) -> None:
    """A refused connection left nothing."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/x?key=secret"
        with pytest.raises(TransportError) as caught:
            await transport.send(post_json(url, {}))
    assert (Phase.NOT_SENT, False) == (caught.value.phase, caught.value.is_local)
    assert "secret" not in str(caught.value)


async def test_an_unknown_name(transport: Transport) -> None:
    """A name that cannot be resolved left nothing."""
    with pytest.raises(TransportError) as caught:
        await transport.send(post_json("http://nowhere.invalid/", {}))
    assert Phase.NOT_SENT == caught.value.phase


@pytest.mark.parametrize("behaviour", [reset_after_request, close_after_request])
async def test_a_request_that_got_no_answer(transport: Transport, behaviour: Behaviour) -> None:
    """Once the whole request was taken it counts as sent, and is sent once."""
    async with FaultServer(behaviour) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server))
    assert (Phase.SENT, 1) == (caught.value.phase, len(server.requests))


async def test_a_large_request_without_an_answer(transport: Transport) -> None:
    """A body of many pieces counts as sent once the last is out."""
    async with FaultServer(reset_after_request) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server, LARGE))
    assert (Phase.SENT, 1) == (caught.value.phase, len(server.requests))


async def test_a_body_cut_off_by_a_reset(transport: Transport) -> None:
    """A connection reset before the body was out left nothing to act upon."""
    async with FaultServer(reset_on_accept) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server, LARGE))
    assert Phase.NOT_SENT == caught.value.phase


async def test_a_peer_that_never_reads(make_transport: MakeTransport) -> None:
    """A body that makes no progress is given up, not sent, and its connection dropped."""
    transport = make_transport(write_timeout=0.3)
    until = asyncio.Event()
    async with FaultServer(never_reading(until)) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(server, LARGE))
        until.set()
        await server.all_closed()
    await transport.close()
    assert (Phase.NOT_SENT, []) == (caught.value.phase, server.requests)


async def test_an_early_answer_counts(transport: Transport) -> None:
    """An answer that comes before the body is out is an answer, or a body not sent."""
    raw = b"HTTP/1.1 413 Large\r\ncontent-length: 0\r\n\r\n"

    async def refuse(server: FaultServer, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:  # fmt: skip
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)

    async with FaultServer(refuse) as server:
        [outcome] = await asyncio.gather(
            transport.send(post(server, LARGE)), return_exceptions=True
        )
    reached = getattr(outcome, "status", getattr(outcome, "phase", None))
    assert reached in (413, Phase.NOT_SENT)


@pytest.mark.parametrize(
    ("behaviour", "body", "phase"),
    [(hang, b"{}", Phase.SENT), (hang_in_body, b"{}", Phase.HEADERS)],
)
async def test_cancelling(
    transport: Transport, behaviour: Behaviour, body: bytes, phase: Phase
) -> None:
    """A cancelled exchange closes its connection and tells how far it came."""
    async with FaultServer(behaviour) as server:
        error = await cut_off(server, transport.send(post(server, body)))
        await server.all_closed()
    assert phase == phase_of(error)


async def test_cancelling_an_upload(transport: Transport) -> None:
    """A body that was not out when cancelled is not sent, and its connection is dropped."""
    until = asyncio.Event()
    async with FaultServer(never_reading(until)) as server:
        task = asyncio.create_task(transport.send(post(server, LARGE)))
        await asyncio.wait([task], timeout=0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        until.set()
        await server.all_closed()
    assert Phase.NOT_SENT == phase_of(caught.value)


async def test_streaming(transport: Transport) -> None:
    """The head is there before the body, and pieces are there as they arrive."""
    more = asyncio.Event()

    async def behaviour(server: FaultServer, reader: asyncio.StreamReader,
                        writer: asyncio.StreamWriter) -> None:  # fmt: skip
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await more.wait()
        writer.write(b"1\r\nb\r\n0\r\n\r\n")

    async with (
        FaultServer(behaviour) as server,
        transport.open(post(server, b"")) as head,
    ):
        assert (200, "chunked") == (head.status, head.headers["transfer-encoding"])
        chunks = head.chunks()
        assert b"a" == await anext(chunks)
        more.set()
        assert [b"b"] == [chunk async for chunk in chunks]


async def test_leaving_a_stream_early(transport: Transport) -> None:
    """Leaving the context closes the connection, whatever is still to come."""
    async with FaultServer(hang_in_body) as server:
        async with transport.open(post(server)) as head:
            assert 200 == head.status
        await server.all_closed()


async def test_a_body_that_breaks_off_in_a_stream(transport: Transport) -> None:
    """The stream raises where the body ends too early."""
    async with (
        FaultServer(answering(BROKEN["chunked"])) as server,
        transport.open(post(server)) as head,
    ):
        with pytest.raises(TransportError) as caught:
            [chunk async for chunk in head.chunks()]
    assert Phase.HEADERS == caught.value.phase


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest(method="POST", url="http://127.0.0.1/", headers={"x": "a\r\nb: c"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", headers={"x": "\u00e9\u20ac"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", headers={"x": "\0"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", headers={"x y": "a"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", headers={"Content-Length": "5"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", json={"prompt": "\ud800"}),
        HttpRequest(method="POST", url="http://127.0.0.1/", json=object()),
        HttpRequest(method="GET / HTTP/1.1\r\nx: y\r\n\r\n", url="http://127.0.0.1/"),
        HttpRequest(method="GET", url="ftp://127.0.0.1/"),
        HttpRequest(method="GET", url="http://user:pw@127.0.0.1/"),
        HttpRequest(method="GET", url="http://a b/"),
        HttpRequest(method="GET", url="/relative"),
        HttpRequest(method="GET", url="http://127.0.0.1:99999/"),
    ],
)
async def test_what_cannot_be_sent(transport: Transport, request_: HttpRequest) -> None:
    """A request that HTTP cannot carry is our own mistake, and nothing is sent."""
    with pytest.raises(TransportError) as caught:
        await transport.send(request_)
    assert (Phase.NOT_SENT, True) == (caught.value.phase, caught.value.is_local)


async def test_many_at_once(transport: Transport) -> None:
    """512 requests in flight all have their answers."""
    gate = asyncio.Event()

    async def behaviour(server: FaultServer, reader: asyncio.StreamReader,
                        writer: asyncio.StreamWriter) -> None:  # fmt: skip
        await reader.readuntil(b"\r\n\r\n")
        if server.connections == 512:
            gate.set()
        await gate.wait()
        writer.write(OK)

    async with FaultServer(behaviour) as server:
        calls = [transport.send(get(server.url(), query={"n": str(n)})) for n in range(512)]
        responses = await asyncio.gather(*calls)
    assert {200} == {response.status for response in responses}
