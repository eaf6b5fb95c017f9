"""What vendors quote in their messages of what they were sent, taken out where it comes in."""

from __future__ import annotations

from dataclasses import replace

from routercore.values.faults import Failure
from routercore.values.images import Settings

SHORTEST = 8
"""Characters of a quotation that is told from ordinary words."""


def unquoted(
    failure: Failure | None, asked: Settings | None = None, secret: str | None = None
) -> Failure | None:
    """The failure without the key and the prompt in its message.

    Events, logs and the ledger keep messages, and promise to keep neither. A prompt is also known
    by its beginning: vendors cut it off. What they say of it in words of their own stays.
    """
    if failure is None:
        return None
    message = failure.message
    if secret and len(secret) >= SHORTEST:
        message = message.replace(secret, "[key]")
    for text in (asked.prompt, asked.negative_prompt or "") if asked else ():
        quoted = _quoted(message, text)
        message = message.replace(quoted, "[prompt]") if quoted else message
    return failure if message == failure.message else replace(failure, message=message)


def _quoted(message: str, text: str) -> str:
    """The longest beginning of a text that the message has; empty where it is short."""
    low, high = 0, min(len(text), len(message))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[:middle] in message else (low, middle - 1)
    return text[:low] if low >= SHORTEST else ""
