"""Buckets of the tests' own: an S3 service on loopback, and one that fails as told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

from routercore.engine.setup import BucketSetup


@contextmanager
def s3_service() -> Iterator[str]:
    """The URL of an S3 service with one bucket, ``pictures``."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    try:
        host, port = service.get_host_and_port()
        url = f"http://{host}:{port}"
        assert 200 == httpx2.put(f"{url}/pictures").status_code
        yield url
    finally:
        service.stop()


def bucket(endpoint: str, **more: Any) -> BucketSetup:
    """The bucket ``pictures`` of a service."""
    settings: dict[str, Any] = {
        "name": "pictures",
        "prefix": "of/cats",
        "endpoint": endpoint,
        "region": "us-east-1",
        "access_key_id": "AKIATEST",
        "secret_access_key": "s3-secret-of-the-tests",
        **more,
    }
    return BucketSetup(**settings)


class BrokenService:
    """Answers every call with one status, and counts them."""

    def __init__(self, status: int) -> None:
        self.calls = 0
        service = self

        def answer(self: BaseHTTPRequestHandler) -> None:
            service.calls += 1
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self: BaseHTTPRequestHandler, *_: object) -> None:
            pass

        methods = {f"do_{name}": answer for name in ("GET", "HEAD", "PUT", "DELETE")}
        handler = type(
            "Handler", (BaseHTTPRequestHandler,), {**methods, "log_message": log_message}
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> BrokenService:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
