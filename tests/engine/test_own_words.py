"""What a caller words freely is in its own answer alone: in no header, event or row."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, provider

from routercore.engine.setup import CacheSetup
from routercore.provider import AnySize
from routercore.server.answers import result_headers
from routercore.testing.providers import PNG
from routercore.testing.transport import json_answer
from routercore.values.catalogue import PLAIN_SETTINGS
from routercore.values.errors import RouterError
from routercore.values.images import ImageResult, InputImage, Operation, Settings

WORDS = "own words of mine"
WORDED = sorted(f.name for f in fields(Settings) if "str" in str(f.type) and f.name != "svg")
OTHERS: dict[str, Any] = {
    "svg": {"svg": {"style": WORDS}},
    "options": {"options": {"nobody": {"style": WORDS}}},
    "filename": {"images": (InputImage.of(PNG, filename=WORDS),)},
}
ASKED = {**{name: {name: WORDS} for name in WORDED}, **OTHERS}
OF_ITS_OWN = {"user", "safety_identifier", "quality"}
"""What the ledger has a column for."""
PRIVATE = {"prompt", "negative_prompt", "user", "safety_identifier"}
SPARSE = replace(CARD, operations=frozenset(Operation), max_images=1)
LAVISH = replace(
    SPARSE, accepts=PLAIN_SETTINGS, negative_prompt=True, sizes=AnySize(), choose_format=True,
)  # fmt: skip
LISTED = replace(LAVISH, styles=("natural",), fidelities=("low",), qualities=("low", "high"),
                 backgrounds=("opaque",), formats=("png", "webp"))  # fmt: skip


def test_the_table_is_whole() -> None:
    """Every setting that takes text is in it."""
    assert {"prompt", "negative_prompt", "style", "user", "quality"} <= set(WORDED)


async def done(kit: Kit, asked: dict[str, Any]) -> ImageResult | None:
    try:
        return await kit.generate(**asked)
    except RouterError:
        return None


@pytest.mark.parametrize("card", [SPARSE, LAVISH, LISTED], ids=["sparse", "lavish", "listed"])
@pytest.mark.parametrize("is_turned_down", [False, True])
@pytest.mark.parametrize("name", ASKED)
async def test_where_own_words_are(
    name: str, is_turned_down: bool, card: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Honoured, dropped, refused, or turned down upstream: nothing that is kept has the words."""
    refusal = json_answer({"error": {"message": "not this", "param": name}}, 400)
    cards = [provider("a", cards=(card,)), provider("b", cards=(SPARSE,))]
    kit = Kit(*cards, answers={"a": [refusal] if is_turned_down else []})
    result = await done(kit, ASKED[name])
    assert WORDS not in repr(kit.events) + caplog.text
    logged = await kit.ledger.log()
    assert WORDS not in repr([one.attempts for one in logged])
    if name not in OF_ITS_OWN:
        assert WORDS not in repr(logged)
    if result is not None:
        assert WORDS not in repr(result_headers(result))
        if name in PRIVATE:
            assert WORDS not in repr(result.warnings)


@pytest.mark.parametrize("param", ["user", "safety_identifier"])
async def test_who_shares_a_picture_learns_nothing_of_others(param: str) -> None:
    """A result of the cache warns of no user of the request that it was made for."""
    kit = Kit("a", cache=CacheSetup(ttl=60.0))
    first = await kit.generate(**{param: "somebody"})
    shared = await kit.generate(**{param: "somebody else"})
    assert ([param], "hit") == ([one.param for one in first.warnings], shared.cache)
    assert () == shared.warnings
