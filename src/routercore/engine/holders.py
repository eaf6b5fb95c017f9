"""Whose a secret is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from routercore.engine.setup import Caller, CallerKey


def holder(keys: Iterable[CallerKey], secret: str) -> Caller | None:
    """Whose a secret is or was, in time that does not depend on how wrong it is."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    found: Caller | None = None
    for entry in keys:
        known = entry.hash or hashlib.sha256((entry.key or "").encode()).hexdigest()
        if hmac.compare_digest(known.encode(), digest.encode()):
            found = entry.caller
    return found
