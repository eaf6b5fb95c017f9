"""URLs of stored images on the server's own origin: signed for a time, or open."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Mapping

from routercore.engine.setup import StoreSetup

KEY_ID = "1"


class Links:
    """Makes paths under which stored images can be read, and knows them again."""

    def __init__(
        self, setup: StoreSetup, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = hashlib.sha256(b"routercore image links v1|" + secret).digest()
        self._open = setup.open
        self._lifetime = setup.link_seconds
        self._clock = clock

    def path(self, name: str) -> str:
        """Path and query under which ``name`` can be read."""
        if self._open:
            return f"/files/{name}"
        expires = str(int(self._clock() + self._lifetime))
        return f"/files/{name}?expires={expires}&kid={KEY_ID}&signature={self._sign(name, expires)}"

    def allows(self, name: str, query: Mapping[str, str]) -> bool:
        """Whether a request for ``name`` with that query may be answered."""
        if self._open:
            return True
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return False
        expected = self._sign(name, expires).encode()
        is_genuine = hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
        return is_genuine and query.get("kid") == KEY_ID and self._clock() < int(expires)

    def seconds_left(self, query: Mapping[str, str]) -> float:
        """How much longer a request that is allowed will be; without end where links are open."""
        return math.inf if self._open else int(query["expires"]) - self._clock()

    def _sign(self, name: str, expires: str) -> str:
        message = f"v1|{KEY_ID}|GET|{name}|{expires}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
