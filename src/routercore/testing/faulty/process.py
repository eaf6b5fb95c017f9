"""An image service that fails to order and keeps its own invoice, in a process of its own.

It shares no code with routercore: the standard library alone, so that both cannot be wrong in the
same way. Run it by its path from any test suite, in any language::

    python process.py --invoice FILE [--price MICROS] [--script FILE]

The first line on its standard output is ``{"port": 12345}``. After that every line of JSON on its
standard input is a command, and is answered by one line with the same ``id``. It ends with its
standard input. :class:`routercore.testing.faulty.FaultyUpstream` speaks all of this.

Every image is written to the invoice, and flushed, before anything else is done about its request;
its nonce is painted into it in eight bars of grey.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import secrets
import socket
import struct
import sys
import time
import zlib
from collections import deque
from typing import Any

Step = dict[str, Any]
BARS = 8
FREE = "answer"
"""Done without accepting the work; all else is invoiced unless the step says ``bill``."""
CHUNK = bytes(64 * 1024)


def painted(nonce: str, width: int = 64, height: int = 64) -> bytes:
    """A PNG of eight bars of grey, one for each digit of the nonce."""
    row = bytes(int(nonce[x * BARS // width], 16) * 17 for x in range(width))
    pixels = zlib.compress((b"\0" + row) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Request:
    """One request that arrived whole."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.fields: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}

    @property
    def kind(self) -> str:
        """What a step must be ``on`` to be about it."""
        if self.method == "POST":
            return "cancel" if self.path.endswith("/cancel") else "make"
        for kind, place in (("find", "/jobs?"), ("poll", "/jobs/"), ("result", "/results/")):
            if place in self.path:
                return kind
        return "look"


