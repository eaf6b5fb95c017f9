"""Clients that hang up: what may be paid for is finished and found, the rest costs nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.test_streams import events, upstream_stream
from tests.serving import MODEL, card, provider, router_of, served, setup
from tests.upstreams import Answer, Upstream, error, picture

from routercore.engine.setup import Caller, CallerKey, LedgerSetup, Limits, ServerSetup
from routercore.router import Router

URL = "/v1/images/generations"
KEY = {"authorization": "Bearer key-1234"}
ONE_AT_A_TIME = Limits(concurrency=1)


@contextmanager
def asking(client: httpx2.Client, *, name: str = "mine", **fields: Any) -> Iterator[socket.socket]:
    """A request on a socket of its own, which is closed when the context is left."""
    headers = fields.pop("headers", {})
    body = json.dumps({"model": MODEL, "prompt": "x", **fields}).encode()
    lines = {"host": "a", "content-type": "application/json", "x-request-id": name, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    address = client.base_url.host, client.base_url.port or 0
    with socket.create_connection(address, 20) as raw:
        first = f"POST {URL} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n"
        raw.sendall(first.encode() + body)
        yield raw


def job(client: httpx2.Client, name: str = "mine", **headers: str) -> httpx2.Response:
    """The job of that name, once it has ended."""
    return client.get(f"/v1/images/jobs/{name}", headers={"prefer": "wait=20", **headers})


def found(client: httpx2.Client, name: str = "mine", **headers: str) -> httpx2.Response:
    """The job of that name, as soon as there is one."""
    for _ in range(2000):
        answer = client.get(f"/v1/images/jobs/{name}", headers=headers)
        if answer.status_code != 404:
            return answer
    raise AssertionError(f"there is no job {name!r}")


def is_given_up(client: httpx2.Client, name: str = "mine", **headers: str) -> bool:
    """Whether the job of that name comes to nothing; to ask is not to wait for it."""
    place = f"/v1/images/jobs/{name}"
    return any(client.get(place, headers=headers).status_code in (404, 410) for _ in range(2000))


@contextmanager
def serving(
    tmp_path: Path, upstream: Upstream, *, on_disk: bool = True, **more: Any
) -> Iterator[httpx2.Client]:
    """A server with a ledger in a file, or in memory, and one upstream that streams."""
    limits = more.pop("upstream_limits", Limits())
    what = setup(
        tmp_path / "images",
        provider("near", upstream.base_url, card(partial_images=3), limits=limits),
        ledger=LedgerSetup(url=f"sqlite:///{tmp_path}/ledger.db" if on_disk else None),
        **more,
    )
    with served(router_of(what)) as client:
        yield client


@pytest.mark.fault("F39", how="a client that hangs up while the upstream works")
@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_after_it_was_sent(upstream: Upstream, tmp_path: Path, stream: bool, on_disk: bool) -> None:
    """The work goes on; its answer is found by the id that the client gave the request."""
    with serving(tmp_path, upstream, on_disk=on_disk) as client:
        upstream.hold()
        with asking(client, stream=stream):
            upstream.wait_for_calls(1)
        running = found(client)
        upstream.release()
        ended, again = job(client), job(client, running.json()["id"])

    assert (202, 200) == (running.status_code, ended.status_code)
    assert ended.content == again.content
    assert running.json()["id"] == ended.json()["id"] == ended.headers["x-routercore-job"]
    assert 1 == upstream.calls


async def test_the_ledger_knows_it_by_the_same_id(upstream: Upstream, tmp_path: Path) -> None:
    """An abandoned request is completed and paid for in the books, under the id of its job."""
    with serving(tmp_path, upstream) as client:
        upstream.hold()
        with asking(client):
            upstream.wait_for_calls(1)
        found(client)
        upstream.release()
        id = job(client).json()["id"]

    async with Router.from_config({"ledger": {"url": f"sqlite:///{tmp_path}/ledger.db"}}) as router:
        (logged,) = await router.engine.ledger.log()
    assert (id, 20_000) == (logged.asked.request, logged.balance.posted)
    assert logged.ended is not None
    assert "completed" == logged.ended.status


@pytest.mark.fault("F39", how="a client that hangs up while its call waits for its turn")
def test_before_it_was_sent(upstream: Upstream, tmp_path: Path) -> None:
    """A call that waits for its turn is given up: nothing is paid, and its places are free."""
    caller = Caller(name="a", limits=Limits(concurrency=2))
    keys = (CallerKey(caller=caller, key="key-1234"),)
    with serving(tmp_path, upstream, callers=keys, upstream_limits=ONE_AT_A_TIME) as client:
        upstream.hold()
        with asking(client, name="first", headers=KEY):
            upstream.wait_for_calls(1)
            with asking(client, name="second", headers={**KEY, "idempotency-key": "k"}):
                waiting = found(client, "second", **KEY)
                full = client.post(URL, json={"model": MODEL, "prompt": "x"}, headers=KEY)
            assert is_given_up(client, "second", **KEY)
            upstream.release()
            again = client.post(URL, json={"model": MODEL, "prompt": "y"},
                                headers={**KEY, "idempotency-key": "k"})  # fmt: skip

    assert (429, 202) == (full.status_code, waiting.status_code)
    assert 200 == again.status_code
    assert 2 == upstream.calls


def test_between_two_attempts(upstream: Upstream, tmp_path: Path) -> None:
    """After a failure that cost nothing no further attempt is made for a client that is gone."""
    upstream.script.append(Answer(429, {}, {"retry-after": "5"}))
    with serving(tmp_path, upstream) as client:
        with asking(client):
            upstream.wait_for_calls(1)
            upstream.wait_until_idle()
            found(client)
        assert is_given_up(client)

    assert 1 == upstream.calls


@pytest.mark.fault("F39", how="a client that hangs up in the middle of a stream")
def test_while_streaming(upstream: Upstream, tmp_path: Path) -> None:
    """Hanging up in the middle of a stream loses neither what came nor what comes."""
    whole = upstream_stream("image_generation", 2)
    upstream.script.append(whole)
    with serving(tmp_path, upstream) as client:
        with asking(client, stream=True, partial_images=2) as raw:
            assert raw.recv(100)
        assert found(client)
        followed = client.get("/v1/images/jobs/mine/events").text

    names = [name for name, _ in events(followed)]
    assert ["image_generation.partial_image"] * 2 + ["image_generation.completed"] == names
    assert 1 == upstream.calls


@pytest.mark.fault("F39", how="a client that hangs up while it is answered")
@pytest.mark.parametrize("on_disk", [True, False])
def test_during_the_download(upstream: Upstream, tmp_path: Path, on_disk: bool) -> None:
    """An answer that was not read to its end is kept; one that was is forgotten."""
    with serving(tmp_path, upstream, on_disk=on_disk) as client:
        body: dict[str, Any] = {"n": 4, "response_format": "b64_json"}
        upstream.script.append(_large(4))
        with asking(client, **body) as raw:
            assert raw.recv(1000)
        assert found(client)
        kept = job(client)
        plain = client.post(URL, json={"model": MODEL, "prompt": "x"})
        forgotten = client.get(f"/v1/images/jobs/{plain.headers['x-routercore-job']}")

    assert 200 == kept.status_code
    assert 4 == len(kept.json()["data"])
    assert (200, 404) == (plain.status_code, forgotten.status_code)


def _large(count: int) -> Answer:
    """Pictures of more bytes than sockets hold."""
    import base64

    large = picture() + bytes(4_000_000)
    data = [{"b64_json": base64.b64encode(large).decode()}] * count
    return Answer(200, {"created": 1, "data": data})


def test_only_so_many(upstream: Upstream, tmp_path: Path) -> None:
    """Beyond the bound the work of a client that hangs up is cancelled."""
    server = ServerSetup(max_abandoned=1)
    with serving(tmp_path, upstream, server=server) as client:
        upstream.hold()
        for name in ("first", "second"):
            with asking(client, name=name):
                upstream.wait_for_calls(1 if name == "first" else 2)
            client.get(f"/v1/images/jobs/{name}")
        assert is_given_up(client, "second")
        upstream.release()
        first = job(client, "first")

    assert 200 == first.status_code


@pytest.mark.parametrize(
    ("server", "fields"),
    [
        (ServerSetup(finish_abandoned=False), {}),
        (ServerSetup(finish_abandoned=False), {"stream": True}),
        (ServerSetup(), {"response_format": "b64_ephemeral"}),
    ],
)
def test_work_that_ends_with_its_client(
    upstream: Upstream, tmp_path: Path, server: ServerSetup, fields: dict[str, Any]
) -> None:
    """Where the configuration says so, and where nobody may find the result."""
    with serving(tmp_path, upstream, server=server) as client:
        upstream.hold()
        with asking(client, **fields):
            upstream.wait_for_calls(1)
        upstream.wait_until_idle()
        assert is_given_up(client)

    assert [] == list(tmp_path.rglob("*.png"))


def test_a_failure_is_found_too(upstream: Upstream, tmp_path: Path) -> None:
    """Who comes back learns also that it came to nothing."""
    upstream.script.extend([error(500, "broken")] * 3)
    with serving(tmp_path, upstream) as client:
        upstream.hold()
        with asking(client):
            upstream.wait_for_calls(1)
        found(client)
        upstream.release()
        failed = job(client)

    assert failed.status_code >= 500
    assert "failed" == failed.json()["status"]


@pytest.mark.parametrize(("name", "is_echoed"), [("order-7/b", True), ("a b", False), ("", False)])
def test_ids_that_clients_choose(client: httpx2.Client, name: str, is_echoed: bool) -> None:
    """An answer has the client's id for its request; what cannot be one is passed over."""
    answer = client.get("/health", headers={"x-request-id": name})

    assert is_echoed is (name == answer.headers["x-request-id"])
