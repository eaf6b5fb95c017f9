"""What a client asks of the exchange itself, by headers: an answer later, or the same one again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

from routercore.values.errors import RequestError

KEY_HEADER = "idempotency-key"
MAX_WAIT = 600.0
"""Seconds that ``wait`` may ask for."""
_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """``Prefer`` as RFC 7240 has it, and ``Idempotency-Key``."""

    later: bool = False
    """Answer with a job as soon as the request is known to be good."""
    wait: float = 0.0
    """Seconds to wait for the result before that."""
    key: str | None = None
    """Equal requests under one key are one request."""


def preferences_of(request: Request) -> Preferences:
    """What the headers ask for. A preference that is not understood is none, as its RFC wants.

    Raises:
        RequestError: there is an idempotency key that cannot be one.
    """
    preferred = dict(_preferences(request.headers.getlist("prefer")))
    wait = preferred.get("wait", "")
    return Preferences(
        later="respond-async" in preferred,
        wait=min(float(wait[:6]), MAX_WAIT) if wait.isascii() and wait.isdigit() else 0.0,
        key=_key(request.headers.getlist(KEY_HEADER)),
    )


def _preferences(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Names and values; of those that come twice the first counts, so it comes last here."""
    found = [word.partition(";")[0].partition("=") for line in lines for word in line.split(",")]
    return [(name.strip().lower(), value.strip(' "')) for name, _, value in reversed(found)]


def _key(given: list[str]) -> str | None:
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        message = "An Idempotency-Key is one header of 1 to 255 printable ASCII characters."
        raise RequestError(message, param="Idempotency-Key", code="invalid_header")
    return given[0]