class Upstream:
    """The service: what it was told to do, what it has seen, and what it has accepted."""

    def __init__(self, invoice: int, price: int, steps: list[Step]) -> None:
        self.invoice, self.price = invoice, price
        self.steps: deque[Step] = deque(steps)
        self.seen: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.accepted = self.open = 0
        self.changed = asyncio.Condition()
        self.gate = asyncio.Event()
        self.server: asyncio.Server | None = None
        self.port = 0
        self.connections: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        self.server = await asyncio.start_server(self.serve, sock=listener)

    def stop(self) -> None:
        """Close the port and reset every connection, as a machine whose plug is pulled."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.connections):
            reset(writer)

    def next_step(self, kind: str) -> Step | None:
        """The first step on that kind of request; it is gone when its ``times`` are used up."""
        for step in self.steps:
            if step.get("on", "make") == kind:
                times = step.get("times", 1)
                if times == 1:
                    self.steps.remove(step)
                elif times:
                    step["times"] = times - 1
                return step
        return None

    def bill(self, request: Request, count: int) -> list[str]:
        """Accept the work: write every image down, before anything else happens."""
        nonces = [secrets.token_hex(BARS // 2) for _ in range(count)]
        attempt = request.headers.get("idempotency-key", "")
        for nonce in nonces:
            line = {"attempt": attempt, "micros": self.price, "nonce": nonce, "at": time.time()}
            os.write(self.invoice, json.dumps(line).encode() + b"\n")
        return nonces

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        self.connections.add(writer)
        try:
            step = self.next_step("accept")
            if step is not None:
                return await self.wreck(step, reader, writer)
            while (request := await read(reader)) is not None:
                await self.note(request)
                if not await self.answer(request, reader, writer):
                    return None
        except (ConnectionError, asyncio.IncompleteReadError):
            return None
        finally:
            writer.close()
            self.connections.discard(writer)
            self.open -= 1
            await self.tell()

    async def note(self, request: Request) -> None:
        self.seen.append({
            "kind": request.kind, "method": request.method, "path": request.path,
            "headers": request.headers, "fields": request.fields, "connection": self.accepted,
            "at": time.time(),
        })  # fmt: skip
        await self.tell()

    async def answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Do what the script says; whether the connection may be used again."""
        step = self.next_step(request.kind) or {"do": "serve"}
        nonces: list[str] = []
        if request.kind == "make" and step.get("bill", step["do"] != FREE):
            nonces = self.bill(request, int(request.fields.get("n", 1)))
        if "/jobs" in request.path and nonces:
            nonces = [self.begin(request, nonces, step)]
        if step.get("gate"):
            await self.at_gate(reader)
        if step.get("after"):
            await asyncio.sleep(step["after"])
        status, headers, body = self.reply(request, step, nonces)
        return await self.send(step, status, headers, body, reader, writer)

    def begin(self, request: Request, nonces: list[str], step: Step) -> str:
        id = f"job-{secrets.token_hex(6)}"
        reference = request.headers.get("idempotency-key")
        self.jobs[id] = {"id": id, "status": "running", "nonces": nonces, "reference": reference,
                         "polls": step.get("polls", 1)}  # fmt: skip
        return id

    async def at_gate(self, reader: asyncio.StreamReader) -> None:
        """Wait for the gate; a client that hangs up meanwhile ends it."""
        opened = asyncio.ensure_future(self.gate.wait())
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({opened, gone}, return_when=asyncio.FIRST_COMPLETED)
        left = not opened.done()
        for one in (opened, gone):
            one.cancel()
        await asyncio.wait({opened, gone})
        if left:
            raise ConnectionError

    def reply(
        self, request: Request, step: Step, nonces: list[str]
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body that the step asks for, or the right ones."""
        headers = {"content-type": "application/json", "x-request-id": secrets.token_hex(8),
                   **step.get("headers", {})}  # fmt: skip
        status = step.get("status", 200)
        if "base64" in step:
            return status, headers, base64.b64decode(step["base64"])
        if "json" in step:
            return status, headers, json.dumps(step["json"]).encode()
        if "text" in step:
            return status, headers, step["text"].encode()
        if request.kind == "result":
            nonce = request.path.rpartition("/")[2].partition(".")[0]
            return status, {**headers, "content-type": "image/png"}, painted(nonce)
        return status, headers, json.dumps(self.right(request, step, nonces)).encode()

    def right(self, request: Request, step: Step, nonces: list[str]) -> Any:
        """The right answer to a request."""
        if request.kind == "find":
            reference = request.path.partition("reference=")[2]
            return {"jobs": [j for j in self.jobs.values() if j["reference"] == reference]}
        if "/jobs" in request.path:
            id = nonces[0] if nonces else request.path.split("/jobs/")[1].partition("/")[0]
            return self.job(self.jobs.get(id, {"id": id, "status": "unknown"}), request, step)
        if request.kind != "make":
            return {"object": "list", "data": []}
        size = str(request.fields.get("size", "64x64")).split("x")
        images = [self.image(nonce, step, *map(int, size)) for nonce in nonces]
        return {"created": 1, "data": images[: step.get("gives", len(images))],
                **step.get("more", {})}  # fmt: skip

    def image(self, nonce: str, step: Step, width: int, height: int) -> dict[str, Any]:
        if step.get("form") == "url":
            default = f"http://127.0.0.1:{self.port}/results/{{nonce}}.png"
            return {"url": str(step.get("url", default)).replace("{nonce}", nonce)}
        whole = painted(nonce, width, height)
        if "image" in step:
            return {"b64_json": step["image"]}
        return {"b64_json": base64.b64encode(whole[: step.get("keep", len(whole))]).decode()}

    def job(self, job: dict[str, Any], request: Request, step: Step) -> dict[str, Any]:
        if request.kind == "cancel":
            job["status"] = "cancelled"
        if request.kind == "poll" and job["status"] == "running" and step["do"] != "pending":
            job["polls"] -= 1
            job["status"] = "running" if job["polls"] > 0 else "done"
        urls = [f"http://127.0.0.1:{self.port}/results/{n}.png" for n in job.get("nonces", ())]
        result = {"urls": urls} if job["status"] == "done" else {}
        return {"id": job["id"], "status": job["status"], **result}

    async def send(
        self, step: Step, status: int, headers: dict[str, str], body: bytes,
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    ) -> bool:  # fmt: skip
        """Write the answer, whole or as badly as the step says."""
        does = step["do"]
        if does in ("reset", "close", "hang"):
            await self.wreck(step, reader, writer)
            return False
        if does == "flood":
            await flood(step, writer)
            return False
        if does == "truncate":
            headers["connection"] = "close"
        else:
            headers["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode())
        half = body[: len(body) // 2]
        match does:
            case "cut" | "stall" | "truncate":
                writer.write(half)
                await writer.drain()
                if does == "stall":
                    await reader.read()
                elif step.get("reset"):
                    reset(writer)
                return False
            case "trickle":
                for byte in body:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(step.get("every", 1.0))
            case _:
                writer.write(body)
        await writer.drain()
        if does == "linger":  # The connection looks alive, and is reset by the next request on it.
            await reader.read(1)
            reset(writer)
            return False
        return True

    async def wreck(
        self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """End a connection without an answer."""
        if step["do"] == "reset":
            reset(writer)
        elif step["do"] == "hang":
            await reader.read()

    async def obey(self, command: dict[str, Any]) -> Any:
        """Do what one line on standard input says."""
        match command["do"]:
            case "script":
                self.steps.extend(command["steps"])
            case "forget":
                self.steps.clear()
                self.seen.clear()
                self.jobs.clear()
                self.gate.clear()
                self.accepted = 0
                if self.server is None:
                    await self.listen()
            case "gate":
                self.gate.set() if command["open"] else self.gate.clear()
            case "stop":
                self.stop()
            case "listen":
                await self.listen()
            case "wait":
                async with self.changed:
                    await self.changed.wait_for(lambda: self.count(command["on"]) >= command["n"])
            case "idle":
                async with self.changed:
                    await self.changed.wait_for(lambda: not self.open)
        return {"seen": self.seen, "accepted": self.accepted, "open": self.open, "port": self.port,
                "jobs": list(self.jobs.values())}  # fmt: skip

    def count(self, kind: str) -> int:
        return sum(one["kind"] == kind for one in self.seen)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a RST."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def flood(step: Step, writer: asyncio.StreamWriter) -> None:
    """Send ``size`` bytes, as they are or packed, without saying how many they are."""
    packed = "content-encoding: gzip\r\n" if step.get("packed") else ""
    head = f"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n{packed}connection: close\r\n\r\n"
    writer.write(head.encode())
    size = step["size"] // len(CHUNK)
    if step.get("packed"):
        writer.write(gzip.compress(CHUNK) * size)
        await writer.drain()
        return
    for _ in range(size):
        writer.write(CHUNK)
        await writer.drain()


async def read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def main() -> None:
    parser = argparse.ArgumentParser(description="an image service that fails to order")
    parser.add_argument("--invoice", required=True)
    parser.add_argument("--price", type=int, default=40_000)
    parser.add_argument("--script")
    given = parser.parse_args()
    steps: list[Step] = []
    if given.script:
        with open(given.script, encoding="utf-8") as file:
            steps = json.load(file)
    invoice = os.open(given.invoice, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    asyncio.run(run(Upstream(invoice, given.price, steps)))


async def run(upstream: Upstream) -> None:
    """Serve, and obey, until standard input ends."""
    await upstream.listen()
    say({"port": upstream.port})
    commands = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    obeying = set()
    while line := await commands.readline():
        obeying.add(asyncio.create_task(obeyed(upstream, json.loads(line))))


async def obeyed(upstream: Upstream, command: dict[str, Any]) -> None:
    say({"id": command.get("id"), **await upstream.obey(command)})


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
