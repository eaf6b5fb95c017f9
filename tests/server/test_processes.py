"""Servers that end, well or badly, and those after them: nothing that is paid for is lost."""

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.process import PATIENCE, Served, free_port, wait_until_served

from routercore.testing.faulty import FaultyUpstream, nonce_of, steps

pytest.importorskip("sqlalchemy")
URL = "/v1/images/generations"
HELD = steps.serve(gate=True, times=0)
HELD_POLLS = steps.serve(on="poll", gate=True, times=0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyUpstream]:
    with FaultyUpstream(tmp_path_factory.mktemp("invoice") / "invoice") as upstream:
        yield upstream


@pytest.fixture
def upstream(shared: FaultyUpstream) -> FaultyUpstream:
    """An upstream in a process of its own, as if nothing had been before."""
    shared.forget()
    return shared


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(timeout=40, limits=limits) as client:
        yield client


async def ask(
    client: httpx2.AsyncClient, server: Served, key: str | None = None, **fields: Any
) -> httpx2.Response:
    body = {"model": "poster", "prompt": "x", "response_format": "b64_json", **fields}
    headers = {} if key is None else {"idempotency-key": key}
    return await client.post(server.url + URL, json=body, headers=headers)


async def job(client: httpx2.AsyncClient, server: Served, name: str) -> httpx2.Response:
    """The job of that name, once it has ended."""
    headers = {"prefer": "wait=20"}
    return await client.get(f"{server.url}/v1/images/jobs/{name}", headers=headers)


def nonces(*answers: httpx2.Response) -> list[str]:
    """What is painted into the pictures of answers."""
    found = [image["b64_json"] for answer in answers for image in answer.json()["data"]]
    return sorted(nonce_of(base64.b64decode(image)) for image in found)


def invoiced(upstream: FaultyUpstream) -> list[str]:
    """What the upstream has on its invoice."""
    return sorted(line.nonce for line in upstream.invoice())


def files(folder: Path) -> list[Path]:
    """The pictures that are kept."""
    return list(folder.rglob("*.png"))


