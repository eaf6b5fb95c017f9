"""Kills routers at random moments, over and over, and then asks what became of the money."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.crash import books, routers

from routercore.state.ledger import open_ledger
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.values.ledger import Sweep

SIDE_BY_SIDE = 2
"""Routers that share the ledger."""
PER_ROUND = 10
"""Kills after which nobody lives: seven under load, the last two routers, and one collector."""
LONGEST_LIFE = 0.9
"""Seconds between two kills, at most."""
UNHURRIED = steps.serve(polls=3, after=0.04, times=0)
"""Every answer takes a moment, and every job a few polls."""


START = multiprocessing.get_context("forkserver")
"""Processes come from one that has imported everything and run nothing."""
START.set_forkserver_preload(["tests.crash.warm"])


class Killer:
    """Starts processes, and ends them as a power cut would."""

    def __init__(self, scene: routers.Scene) -> None:
        self.scene, self.rng, self.kills = scene, random.Random(scene.seed), 0
        self._numbers = count()

    def start(self, work: Callable[..., None], *more: Any) -> BaseProcess:
        process = START.Process(target=work, args=(self.scene, *more), daemon=True)
        process.start()
        return process

    def router(self) -> BaseProcess:
        return self.start(routers.serve, next(self._numbers))

    def kill(self, process: BaseProcess) -> None:
        process.kill()
        process.join()
        self.kills += 1

    def round(self) -> None:
        """Ten kills: of routers under load, one after the other, and of one of two collectors."""
        alive = [self.router() for _ in range(SIDE_BY_SIDE)]
        for _ in range(PER_ROUND - SIDE_BY_SIDE - 1):
            time.sleep(self.rng.uniform(0.0, LONGEST_LIFE))
            victim = self.rng.randrange(SIDE_BY_SIDE)
            self.kill(alive[victim])
            alive[victim] = self.router()
        time.sleep(self.rng.uniform(0.0, LONGEST_LIFE))
        for process in alive:
            self.kill(process)
        first, second = (self.start(routers.rescue) for _ in range(2))
        time.sleep(self.rng.uniform(0.0, LONGEST_LIFE / 2))
        self.kill(first)
        second.join()


def run(folder: Path, *, kills: int, seed: int, clients: int = 8) -> books.Books:
    """Kill that often, collect and reconcile; what was found, and what is wrong."""
    with FaultyUpstream(folder / "invoice") as upstream:
        upstream.script(UNHURRIED)
        scene = routers.Scene(folder=folder, base_url=upstream.base_url, seed=seed, clients=clients)
        killer = Killer(scene)
        while killer.kills < kills:
            killer.round()
        return asyncio.run(_settled(scene, upstream, killer.kills))


async def _settled(scene: routers.Scene, upstream: FaultyUpstream, kills: int) -> books.Books:
    later = routers.Later()
    fates = await routers.collect(scene, later, even_if_leased=False)
    ledger = open_ledger(scene.ledger)
    try:
        await ledger.sweep(Sweep(now=later.now()))
        invoice = upstream.invoice()
        delivered, stored = scene.kept("delivered"), scene.kept("stored")
        got = set(delivered), set(stored)
        found = books.examine(await books.every_request(ledger), invoice, *got)
        equal = await books.reconcile(ledger, invoice)
        again = books.examine(await books.every_request(ledger), invoice, *got)
    finally:
        await ledger.close()
    found.counts["kills"] = kills
    found.counts["handed over twice"] = len(stored) - len(set(stored))
    found.counts.update({f"in the end {fate}": number for fate, number in fates.items() if number})
    found.counts.update(equal.counts)
    found.wrong += equal.wrong + again.wrong
    return found
