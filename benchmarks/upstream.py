"""An upstream for benchmarks: a process of its own that answers at once, with bytes made before.

It speaks just enough HTTP/1.1: any POST is answered with one JSON body, chosen by the path's last
part. ``python benchmarks/upstream.py`` prints its port and serves until its input closes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys

PICTURE = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR" + (1024).to_bytes(4, "big") * 2
TAIL = b"\x08\x02\x00\x00\x00\x00\x00\x00\x00" + b"\x00\x00\x00\x00IEND\xaeB`\x82"


def picture(size: int) -> str:
    """Base64 of something that passes for a PNG, of about ``size`` bytes."""
    filler = os.urandom(size - len(PICTURE) - len(TAIL))
    return base64.b64encode(PICTURE + filler + TAIL).decode()


def answer(items: list[dict[str, str]]) -> bytes:
    body = json.dumps({"created": 1795219200, "data": items}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


ANSWERS = {
    b"small": answer([{"b64_json": picture(150)}]),
    b"image": answer([{"b64_json": picture(1_500_000)}]),
}


class Upstream(asyncio.Protocol):
    """Reads one request after another off a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self.buffer) < end + 4 + size:
                return
            del self.buffer[: end + 4 + size]
            kind = b"image" if b"/image/" in head.split(b"\r\n", 1)[0] else b"small"
            self.transport.write(ANSWERS[kind])


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