@pytest.mark.fault("F58", how="fifty requests at once under one key, at two servers on one ledger")
async def test_one_key_in_two_processes(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """Fifty requests at once with one key, at two servers on one database, are one call."""
    upstream.script(HELD)
    with Served(tmp_path, upstream.base_url) as one, Served(tmp_path, upstream.base_url) as two:
        waiting = [asyncio.create_task(ask(client, (one, two)[n % 2], "k")) for n in range(50)]
        await upstream.arrived()
        upstream.release()
        answers = await asyncio.gather(*waiting)
        other = await ask(client, two, "k", prompt="other")

    assert [200] * 50 == [answer.status_code for answer in answers]
    assert 1 == len({answer.content for answer in answers})
    assert invoiced(upstream) == nonces(answers[0])
    assert 422 == other.status_code


@pytest.mark.fault("F58", how="the same key after a restart, and with another body")
async def test_a_replay_after_a_restart(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """The next process answers with the same bytes, and refuses another body."""
    server = Served(tmp_path, upstream.base_url)
    with server:
        first = await ask(client, server, "k")
        ephemeral = await ask(client, server, "e", response_format="b64_ephemeral")
        server.tell()
        server.ended()
        server.start()
        again, other = await ask(client, server, "k"), await ask(client, server, "k", n=2)
        gone = await ask(client, server, "e", response_format="b64_ephemeral")

    assert (200, first.content) == (again.status_code, again.content)
    assert "true" == again.headers["idempotent-replayed"]
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["error"]["code"])
    assert (200, 410) == (ephemeral.status_code, gone.status_code)
    assert 2 == len(upstream.invoice())
    assert 1 == len(files(tmp_path))


@pytest.mark.fault("F43", how="SIGTERM with 100 requests under way")
async def test_a_drain(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """After SIGTERM 100 calls that the upstream works on are finished, and a new one is refused."""
    upstream.script(HELD)
    server = Served(tmp_path, upstream.base_url)
    with server:
        waiting = [asyncio.create_task(ask(client, server)) for _ in range(100)]
        await upstream.arrived(100)
        server.tell()
        refused = await refusal(client, server)
        upstream.release()
        answers = await asyncio.gather(*waiting)
        server.ended()

    assert ("close", "1", "server_is_stopping") == (
        refused.headers["connection"], refused.headers["retry-after"],
        refused.json()["error"]["code"],
    )  # fmt: skip
    assert [200] * 100 == [answer.status_code for answer in answers]
    assert invoiced(upstream) == nonces(*answers)


async def refusal(client: httpx2.AsyncClient, server: Served) -> httpx2.Response:
    """The first answer of a server that drains."""
    while (answer := await client.get(f"{server.url}/health")).status_code == 200:
        pass
    assert 503 == answer.status_code
    return answer


@pytest.mark.fault("F43", how="SIGTERM with 100 accepted jobs that outlast the drain")
async def test_handing_over(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """Of 100 jobs that outlast the drain none is lost: each is found after the restart."""
    upstream.script(HELD_POLLS)
    server = Served(tmp_path, upstream.base_url, "jobs", shutdown_grace=0.5, job_lease=1.0)
    with server:
        waiting = [
            asyncio.create_task(ask(client, server, prompt=f"{number}")) for number in range(100)
        ]
        await upstream.arrived(100, "poll")
        server.tell()
        told = await asyncio.gather(*waiting)
        server.ended()
        server.start()
        upstream.release()
        found = [await job(client, server, one.headers["x-routercore-job"]) for one in told]

    assert {(503, "job_handed_over", "false")} == {
        (one.status_code, one.json()["error"]["code"], one.headers["x-should-retry"])
        for one in told
    }
    assert {200} == {one.status_code for one in found}
    assert invoiced(upstream) == nonces(*found)
    assert 100 == len(upstream.invoice())
    assert [] == upstream.seen("cancel")


async def test_nobody_to_hand_over_to(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """Where the ledger is in memory a job that outlasts the drain is called off, and said so."""
    upstream.script(steps.pending(times=0))
    server = Served(tmp_path, upstream.base_url, "jobs", shutdown_grace=0.2, ledger="memory:")
    with server:
        waiting = asyncio.create_task(ask(client, server))
        await upstream.arrived(1, "poll")
        server.tell()
        told = await waiting
        server.ended()

    assert (409, "outcome_unknown") == (told.status_code, told.json()["error"]["code"])
    assert 1 == len(upstream.seen("cancel"))


@pytest.mark.fault("F43", how="SIGTERM while one request is sent and one waits")
async def test_what_has_not_left(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """A call that still waits for its turn when the drain is over may be made again."""
    upstream.script(HELD)
    server = Served(tmp_path, upstream.base_url, shutdown_grace=0.2, concurrency=1)
    with server:
        sent = asyncio.create_task(ask(client, server, "sent"))
        await upstream.arrived()
        waits = asyncio.create_task(ask(client, server, "waits", prompt="y"))
        while (await job(client, server, "nobody")).status_code == 404 and not waits.done():
            if (await client.get(f"{server.url}/health")).status_code == 200:
                break
        server.tell()
        lost, unsent = await sent, await waits
        server.ended()
        server.start()
        upstream.release()
        again, still = (
            await ask(client, server, "waits", prompt="y"),
            await ask(client, server, "sent"),
        )

    assert (503, "server_is_stopping") == (unsent.status_code, unsent.json()["error"]["code"])
    assert (409, "outcome_unknown", "false") == (
        lost.status_code, lost.json()["error"]["code"], lost.headers["x-should-retry"],
    )  # fmt: skip
    assert (200, 409) == (again.status_code, still.status_code)
    assert 2 == len(upstream.invoice())


@pytest.mark.fault("F58", how="the same key after a crash while an accepted job runs")
@pytest.mark.parametrize("n", [1, 3])
async def test_a_crash(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path, n: int
) -> None:
    """After SIGKILL the same key gives the pictures of the one job that was submitted."""
    upstream.script(HELD_POLLS)
    server = Served(tmp_path, upstream.base_url, "jobs", job_lease=1.0)
    with server:
        first = asyncio.create_task(ask(client, server, "k", n=n))
        await upstream.arrived(1, "poll")
        server.kill()
        with pytest.raises(httpx2.TransportError):
            await first
        server.start()
        upstream.release()
        again, twice = await ask(client, server, "k", n=n), await ask(client, server, "k", n=n)

    assert (200, again.content) == (again.status_code, twice.content)
    assert invoiced(upstream) == nonces(again)
    assert 1 == len(upstream.seen("make"))


async def test_a_crash_of_one_of_two(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """A process that lives collects what one that died had submitted, also without a key."""
    upstream.script(HELD_POLLS)
    one = Served(tmp_path, upstream.base_url, "jobs", job_lease=1.0)
    two = Served(tmp_path, upstream.base_url, "jobs", job_lease=1.0)
    with one, two:
        headers = {"x-request-id": "mine"}
        body = {"model": "poster", "prompt": "x", "response_format": "url"}
        asked = client.post(one.url + URL, json=body, headers=headers)
        first = asyncio.create_task(asked)
        await upstream.arrived(1, "poll")
        one.kill()
        with pytest.raises(httpx2.TransportError):
            await first
        upstream.release()
        found = await job(client, two, "mine")
        (image,) = found.json()["data"]
        picture = await client.get(image["url"].replace(one.url, two.url))

    assert invoiced(upstream) == [nonce_of(picture.content)]
    assert image["url"].startswith(one.url)
    assert 1 == len(upstream.seen("make"))


@pytest.mark.fault("F58", how="the same key after a crash that lost the answer")
async def test_a_crash_after_sending(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """What was sent and not accepted as a job is never made again under its key."""
    upstream.script(HELD)
    server = Served(tmp_path, upstream.base_url, job_lease=1.0)
    with server:
        first = asyncio.create_task(ask(client, server, "k"))
        await upstream.arrived()
        server.kill()
        with pytest.raises(httpx2.TransportError):
            await first
        server.start()
        upstream.release()
        again = await ask(client, server, "k")

    assert (409, "outcome_unknown", "false") == (
        again.status_code, again.json()["error"]["code"], again.headers["x-should-retry"],
    )  # fmt: skip
    assert 1 == len(upstream.invoice())


@pytest.mark.parametrize("what", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path, what: signal.Signals
) -> None:
    """It ends the process at once, by that signal."""
    upstream.script(HELD)
    server = Served(tmp_path, upstream.base_url)
    with server:
        first = asyncio.create_task(ask(client, server))
        await upstream.arrived()
        server.tell(what)
        await refusal(client, server)
        server.tell(what)
        assert -what == server.ended()
        with pytest.raises(httpx2.TransportError):
            await first


def test_workers(tmp_path: Path) -> None:
    """A signal to the parent of several processes ends them all."""
    port = free_port()
    config = tmp_path / "routercore.toml"
    config.write_text(f'[store]\nurl = "file:{tmp_path}/images"\n')
    command = [sys.executable, "-m", "routercore", "serve", "--config", str(config),
               "--port", str(port), "--workers", "2", "--log-level", "error"]  # fmt: skip
    with subprocess.Popen(command) as parent:
        try:
            wait_until_served(f"http://127.0.0.1:{port}", parent)
        finally:
            parent.send_signal(signal.SIGTERM)
        assert 0 == parent.wait(PATIENCE)
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{port}/health")
