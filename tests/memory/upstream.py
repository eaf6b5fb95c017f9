"""An upstream in a process of its own: reads what it is sent, answers what is in a file.

python -m tests.memory.upstream FILE
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def serve(answer: Path) -> None:
    """Answer every request with the bytes that the file has then."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        left = int(found[1]) if found else 0
        while left > 0 and (piece := await reader.read(min(left, 1 << 20))):
            left -= len(piece)
        body = await asyncio.to_thread(answer.read_bytes)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
