"""A server as a process of its own, over an upstream that keeps its own invoice.

Run as a program, it is the server; what it is told comes as JSON in its first argument.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx2

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120.0
"""Seconds, on a busy machine; else it takes two."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers, at a pace that leaves it room to start."""
    until = time.monotonic() + PATIENCE
    with httpx2.Client() as client:
        while time.monotonic() < until:
            with suppress(httpx2.TransportError):
                if client.get(f"{url}/health").status_code == 200:
                    return
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the server ended with {process.wait(0.05)}")
    raise AssertionError("the server does not answer")


class Served:
    """One server at one port, started as often as wanted; a context manager."""

    def __init__(self, folder: Path, upstream: str, shape: str = "images", **server: Any) -> None:
        """``server``: settings of ``[server]``; ``deadline``, ``concurrency`` and ``ledger``
        beside them."""
        self.port = free_port()
        more = {name: server.pop(name, None) for name in ("deadline", "concurrency", "ledger")}
        self.told = {"folder": str(folder), "upstream": upstream, "shape": shape,
                     "port": self.port, "server": server, **more}  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Begin, and wait until it answers."""
        command = [sys.executable, "-m", "tests.server.process", json.dumps(self.told)]
        self.process = subprocess.Popen(command, cwd=ROOT)
        wait_until_served(self.url, self.process)

    def tell(self, what: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(what)

    def ended(self) -> int:
        """Wait for its end; returns its exit status."""
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)


def main() -> None:
    """Serve as told."""
    from dataclasses import replace

    import uvicorn
    from tests.faults.jobs import CancellableJobs
    from tests.serving import card, provider, route, router_of, setup

    from routercore.engine.setup import LedgerSetup, Limits, ProviderSetup, ServerSetup
    from routercore.server import create_app
    from routercore.server.serving import uvicorn_settings
    from routercore.values.money import usd

    told = json.loads(sys.argv[1])
    folder, upstream = Path(told["folder"]), told["upstream"]
    own = card(prices=(usd("0.04"),), latency=1.0)
    if told["shape"] == "jobs":
        service = CancellableJobs(name="near", origin=upstream, cards=(own,))
        near = ProviderSetup(name="near", provider=service, keys=("sk-jobs",), base_url=upstream)
    else:
        near = provider("near", upstream, own)
    near = replace(near, limits=Limits(concurrency=told["concurrency"]))
    what = setup(
        folder / "images", near, routes=(route("near"),), server=ServerSetup(**told["server"]),
        ledger=LedgerSetup(url=told["ledger"] or f"sqlite:///{folder}/ledger.db"),
        deadline=told["deadline"] or 180.0,
    )  # fmt: skip
    app = create_app(router_of(what), owns_router=True, drains=True)
    uvicorn.run(app, host="127.0.0.1", port=told["port"], **uvicorn_settings("warning"))


if __name__ == "__main__":
    main()
