"""The embedded provider played without an engine, and pictures to bring to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops

from routercore.provider import (
    Effect,
    Emit,
    Fault,
    Flow,
    Generated,
    InputImage,
    ProviderFailed,
    Run,
    Size,
    Task,
    Wait,
)
from routercore.providers.test import TestProvider
from routercore.providers.test.cards import TEST

SMALL = Size(96, 64)


@dataclass
class Played:
    """What a flow did and came to."""

    result: Generated | None = None
    waits: list[float] = field(default_factory=list)
    notices: list[object] = field(default_factory=list)
    failed: ProviderFailed | None = None

    @property
    def data(self) -> bytes:
        assert self.result is not None
        return self.result.images[0].data or b""

    @property
    def image(self) -> Image.Image:
        return Image.open(BytesIO(self.data))

    @property
    def fault(self) -> Fault | None:
        return self.failed.failure.fault if self.failed else None

    def of(self, kind: type) -> list[Any]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


async def play(flow: Flow[Generated]) -> Played:
    """Drive a flow: run what it runs, let no time pass, keep what it tells."""
    played, reply = Played(), None
    try:
        while True:
            effect: Effect = flow.send(reply)
            reply = None
            if isinstance(effect, Run):
                reply = await asyncio.to_thread(effect.function)
            elif isinstance(effect, Wait):
                played.waits.append(effect.seconds)
            elif isinstance(effect, Emit):
                played.notices.append(effect.notice)
            else:
                raise AssertionError(f"the provider makes no calls, yet asked for {effect}")
    except StopIteration as stop:
        played.result = stop.value
    except ProviderFailed as error:
        played.failed = error
    return played


def task(prompt: str = "a quiet lake at dawn", **changes: Any) -> Task:
    changes = {"size": SMALL, "card": TEST, "base_url": "http://test.invalid", **changes}
    return Task(prompt=prompt, **changes)


def make(prompt: str = "a quiet lake at dawn", **changes: Any) -> Played:
    return asyncio.run(play(TestProvider().generate(task(prompt, **changes))))


def rehearse(options: dict[str, Any], times: int = 1, **changes: Any) -> list[Played]:
    async def run() -> list[Played]:
        provider = TestProvider()
        return [
            await play(provider.generate(task(options=options, **changes))) for _ in range(times)
        ]

    return asyncio.run(run())


def faults(played: Sequence[Played]) -> list[str]:
    return [str(one.fault or "ok") for one in played]


def source(
    color: tuple[int, ...] = (200, 60, 30), edges: tuple[int, int] = (80, 50)
) -> Image.Image:
    """A picture with something in every corner."""
    mode = "RGBA" if len(color) == 4 else "RGB"
    image = Image.new(mode, edges, color)
    shade = Image.linear_gradient("L").resize(edges)
    return ImageChops.multiply(image, Image.merge(mode, (shade,) * 3 + image.split()[3:]))


def brought(image: Image.Image) -> InputImage:
    out = BytesIO()
    image.save(out, "PNG")
    return InputImage.of(out.getvalue())


def hole(edges: tuple[int, int] = (80, 50),
         box: tuple[int, int, int, int] = (20, 10, 60, 40)) -> Image.Image:  # fmt: skip
    """A mask that opens a box, with half-transparent pixels beside it, which do not count."""
    mask = Image.new("RGBA", edges, (0, 0, 0, 255))
    mask.paste((9, 9, 9, 128), (0, 0, 10, edges[1]))
    mask.paste((0, 0, 0, 0), box)
    return mask
