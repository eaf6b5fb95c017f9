"""Configurations that change under a server at work."""

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.server.process import PATIENCE, free_port, wait_until_served

from routercore.testing.faulty import FaultyUpstream, nonce_of, steps

pytest.importorskip("sqlalchemy")
BODY = {"model": "mine:poster", "response_format": "b64_json"}
URL = "/v1/images/generations"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FaultyUpstream]:
    with FaultyUpstream(tmp_path / "invoice") as upstream:
        yield upstream


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(timeout=40, limits=limits) as client:
        yield client


class Configured:
    """A server of `routercore serve`, and the file that it is told by."""

    def __init__(self, folder: Path, upstream: FaultyUpstream) -> None:
        self.file, self.upstream, self.port = folder / "routercore.toml", upstream, free_port()
        self.url, self._images = f"http://127.0.0.1:{self.port}", folder / "images"

    def write(self, key: str) -> None:
        """Configure it with that key of the upstream."""
        self.file.write_text(f"""
            [store]
            url = "file:{self._images}"
            [providers.mine]
            plugin = "openai-compatible"
            base_url = "{self.upstream.base_url}"
            api_key = "{key}"
            [[providers.mine.cards]]
            id = "poster"
            sizes = ["64x64"]
            prices = [{{ usd = "0.04" }}]
        """)

    @contextmanager
    def running(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """The server, until it was told to end; it must end well."""
        command = [sys.executable, "-m", "routercore", "serve", "--config", str(self.file),
                   "--port", str(self.port), "--log-level", "info", *options]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                wait_until_served(self.url, process)
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, -signal.SIGTERM)

    async def ask(self, client: httpx2.AsyncClient, prompt: str) -> httpx2.Response:
        return await client.post(self.url + URL, json={**BODY, "prompt": prompt})


async def told(process: subprocess.Popen[bytes], event: str, times: int = 1) -> str:
    """The next line of the log about that, or the one after so many."""
    lines = iter(process.stderr or ())
    for _ in range(times):
        async with asyncio.timeout(PATIENCE):
            while event.encode() not in (line := await asyncio.to_thread(next, lines)):
                pass
    return line.decode()


def keys(upstream: FaultyUpstream) -> list[str]:
    """The keys of all calls, in the order in which they arrived."""
    return [one.headers["authorization"].removeprefix("Bearer ") for one in upstream.seen("make")]


@pytest.mark.fault("F66", how="SIGHUP after the file has another key, with 50 calls under way")
async def test_a_key_that_is_exchanged(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """No request fails, calls under way end with the key that they began with, callers who come
    at any moment of the exchange are served, and afterwards the old key is not used again."""
    server = Configured(tmp_path, upstream)
    server.write("sk-old")
    upstream.script(steps.serve(gate=True, times=50))
    with server.running() as process:
        under_way = [asyncio.create_task(server.ask(client, f"old {n}")) for n in range(50)]
        await upstream.arrived(50)
        server.write("sk-new")
        process.send_signal(signal.SIGHUP)
        meanwhile: list[httpx2.Response] = []
        while "sk-new" not in keys(upstream):
            meanwhile.append(await server.ask(client, f"meanwhile {len(meanwhile)}"))
        after = await asyncio.gather(*(server.ask(client, f"new {n}") for n in range(50)))
        upstream.release()
        answers = [*await asyncio.gather(*under_way), *meanwhile, *after]

    assert {200} == {answer.status_code for answer in answers}
    used = keys(upstream)
    assert ["sk-old"] * 50 == used[:50]
    assert {"sk-new"} == set(used[used.index("sk-new") :])
    assert sorted(line.nonce for line in upstream.invoice()) == sorted(
        nonce_of(base64.b64decode(answer.json()["data"][0]["b64_json"])) for answer in answers
    )


@pytest.mark.fault("F66", how="SIGHUP after the file was spoilt, and after it was mended")
async def test_a_configuration_that_is_wrong(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """It changes nothing, and the log says what is wrong; the next that is right is taken."""
    server = Configured(tmp_path, upstream)
    server.write("sk-old")
    with server.running() as process:
        server.file.write_text("[providers.mine]\nplugin = 'nobody'")
        process.send_signal(signal.SIGHUP)
        said = await told(process, "config.refused")
        assert "nobody" in said
        assert 200 == (await server.ask(client, "x")).status_code
        server.write("sk-new")
        process.send_signal(signal.SIGHUP)
        await told(process, "config.reloaded")
        assert 200 == (await server.ask(client, "y")).status_code
    assert ["sk-old", "sk-new"] == keys(upstream)


async def test_every_worker_is_told(
    upstream: FaultyUpstream, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """The parent of several processes passes the signal on to each, and ends none."""
    server = Configured(tmp_path, upstream)
    server.write("sk-old")
    with server.running("--workers", "2") as process:
        await told(process, "Application startup complete", times=2)
        server.write("sk-new")
        process.send_signal(signal.SIGHUP)
        await told(process, "config.reloaded", times=2)
        assert 200 == (await server.ask(client, "x")).status_code
    assert ["sk-new"] == keys(upstream)
