"""What a call costs through our Router, beside what a user would pick instead.

One run, interleaved rounds, one upstream process on loopback; ratios are taken inside a round and
the median of the rounds is shown. Read the ratios: absolute times belong to the machine.

    python benchmarks/library.py [--rounds 5] [--seconds 0.6]

Rows whose package is not installed are left out and named.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Ask = Callable[[], Awaitable[object]]
Row = Callable[[str], contextlib.AbstractAsyncContextManager[Ask]]
BODY = {"model": "m", "prompt": "a lighthouse at dusk", "n": 1}
KINDS = ("small", "image")


def router_over(transport: str) -> Row:
    @contextlib.asynccontextmanager
    async def row(url: str) -> AsyncIterator[Ask]:
        from routercore import Router
        from routercore.provider import ModelCard, NoAuth, Row, hookimpl

        class Plugin:
            @hookimpl
            def routercore_providers(self) -> list[Row]:
                cards = (ModelCard(id="m"),)
                return [Row(name="bench", auth=NoAuth(), origins=(url,), cards=cards)]

        config = {"providers": {"bench": {"base_url": url}}}
        options = {"plugins": [("bench", Plugin())], "transport": make_transport(transport)}
        async with Router.from_config(config, **options) as router:
            yield lambda: router.generate("a lighthouse at dusk", model="bench:m")

    return row


def make_transport(name: str) -> Any:
    if name == "fast":
        from routercore.engine.transport.fast import FastTransport

        return FastTransport()
    from routercore.engine.transport.portable import PortableTransport

    return PortableTransport()


def bare(transport: str) -> Row:
    @contextlib.asynccontextmanager
    async def row(url: str) -> AsyncIterator[Ask]:
        from routercore.provider import post_json

        client = make_transport(transport)

        async def ask() -> object:
            return (await client.send(post_json(f"{url}/images/generations", BODY))).json()

        yield ask
        await client.close()

    return row


def httpx_like(module: str) -> Row:
    @contextlib.asynccontextmanager
    async def row(url: str) -> AsyncIterator[Ask]:
        library = __import__(module)
        limits = library.Limits(max_connections=600, max_keepalive_connections=600)
        async with library.AsyncClient(limits=limits, timeout=60) as client:

            async def ask() -> object:
                return (await client.post(f"{url}/images/generations", json=BODY)).json()

            yield ask

    return row


@contextlib.asynccontextmanager
async def openai_sdk(url: str) -> AsyncIterator[Ask]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="sk-none", base_url=url, max_retries=0) as client:
        yield lambda: client.images.generate(**BODY)


@contextlib.asynccontextmanager
async def litellm_router(url: str) -> AsyncIterator[Ask]:
    import os

    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    params = {"model": "openai/m", "api_base": url, "api_key": "sk-none"}
    router = litellm.Router([{"model_name": "m", "litellm_params": params}], num_retries=0)
    yield lambda: router.aimage_generation(model="m", prompt=BODY["prompt"], n=1)


ROWS: dict[str, tuple[str, Row]] = {
    "bare transport (fast)": ("aiohttp", bare("fast")),
    "bare transport (portable)": ("httpx2", bare("portable")),
    "routercore (fast)": ("aiohttp", router_over("fast")),
    "routercore (portable)": ("httpx2", router_over("portable")),
    "httpx2": ("httpx2", httpx_like("httpx2")),
    "httpx": ("httpx", httpx_like("httpx")),
    "openai SDK": ("openai", openai_sdk),
    "LiteLLM Router": ("litellm", litellm_router),
}


async def rate(ask: Ask, together: int, seconds: float) -> tuple[float, float]:
    """Calls a second, and CPU microseconds a call of this process."""
    count, end = 0, time.perf_counter() + seconds
    began, cpu = time.perf_counter(), time.process_time()

    async def worker() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await ask()
            count += 1

    await asyncio.gather(*(worker() for _ in range(together)))
    wall = time.perf_counter() - began
    return count / wall, (time.process_time() - cpu) / max(count, 1) * 1e6


async def measure(rows: dict[str, Row], port: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Rates and CPU of every row, kind and number in flight, round by round."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in rows}
    for kind in KINDS:
        url = f"http://127.0.0.1:{port}/{kind}"
        for together in (1, 64):
            for number in range(rounds + 1):
                for name, row in rows.items():
                    async with row(url) as ask:
                        await ask()
                        figures = await rate(ask, together, seconds)
                    if number:  # The first round warms up.
                        found[name].setdefault(f"{kind} {together}", []).append(figures)
    return found


@contextlib.contextmanager
def upstream() -> Iterator[int]:
    script = Path(__file__).with_name("upstream.py")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, script], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def table(found: dict[str, dict[str, list[tuple[float, float]]]], base: str) -> str:
    """Markdown: calls a second and CPU a call, each with its ratio to ``base``."""
    columns = list(found[base])
    head = "| row | " + " | ".join(f"{c}: calls/s | x | CPU µs | x" for c in columns) + " |"
    lines = [head, "|---|" + "---:|" * 4 * len(columns)]
    for name, cells in found.items():
        parts = []
        for column in columns:
            ours, theirs = cells[column], found[base][column]
            for index in (0, 1):
                median = statistics.median(figure[index] for figure in ours)
                ratios = [a[index] / b[index] for a, b in zip(ours, theirs, strict=True)]
                parts += [f"{median:,.0f}", f"{statistics.median(ratios):.2f}"]
        lines.append(f"| {name} | " + " | ".join(parts) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {name: row for name, (package, row) in ROWS.items() if find_spec(package)}
    with upstream() as port:
        found = asyncio.run(measure(rows, port, arguments.rounds, arguments.seconds))
    print(json.dumps(found) if arguments.json else table(found, "httpx2"))  # noqa: T201
    for name in ROWS.keys() - rows.keys():
        print(f"left out, not installed: {name}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
