"""An upstream of the tests' own: speaks the Images API on loopback, counts, fails when told to.

It runs in a thread with an event loop of its own, and dies like a machine whose plug is pulled:
every connection is reset, the port is closed. It comes back on the same port.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

from PIL import Image
from tests.wire import Received, read, write


@cache
def picture(width: int = 64, height: int = 64, format: str = "png", mode: str = "RGB") -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), (40, 90, 160)).save(buffer, format)
    return buffer.getvalue()


@cache
def mask(width: int = 64, height: int = 64) -> bytes:
    """A mask whose left half is transparent."""
    buffer = io.BytesIO()
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    image.save(buffer, "png")
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to give instead of a picture."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cuts: bool = False
    """Read the request, then drop the connection."""


def error(status: int, message: str, **more: Any) -> Answer:
    """An error in OpenAI's shape."""
    fields = {"message": message, "type": "server_error", "param": None, "code": None, **more}
    return Answer(status, {"error": fields})


class Upstream:
    """The server. ``script`` holds answers to give first; then it makes pictures."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.received: list[Received] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._gate = asyncio.Event()
        self._gate.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._arrivals = threading.Condition()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def calls(self) -> int:
        """How many requests for images arrived."""
        return sum(_makes_images(one) for one in self.received)

    def reset(self) -> None:
        """Forget what was seen and what was planned."""
        self.script.clear()
        self.received.clear()
        self.release()

    def hold(self) -> None:
        """Let requests for images wait from now on."""
        self._loop.call_soon_threadsafe(self._gate.clear)

    def release(self) -> None:
        """Answer what waits."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def wait_for_calls(self, count: int) -> None:
        """Wait until so many requests for images have arrived."""
        with self._arrivals:
            assert self._arrivals.wait_for(lambda: self.calls >= count, timeout=60)

    def wait_until_idle(self) -> None:
        """Wait until no client is connected any more."""
        with self._arrivals:
            assert self._arrivals.wait_for(lambda: not self._writers, timeout=60)

    def start(self) -> None:
        """Listen; on the same port as before."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def kill(self) -> None:
        """Reset every connection and stop listening."""
        asyncio.run_coroutine_threadsafe(self._kill(), self._loop).result(10)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _kill(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await read(reader)) is not None:
                with self._arrivals:
                    self.received.append(request)
                    self._arrivals.notify_all()
                answer = await self._unless_gone(request, reader)
                if answer.cuts:
                    writer.transport.abort()
                    return
                await _write(writer, answer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with self._arrivals:
                self._writers.discard(writer)
                self._arrivals.notify_all()

    async def _unless_gone(self, request: Received, reader: asyncio.StreamReader) -> Answer:
        """The answer; a client that hangs up meanwhile is noticed."""
        answer = asyncio.ensure_future(self._answer(request))
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise ConnectionError
        gone.cancel()
        await asyncio.wait({gone})
        return answer.result()

    async def _answer(self, request: Received) -> Answer:
        if not _makes_images(request):
            return Answer(200, {"object": "list", "data": []})
        await self._gate.wait()
        if self.script:
            return self.script.popleft()
        asked = request.json if request.body.startswith(b"{") else {}
        image = base64.b64encode(_picture_for(asked)).decode()
        if request.path.endswith("/chat/completions"):
            return Answer(200, {"choices": [{"message": {"images": [in_chat(image)]}}]})
        data = [{"b64_json": image}] * int(asked.get("n", 1))
        return Answer(200, {"created": 1, "data": data})


def _picture_for(asked: Mapping[str, Any]) -> bytes:
    """What is asked for, as far as this upstream can make it."""
    width, _, height = asked.get("size", "64x64").partition("x")
    if "aspect_ratio" in asked:
        across, _, down = asked["aspect_ratio"].partition(":")
        edge = 1024 * float(asked["resolution"].rstrip("K")) if "resolution" in asked else 64
        stretch = math.sqrt(int(across) / int(down))
        width, height = round(edge * stretch), round(edge / stretch)
    format = asked.get("output_format", "png")
    mode = "RGBA" if asked.get("background") == "transparent" else "RGB"
    return picture(int(width), int(height), format if format != "svg" else "png", mode)


def in_chat(image: str) -> dict[str, Any]:
    """A picture in base64 as chat completions have it."""
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}


def _makes_images(request: Received) -> bool:
    return "/images/" in request.path or request.path.endswith("/chat/completions")


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    await write(writer, answer.status, {"content-type": "application/json", **answer.headers}, body)
