"""What vendors quote in their messages stays out of events, logs, the ledger and errors."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from tests.engine.kit import Kit, provider

from routercore.engine.quoting import unquoted
from routercore.testing.transport import json_answer
from routercore.values.errors import RouterError
from routercore.values.faults import Failure, Fault
from routercore.values.images import Settings

PROMPT = "a lighthouse that nobody may hear of, at dusk"
KEY = "sk-0123456789abcdef"


def quoting(message: str) -> Any:
    return json_answer({"error": {"message": message}}, 500)


@pytest.mark.parametrize("quoted", [PROMPT, PROMPT[:20], KEY])
async def test_nothing_that_was_sent_is_kept_by_a_message(
    quoted: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor that quotes the prompt, whole or cut off, or the key, has it kept nowhere."""
    answers = {"near": [quoting(f"cannot do '{quoted}…' now")]}
    kit = Kit(provider("near", keys=(KEY,)), answers=answers)
    with pytest.raises(RouterError) as caught:
        await kit.generate(prompt=PROMPT)
    written = [asdict(one) for one in await kit.ledger.open_attempts()]
    told = repr([kit.events, written, caught.value.attempts]) + caplog.text + str(caught.value)
    assert "cannot do '[" in told
    assert quoted not in told


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"no {PROMPT}!", "no [prompt]!"),
        ("a light is not a house", "a light is not a house"),
        ("of fog and rain, none", "of [prompt], none"),
        ("", ""),
    ],
)
def test_unquoted(said: str, left: str) -> None:
    """The words around a quotation stay, and so do words that are everybody's."""
    asked = Settings(prompt=PROMPT, negative_prompt="fog and rain")
    failure = unquoted(Failure(fault=Fault.SERVER_ERROR, message=said), asked)
    assert failure is not None
    assert left == failure.message
