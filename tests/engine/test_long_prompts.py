"""Prompts of as many characters as vendors take, through a whole run of the engine."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from tests.engine.kit import CARD, Kit, provider

from routercore.testing.transport import json_answer
from routercore.values.errors import UnsupportedError

SENTENCES = (f"Bird {number} of 'zürich' \\ 鹭\n\"sings\" & 🦊 dances. " for number in range(1000))
LONGEST = "".join(SENTENCES)[:32_000]


def excerpt(start: int, length: int = 60) -> str:
    return LONGEST[start:][:length]


def refusal(message: str, status: int = 500) -> Any:
    return json_answer({"error": {"message": message}}, status)


def told(kit: Kit, *others: Any) -> str:
    """All that is kept of a run."""
    return repr([*kit.events, *others]).lower()


@pytest.mark.parametrize("length", [1, 1000, 31_999, 32_000])
async def test_every_character_arrives(length: int) -> None:
    """What the vendor is asked for is the prompt as it is, whatever its signs are."""
    kit = Kit("a")
    prompt = LONGEST[:length]
    result = await kit.generate(prompt=prompt)
    assert [prompt] == [request.json["prompt"] for request in kit.transport.requests]
    assert 1 == len(result.images)
    assert 32_000 == len(LONGEST)


@pytest.mark.parametrize("start", [0, 15_987, 31_940])
@pytest.mark.parametrize("form", [str, json.dumps, str.upper, repr])
async def test_quotations_from_anywhere_are_not_kept(start: int, form: Any) -> None:
    """An excerpt from the beginning, the middle or the end is taken out, and the reason stays."""
    said = f"Your prompt contains {form(excerpt(start))} that is not allowed"
    kit = Kit("a", answers={"a": [refusal(said, 400)] * 3})
    error = await kit.error(prompt=LONGEST)
    written = [asdict(one) for one in await kit.ledger.open_attempts()]
    kept = told(kit, written, error, error.attempts)
    assert "your prompt contains" in str(error).lower()
    assert "not allowed" in str(error)
    assert not [word for word in ("bird", "zürich", "sings", "dances", "鹭") if word in kept]


async def test_the_next_target_gets_all_of_it() -> None:
    """Where the first vendor fails with a quotation, the second has the prompt whole."""
    kit = Kit("a", "b", answers={"a": [refusal(f"overloaded by {excerpt(300)}", 503)] * 3})
    result = await kit.generate(prompt=LONGEST, negative_prompt=LONGEST[::-1])
    assert {LONGEST} == {request.json["prompt"] for request in kit.transport.requests}
    assert "b" == kit.asked[-1]
    assert "zürich" not in told(kit, result.attempts)


async def test_a_diagnostic_is_told_whatever_the_prompt_is() -> None:
    """Of so many words some are in every message; those that are everybody's stay in it."""
    said = "Invalid size: the width and height of the image must be a multiple of 16"
    kit = Kit("a", answers={"a": [refusal(said)] * 3})
    error = await kit.error(prompt=f"The size of the image must be square. {LONGEST}"[:32_000])
    assert said in str(error)


async def test_a_prompt_too_long_for_a_card_is_not_sent() -> None:
    """One character more than a card takes is refused by number, and the prompt is not quoted."""
    kit = Kit(provider("a", cards=(replace(CARD, max_prompt=31_999),)))
    error = await kit.error(prompt=LONGEST)
    assert isinstance(error, UnsupportedError)
    assert ([], True) == (kit.asked, "32,000" in str(error.rejections))
    assert "zürich" not in told(kit, error, error.rejections)
