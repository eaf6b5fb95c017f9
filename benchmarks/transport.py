"""What one exchange costs through each HTTP client, beside a floor that is no client at all.

One run, interleaved rounds, one upstream process on loopback; ratios to httpx are taken inside a
round and the median of the rounds is shown. Read the ratios: absolute times belong to the machine.

    python benchmarks/transport.py [--rounds 3] [--seconds 0.5]

The transports send a billable request on a connection of its own; the rows that say "shared" let
them use one connection again, as all the others do. Every row ends with parsed JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec

from library import BODY, Ask, Row, httpx_like, make_transport, rate, table, upstream

CELLS = (("small", 1), ("small", 64), ("small", 512), ("image", 1), ("image", 64))


def transport(name: str, *, shared: bool) -> Row:
    @contextlib.asynccontextmanager
    async def row(url: str) -> AsyncIterator[Ask]:
        from routercore.provider import post_json

        client = make_transport(name)
        request = post_json(f"{url}/images/generations", BODY, billable=not shared)

        async def ask() -> object:
            return (await client.send(request)).json()

        yield ask
        await client.close()

    return row


@contextlib.asynccontextmanager
async def plain_aiohttp(url: str) -> AsyncIterator[Ask]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask() -> object:
            async with session.post(f"{url}/images/generations", json=BODY) as response:
                return await response.json()

        yield ask


@contextlib.asynccontextmanager
async def pyreqwest(url: str) -> AsyncIterator[Ask]:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().no_proxy().build() as client:

        async def ask() -> object:
            request = client.post(f"{url}/images/generations").body_json(BODY).build()
            return await (await request.send()).json()

        yield ask


@contextlib.asynccontextmanager
async def floor(url: str) -> AsyncIterator[Ask]:
    """A socket for each caller, bytes made before, a length read off the head."""
    from routercore.engine.jsons import dumps, loads

    address, _, kind = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    body = dumps(BODY)
    head = f"POST /{kind}/images/generations HTTP/1.1\r\nhost: {address}\r\n"
    raw = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask() -> object:
        pair = idle.pop() if idle else await asyncio.open_connection(host, int(port), limit=1 << 22)
        pair[1].write(raw)
        answer = await pair[0].readuntil(b"\r\n\r\n")
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        value = loads(await pair[0].readexactly(length))
        idle.append(pair)
        return value

    yield ask
    for _, writer in idle:
        writer.close()


ROWS: dict[str, tuple[str, Row]] = {
    "floor": ("asyncio", floor),
    "pyreqwest": ("pyreqwest", pyreqwest),
    "aiohttp": ("aiohttp", plain_aiohttp),
    "fast transport": ("aiohttp", transport("fast", shared=False)),
    "fast transport, shared": ("aiohttp", transport("fast", shared=True)),
    "portable transport": ("httpx2", transport("portable", shared=False)),
    "portable transport, shared": ("httpx2", transport("portable", shared=True)),
    "httpx2": ("httpx2", httpx_like("httpx2")),
    "httpx": ("httpx", httpx_like("httpx")),
}


async def measure(
    rows: dict[str, Row], port: int, rounds: int, seconds: float
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in rows}
    for kind, together in CELLS:
        for number in range(rounds + 1):
            for name, row in rows.items():
                async with row(f"http://127.0.0.1:{port}/{kind}") as ask:
                    await ask()
                    figures = await rate(ask, together, seconds)
                if number:  # The first round warms up.
                    found[name].setdefault(f"{kind} {together}", []).append(figures)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {name: row for name, (package, row) in ROWS.items() if find_spec(package)}
    with upstream() as port:
        found = asyncio.run(measure(rows, port, arguments.rounds, arguments.seconds))
    print(json.dumps(found) if arguments.json else table(found, "httpx"))  # noqa: T201
    for name in ROWS.keys() - rows.keys():
        print(f"left out, not installed: {name}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
