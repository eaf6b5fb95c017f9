"""The faulty upstream: a process of its own, an invoice of its own, and faults to order."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from routercore.engine.pixels import convert
from routercore.testing.faulty import FaultyUpstream, nonce_of, steps
from routercore.testing.faulty import process as the_process
from routercore.testing.faulty.upstream import PROCESS
from routercore.testing.hasty import HastyClock

ASK = {"prompt": "a lighthouse"}


def make(upstream: FaultyUpstream, **fields: object) -> httpx2.Response:
    headers = {"idempotency-key": "one"}
    url = f"{upstream.base_url}/images/generations"
    return httpx2.post(url, json={**ASK, **fields}, headers=headers)


def test_it_shares_no_code() -> None:
    """The process imports the standard library and nothing else."""
    tree = ast.parse(PROCESS.read_text(encoding="utf-8"))
    names = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert set() == {name for name in names if name not in sys.stdlib_module_names}


def test_an_invoice_is_written(tmp_path: Path) -> None:
    """Every image is a line, with its key, its price and the nonce that is painted into it."""
    with FaultyUpstream(tmp_path / "invoice", price=70_000) as upstream:
        assert 2 == len(make(upstream, n=2).json()["data"])
        lines = upstream.invoice()
    assert [("one", 70_000)] * 2 == [(line.attempt, line.micros) for line in lines]


@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_a_nonce_survives(format: str) -> None:
    """It can be read after a conversion, too, and at other sizes."""
    for nonce in ("0123abcf", "ffff0000", "7a89b1ce"):
        for size in ((64, 64), (1000, 300)):
            assert nonce == nonce_of(convert(the_process.painted(nonce, *size), format, None))


def test_what_is_lost_was_invoiced(tmp_path: Path) -> None:
    """A request whose answer is lost is on the invoice; one that was turned away is not."""
    with FaultyUpstream(tmp_path / "invoice") as upstream:
        upstream.script(steps.reset(), steps.error(503), steps.answer(418, text="no"))
        with pytest.raises(httpx2.ReadError):
            make(upstream)
        assert [503, 418] == [make(upstream).status_code for _ in range(2)]
        assert (1, 3) == (len(upstream.invoice()), len(upstream.seen("make")))
        upstream.forget()
        assert ([], []) == (upstream.seen(), upstream.invoice())


def test_jobs(tmp_path: Path) -> None:
    """A job is taken, polled, found by its reference, cancelled, and has its result at a URL."""
    with FaultyUpstream(tmp_path / "invoice") as upstream:
        jobs = f"{upstream.base_url}/jobs"
        id = httpx2.post(jobs, json=ASK, headers={"idempotency-key": "mine"}).json()["id"]
        found = httpx2.get(jobs, params={"reference": "mine"}).json()["jobs"]
        assert [id] == [job["id"] for job in found]
        done = httpx2.get(f"{jobs}/{id}").json()
        image = httpx2.get(done["urls"][0]).content
        assert upstream.invoice()[0].nonce == nonce_of(image)
        assert "cancelled" == httpx2.post(f"{jobs}/{id}/cancel").json()["status"]
        assert "unknown" == httpx2.get(f"{jobs}/other").json()["status"]
        assert ["cancelled"] == [job["status"] for job in upstream.jobs]


def test_it_is_scripted_at_its_start(tmp_path: Path) -> None:
    """Other languages give a file, and read the port from the first line."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([steps.error(529)]), encoding="utf-8")
    command = [sys.executable, str(PROCESS), "--invoice", str(tmp_path / "invoice"),
               "--script", str(script)]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        answer = httpx2.post(f"http://127.0.0.1:{port}/v1/images/generations", json=ASK)
        assert process.stdin is not None
        process.stdin.close()
        assert (529, 0) == (answer.status_code, process.wait(60))


async def test_a_hasty_clock_leaps_over_sleeps() -> None:
    """An hour's sleep takes no time, and a deadline meanwhile is past."""
    clock = HastyClock()
    began = clock.monotonic()
    await clock.sleep(3600)
    assert 3600 <= clock.monotonic() - began < 3610

    async def a_minute() -> None:
        async with clock.timeout_at(clock.monotonic() + 60):
            await clock.sleep(59)
            await clock.sleep(2)
            raise AssertionError("the deadline has passed")

    with pytest.raises(TimeoutError):
        await a_minute()
    assert [3600, 59, 2] == clock.slept
