"""What a faulty upstream can be told to do: one step for each request, in the order given.

A step is plain JSON; these functions only spell it. By default a step is about the next request
that asks for work (``on="make"``: a POST of the Images API or of a job). Others are about the next
``poll``, ``result``, ``cancel`` or ``find``, or about the next connection (``accept``).
``times=0`` repeats a step for ever. ``bill`` says whether the work is accepted, and so invoiced,
first: everything but :func:`answer` does so. ``gate=True`` holds the request until
:meth:`~routercore.testing.faulty.FaultyUpstream.release`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

Step = Mapping[str, Any]


def answer(status: int, json: Any = None, *, text: str | None = None, raw: bytes | None = None,
           headers: Mapping[str, str] | None = None, **more: Any) -> Step:  # fmt: skip
    """Answer without accepting the work."""
    body: dict[str, Any] = {"json": json}
    if text is not None:
        body = {"text": text}
    if raw is not None:
        body = {"base64": base64.b64encode(raw).decode()}
    return {"do": "answer", "status": status, "headers": dict(headers or {}), **body, **more}


def error(status: int, code: str | None = None, message: str = "told to fail", *,
          headers: Mapping[str, str] | None = None, **more: Any) -> Step:  # fmt: skip
    """An error in OpenAI's shape."""
    kinds = {400: "invalid_request_error", 429: "rate_limit_error"}
    body = {"message": message, "type": kinds.get(status, "server_error"), "code": code}
    return answer(status, {"error": body}, headers=headers, **more)


def serve(**more: Any) -> Step:
    """The right answer. ``gives`` images instead of all, ``form="url"``, the ``image`` as this
    base64, or only the first ``keep`` bytes of it."""
    return {"do": "serve", **more}


def reset(**more: Any) -> Step:
    """Read the request, then reset the connection."""
    return {"do": "reset", **more}


def close(**more: Any) -> Step:
    """Read the request, then close the connection without a byte."""
    return {"do": "close", **more}


def hang(**more: Any) -> Step:
    """Read the request, and never answer."""
    return {"do": "hang", **more}


def cut(**more: Any) -> Step:
    """Announce the whole answer and send half; ``reset=True`` for a RST instead of a FIN."""
    return {"do": "cut", **more}


def truncate(**more: Any) -> Step:
    """Send half the answer without saying how long it is, and close: no error but bad JSON."""
    return {"do": "truncate", **more}


def stall(**more: Any) -> Step:
    """Send half the answer, and nothing more."""
    return {"do": "stall", **more}


def trickle(every: float = 1.0, **more: Any) -> Step:
    """Send the answer byte by byte, one ``every`` so many seconds."""
    return {"do": "trickle", "every": every, **more}


def flood(size: int, *, packed: bool = False, **more: Any) -> Step:
    """Send ``size`` bytes of nothing, also as a small gzip that swells to them."""
    return {"do": "flood", "size": size, "packed": packed, **more}


def linger(**more: Any) -> Step:
    """Answer rightly, keep the connection open, and reset it at the next request on it."""
    return {"do": "linger", **more}


def pending(**more: Any) -> Step:
    """A poll that says that the job still runs."""
    return {"do": "pending", "on": "poll", **more}
