"""A faulty upstream's process, as a test holds it."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

from routercore.testing.faulty.steps import Step

PROCESS = Path(__file__).with_name("process.py")
PATIENCE = 60.0
"""Seconds after which a test that waits for the upstream fails."""
BARS = 8


@dataclass(frozen=True, slots=True)
class Invoiced:
    """One line of the upstream's invoice: one image that it accepted to make."""

    attempt: str
    """The ``Idempotency-Key`` of the request, if it had one."""
    micros: int
    nonce: str
    """What is painted into the image."""
    at: float
    """Seconds since 1970, by the upstream's own clock."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived whole."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, Any] = field(repr=False)
    """Of a body of JSON."""
    connection: int
    """The number of its connection, from one."""
    at: float


class FaultyUpstream:
    """An image service that does what it is told, in a process of its own; a context manager.

    ::

        with FaultyUpstream(tmp_path / "invoice") as upstream:
            upstream.script(steps.reset(), steps.error(503))
            ...                             # point a router at upstream.base_url
            assert 1 == len(upstream.invoice())

    It speaks the Images API at ``base_url`` (``/images/generations``, ``/images/edits``), jobs at
    ``/jobs`` (``POST``, then ``GET /jobs/ID``, ``POST /jobs/ID/cancel`` and
    ``GET /jobs?reference=KEY``), and gives results at URLs where asked. Without a script every
    request is served.

    Args:
        invoice: the file that it keeps its invoice in.
        price: of one image, in millionths of a dollar.
    """

    def __init__(self, invoice: Path, *, price: int = 40_000) -> None:
        self.path, self.price = invoice, price
        self.port = 0
        self._skip = 0
        self._numbers = count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, str(PROCESS), "--invoice", str(self.path),
                   "--price", str(self.price)]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = json.loads(self._process.stdout.readline())["port"]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        self._process.stdout.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def script(self, *steps: Step) -> None:
        """What to do with the next requests; after what was told before."""
        self._ask("script", steps=steps).result(PATIENCE)

    def forget(self) -> None:
        """Begin anew: without a script, without jobs, with nothing seen and nothing invoiced."""
        self._ask("forget").result(PATIENCE)
        self._skip += len(self.invoice())

    def stop(self) -> None:
        """Close the port and reset every connection, as a machine whose plug is pulled."""
        self._ask("stop").result(PATIENCE)

    def listen(self) -> None:
        """Come back, at the same port."""
        self._ask("listen").result(PATIENCE)

    def release(self, *, stay_open: bool = True) -> None:
        """Let requests at the gate on, and all that come later unless it is closed again."""
        self._ask("gate", open=True).result(PATIENCE)
        if not stay_open:
            self._ask("gate", open=False).result(PATIENCE)

    def invoice(self) -> list[Invoiced]:
        """What it has accepted so far, line by line."""
        lines = self.path.read_text(encoding="utf-8").splitlines()[self._skip :]
        return [Invoiced(**json.loads(line)) for line in lines]

    def seen(self, kind: str | None = None) -> list[Seen]:
        """The requests that arrived, or those of one kind."""
        seen = [Seen(**one) for one in self._state()["seen"]]
        return [one for one in seen if kind in (None, one.kind)]

    @property
    def connections(self) -> int:
        """How many connections were made to it."""
        return int(self._state()["accepted"])

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """Every job that it took, as it stands."""
        return list(self._state()["jobs"])

    async def arrived(self, n: int = 1, kind: str = "make") -> None:
        """Wait until so many requests of a kind have arrived."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.wrap_future(self._ask("wait", n=n, on=kind))

    async def idle(self) -> None:
        """Wait until nobody is connected."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.wrap_future(self._ask("idle"))

    def _state(self) -> dict[str, Any]:
        return self._ask("state").result(PATIENCE)

    def _ask(self, do: str, **more: Any) -> Future[dict[str, Any]]:
        number, answer = next(self._numbers), Future[dict[str, Any]]()
        self._waiting[number] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": do, **more}) + "\n")
        self._process.stdin.flush()
        return answer

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            waiting = self._waiting.pop(told["id"])
            if not waiting.cancelled():
                waiting.set_result(told)


def nonce_of(image: bytes) -> str:
    """The nonce that is painted into an image, also after it was converted or resized."""
    from PIL import Image

    grey = Image.open(io.BytesIO(image)).convert("L")
    row = grey.resize((BARS, 1), Image.Resampling.BOX).tobytes()
    return "".join(f"{min(15, round(shade / 17)):x}" for shade in row)
