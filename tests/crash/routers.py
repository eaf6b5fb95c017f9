"""The processes that are killed: routers under load on one ledger, and collectors after them."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.faults.jobs import JobService
from tests.serving import card, provider, router_of

from routercore.engine.clock import SystemClock
from routercore.engine.collecting import Collected, Fate
from routercore.engine.setup import (
    LedgerSetup,
    ProviderSetup,
    Route,
    RouterSetup,
    StoreSetup,
    TargetSetup,
)
from routercore.engine.watching import Watch
from routercore.router import Router
from routercore.state.ledger import open_ledger
from routercore.testing.faulty import nonce_of
from routercore.values.errors import RouterError
from routercore.values.images import Image, ImageRequest
from routercore.values.money import usd

MODELS = ("at-once", "as-job")
CARD = card("poster", prices=(usd("0.04"),), latency=0.1)
"""Every image costs what the upstream writes on its invoice."""


class Later(SystemClock):
    """A clock that is ahead: every lease that the dead have left behind is over."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all processes of one run share."""

    folder: Path
    base_url: str
    seed: int
    clients: int

    @property
    def ledger(self) -> LedgerSetup:
        return LedgerSetup(url=f"sqlite:///{self.folder}/ledger.db")

    def router(self, clock: SystemClock | None = None) -> Router:
        """A router over a provider that answers at once, and one of jobs."""
        service = JobService(name="jobs", origin=self.base_url, cards=(CARD,))
        service.poll_every = 0.05
        providers = (
            replace(provider("images", self.base_url, CARD)),
            ProviderSetup(name="jobs", provider=service, keys=("sk",), base_url=self.base_url),
        )
        targets = ("images:poster", "jobs:poster")
        routes = tuple(
            Route(name=model, targets=(TargetSetup(name=target),))
            for model, target in zip(MODELS, targets, strict=True)
        )
        setup = RouterSetup(
            providers=providers, routes=routes, deadline=30.0, ledger=self.ledger,
            store=StoreSetup(directory=self.folder / "images"),
        )  # fmt: skip
        return router_of(setup, clock=clock, ledger=lambda own, store: open_ledger(own))

    def keep(self, what: str, images: tuple[Image, ...]) -> None:
        """Write down, as durably as a process that is killed can, who has got which images."""
        lines = "".join(f"{nonce_of(image.data)}\n" for image in images)
        file = os.open(self.folder / what, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(file, lines.encode())
        finally:
            os.close(file)

    def kept(self, what: str) -> list[str]:
        """What was written down so far."""
        path = self.folder / what
        return path.read_text(encoding="ascii").split() if path.exists() else []


def serve(scene: Scene, number: int) -> None:
    """Work under load, until the end."""
    asyncio.run(_serve(scene, random.Random(f"{scene.seed}/{number}")))


async def _serve(scene: Scene, rng: random.Random) -> None:
    router = scene.router()

    async def take(collected: Collected) -> None:
        scene.keep("stored", collected.result.images)

    router.on_late_result(take)

    async def client() -> None:
        while True:
            patience = rng.uniform(0.0, 0.3) if rng.random() < 0.1 else None
            request = ImageRequest(
                prompt="a heron", model=rng.choice(MODELS), n=rng.choice((1, 1, 2))
            )
            watch = Watch(keeps_result=True)  # It is completed when it is kept, and not before.
            try:
                async with asyncio.timeout(patience):
                    result = await router.engine.generate(request, watch=watch)
                scene.keep("delivered", result.images)
                watch.kept(True)
            except (RouterError, TimeoutError):
                watch.kept(False)

    async with asyncio.TaskGroup() as group:
        for _ in range(scene.clients):
            group.create_task(client())


def rescue(scene: Scene) -> None:
    """Collect what the dead have left, while none of them lives."""
    asyncio.run(collect(scene, None, even_if_leased=True))


async def collect(
    scene: Scene, clock: SystemClock | None, *, even_if_leased: bool
) -> dict[Fate, int]:
    """Collect, and store every picture before its price is posted."""

    async def take(collected: Collected) -> None:
        scene.keep("stored", collected.result.images)

    async with scene.router(clock) as router:
        return await router.collect(take, seconds=20.0, even_if_leased=even_if_leased)
