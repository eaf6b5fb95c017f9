"""``routercore serve`` as a process of its own, for clients that know nothing of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

KEY = "rc-client-0123456789"
HURRIED = "rc-hurried-0123456789"
"""A key that may make one request a minute."""
CONFIG = f"""
[server]
default_model = "test/test"
[store]
url = "file:{{images}}"
[keys.team]
key = "{KEY}"
[keys.hurried]
key = "{HURRIED}"
limits = {{{{ requests = "1/min" }}}}
"""
START_SECONDS = 120


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The origin of a running server over the embedded provider."""
    config = folder / "routercore.toml"
    config.write_text(CONFIG.format(images=folder / "images"))
    port = _free_port()
    command = f"from routercore.server import serve; serve({json.dumps(str(config))}, port={port})"
    process = subprocess.Popen([sys.executable, "-c", command], env=_environment())
    try:
        _wait(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """No provider but the embedded one: no key of the machine's own is used."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


def _wait(origin: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            httpx2.get(f"{origin}/health", timeout=1)
        except httpx2.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not answer")
