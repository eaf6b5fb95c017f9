"""What stands behind the providers of a rehearsal: stand-ins that act as an outage says."""

from __future__ import annotations

import asyncio
import base64
import io
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache

from routercore.engine.setup import ProviderSetup
from routercore.engine.transport.base import (
    MAX_RESPONSE_BYTES,
    OpenResponse,
    Phase,
    TransportError,
)
from routercore.provider.auth import Auth, NoAuth
from routercore.provider.flow import Flow, call
from routercore.provider.http import HttpRequest, HttpResponse, post_json
from routercore.provider.spec import API_VERSION
from routercore.testing.rehearsal.outages import Act
from routercore.testing.transport import json_answer
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Failure, Fault
from routercore.values.images import Generated, RawImage, Task
from routercore.values.sizes import Size

STAGE = "https://stage.invalid"
NEVER = 86_400.0
QUICK = 0.3
"""Seconds in which a provider says no."""
SLOWER = 10
JITTER = 0.2
"""By how much of a model's usual time calls differ."""
REFUSALS: Mapping[Act, tuple[int, Fault]] = {
    Act.RATE_LIMITED: (429, Fault.RATE_LIMITED),
    Act.FAILS: (500, Fault.SERVER_ERROR),
    Act.REFUSES: (400, Fault.REFUSED),
    Act.NO_CREDIT: (402, Fault.QUOTA),
}
RETRY_AFTER = 30.0
BILLED_FAILURES = 0.5
"""Share of failures that are billed all the same, which nobody says."""
USUAL_SIZE = Size(1024, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A provider's place on the stage: its name, cards and rhythm, and nobody behind it."""

    name: str
    place: str
    """Its name in the configuration, which is what an outage knows it by."""
    cards: Sequence[ModelCard]
    api_version: int = API_VERSION
    auth: Auth = field(default_factory=NoAuth)
    origins: Sequence[str] = (STAGE,)

    def catalogue(self) -> Sequence[ModelCard]:
        return self.cards

    def generate(self, task: Task) -> Flow[Generated]:
        size = task.size or USUAL_SIZE
        body = {
            "key": task.idempotency_key, "seconds": task.card.latency, "n": task.n,
            "size": [size.width, size.height],
            "format": task.output_format or task.card.formats[0],
        }  # fmt: skip
        reply = yield from call(post_json(f"{STAGE}/{self.place}", body))
        images = [RawImage(base64=text) for text in reply.json()["images"]]
        return Generated(images=tuple(images))

    def classify(self, response: HttpResponse) -> Failure:
        told = response.header("retry-after")
        return Failure(
            fault=Fault(response.json()["fault"]), message="as the rehearsal has it",
            status=response.status, retry_after=None if told is None else float(told),
        )  # fmt: skip


def on_stage(setup: ProviderSetup) -> ProviderSetup:
    """The provider with a stand-in in its place; its keys, limits and cards stay."""
    provider = setup.provider
    stand_in = StandIn(name=provider.name, place=setup.name, cards=tuple(provider.catalogue()))
    return ProviderSetup(
        name=setup.name, provider=stand_in, keys=setup.keys, limits=setup.limits,
        budget=setup.budget, cards=setup.cards,
    )  # fmt: skip


class Stage:
    """A :class:`routercore.engine.transport.base.Transport` that ends on a stage.

    Args:
        acts: what the provider of a name does with a call at a time of the running loop.
        random: how long each call takes, and what is billed for failures.
    """

    name = "stage"

    def __init__(self, acts: Callable[[str, float], Act], random: random.Random) -> None:
        self._acts = acts
        self.calls: Counter[str] = Counter()
        """Calls that reached, or tried to reach, each provider."""
        self.invoice: dict[str, int] = {}
        """Images that were begun, by the idempotency key of their call: all are billed."""
        self._random = random

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        place = request.url.removeprefix(f"{STAGE}/")
        asked = request.json
        assert isinstance(asked, Mapping)
        self.calls[place] += 1
        act = self._acts(place, asyncio.get_running_loop().time())
        if act is Act.UNREACHABLE:
            raise TransportError("connection refused", Phase.NOT_SENT)
        if act not in REFUSALS or (act is Act.FAILS and self._random.random() < BILLED_FAILURES):
            self.invoice[asked["key"]] = asked["n"]
        await asyncio.sleep(self._seconds(act, asked["seconds"]))
        if act in REFUSALS:
            status, fault = REFUSALS[act]
            wait = {"retry_after": str(RETRY_AFTER)} if act is Act.RATE_LIMITED else {}
            return json_answer({"fault": fault}, status, **wait)
        count = 0 if act is Act.LIES else asked["n"]
        width, height = asked["size"]
        return json_answer({"images": [picture(width, height, asked["format"])] * count})

    def open(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> AbstractAsyncContextManager[OpenResponse]:  # fmt: skip
        raise TransportError("nothing is streamed on a stage", Phase.NOT_SENT)

    async def close(self) -> None:
        """Let go of nothing: nothing is held."""

    def _seconds(self, act: Act, usual: float) -> float:
        if act is Act.SILENT:
            return NEVER
        if act in REFUSALS:
            return QUICK
        usual *= 1 + self._random.uniform(-JITTER, JITTER)
        return usual * SLOWER if act is Act.SLOW else usual


@cache
def picture(width: int, height: int, format: str) -> str:
    """A plain picture in base64; a PNG where the format cannot be drawn."""
    from PIL import Image

    drawn = io.BytesIO()
    written = format if format in ("png", "jpeg", "webp") else "png"
    Image.new("RGB", (width, height), (88, 101, 92)).save(drawn, written)
    return base64.b64encode(drawn.getvalue()).decode("ascii")
