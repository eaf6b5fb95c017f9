"""What no target can do ends before anything is used up or fetched."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.engine.kit import CARD, Kit, asking, provider

from routercore.engine.setup import CacheSetup, Caller, Limits
from routercore.provider.http import HttpResponse
from routercore.testing.providers import PNG
from routercore.values.errors import UnsupportedError
from routercore.values.images import InputImage, Operation
from routercore.values.money import Per, usd
from routercore.values.sizes import InputSize

ONCE = Caller(name="team", limits=Limits(requests=1))
PICTURE = InputImage(url="https://pictures.example/cat.png")


async def test_what_nobody_can_do_uses_nothing_up() -> None:
    """It is refused before it counts, and before its pictures are fetched."""
    kit = Kit("a")
    for wish in ({"images": (PICTURE,)}, {"output_format": "svg"}):
        assert isinstance(await kit.error(caller=ONCE, **wish), UnsupportedError)
    assert ([], []) == (kit.asked, await kit.ledger.log())
    await kit.generate(caller=ONCE)


@pytest.mark.parametrize(("most", "asked"), [("0.02", ["pictures", "a"]), ("0.01", ["pictures"])])
async def test_a_price_by_the_picture_waits_for_it(most: str, asked: list[str]) -> None:
    """Where an edit is charged by its picture's size, the ceiling applies once that is there."""
    edits = replace(CARD, operations=frozenset({Operation.EDIT}), max_images=1, sizes=InputSize(),
                    prices=(usd("0.02", Per.MEGAPIXEL),))  # fmt: skip
    found = HttpResponse(status=200, body=PNG)
    kit = Kit(provider("a", cards=(edits,)), answers={"pictures": [found]})
    request = asking(images=(PICTURE,), max_price=Decimal(most))
    with suppress(UnsupportedError):
        await kit.clock.run(kit.engine.generate(request))
    assert asked == kit.asked


async def test_what_is_remembered_is_free_at_any_ceiling() -> None:
    """A request for which every target is too dear still gets what an equal one has brought."""
    kit = Kit("a", cache=CacheSetup(ttl=60.0))
    await kit.generate()
    assert "hit" == (await kit.generate(max_price=Decimal("0.01"))).cache
