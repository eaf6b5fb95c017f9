"""Several images in one stream: what was complete when it ended is kept, and paid for once."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from tests.engine.kit import CARD, Kit, asking, provider

from routercore.engine.transport.base import Phase
from routercore.provider import Row, bearer
from routercore.testing.providers import PNG
from routercore.testing.transport import Hanging, Streamed, lost
from routercore.values.events import Completed
from routercore.values.images import ImageResult
from routercore.values.ledger import Kind

DONE = {"type": "image_generation.completed", "b64_json": base64.b64encode(PNG).decode()}


def event(data: object) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def streaming(end: bytes | Exception | Hanging) -> Kit:
    """A service whose stream has one image and then ``end``, and another behind it."""
    row = Row(name="a", origins=("https://a.example",), auth=bearer("A_KEY"),
              cards=(replace(CARD, partial_images=3),))  # fmt: skip
    setup = replace(provider("a"), provider=row)
    return Kit(setup, "b", answers={"a": [Streamed((event(DONE), end))]})


async def streamed(kit: Kit) -> ImageResult:
    async def last() -> ImageResult:
        *_, end = [item async for item in kit.engine.stream(asking(n=2))]
        assert isinstance(end, Completed)
        return end.result

    return await kit.clock.run(last())


@pytest.mark.parametrize("end", [Hanging(), lost(Phase.HEADERS), event({"type": "error"})])
async def test_what_was_complete_is_kept(end: bytes | Exception | Hanging) -> None:
    """However the stream ends, by its time too, no other target is asked for what is there."""
    kit = streaming(end)
    result = await streamed(kit)
    assert (1, 1, ["a"]) == (len(result.images), len(result.missing), kit.asked)
    (page,) = await kit.ledger.log()
    assert [Kind.SUSPECT] == [one.last.kind for one in page.attempts]


async def test_why_the_others_are_missing() -> None:
    """A refusal after the first image is told for those that are missing, without the prompt."""
    refusal = {"code": "moderation_blocked", "message": "a heron is not allowed"}
    kit = streaming(event({"error": refusal}))
    (missing,) = (await streamed(kit)).missing
    assert ("moderation_blocked", False) == (missing.code, "heron" in missing.message)
