"""Request bodies, read under limits: nothing is buffered that is larger than allowed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.types import Receive

from routercore.server import strictly
from routercore.server.faults import BusyError, SlowBodyError, TooLargeError
from routercore.values.errors import RequestError

PIECE_SECONDS = 30.0
"""The longest silence while a body is read."""
BODY_SECONDS = 300.0
"""The longest time that a whole body may take."""


class ClientGoneError(Exception):
    """The client hung up; there is nobody to answer."""


class Memory:
    """Counts the bytes of bodies, and of pictures that they refer to, held at one time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def account(self) -> Iterator[Account]:
        """Whatever is taken inside is given back at the end."""
        account = Account(self)
        try:
            yield account
        finally:
            self.held -= account.taken


class Account:
    """What one request holds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.taken = 0

    def take(self, count: int) -> None:
        """Hold so many more bytes.

        Raises:
            BusyError: all requests together hold too many.
        """
        if self._memory.held + count > self._memory.limit:
            raise BusyError("The server holds as much of requests as it can; try again.")
        self._memory.held += count
        self.taken += count


async def pieces(request: Request, limit: int, account: Account) -> AsyncIterator[bytes]:
    """The body, piece by piece.

    Raises:
        TooLargeError: it is larger than ``limit``, or says that it will be.
        SlowBodyError: it stopped coming.
        ClientGoneError: the client hung up.
    """
    announced = _announced(request)
    if announced > limit:
        raise TooLargeError(f"The body has {announced:,} bytes; {limit:,} are allowed.")
    total = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                piece, more = await _receive(request.receive)
                total += len(piece)
                if total > limit:
                    raise TooLargeError(f"The body is larger than the {limit:,} bytes allowed.")
                account.take(len(piece))
                yield piece
                if not more:
                    return
    except TimeoutError:
        raise SlowBodyError("The body did not arrive in time.") from None


async def _receive(receive: Receive) -> tuple[bytes, bool]:
    async with asyncio.timeout(PIECE_SECONDS):
        message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message.get("body", b""), message.get("more_body", False)


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise RequestError("The Content-Length header is not a number.", code="invalid_header")
    return int(text[:18])


async def read_json(request: Request, limit: int, account: Account) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        RequestError: it is not one; also for NaN, half surrogates, a name that is given twice and
            what is nested too deep.
    """
    buffer = io.BytesIO()  # Gives its bytes away without copying them.
    async for piece in pieces(request, limit, account):
        buffer.write(piece)
    try:
        value = strictly.read(buffer.getvalue())
    except ValueError as error:
        message = f"The body could not be parsed as JSON: {error}."
        raise RequestError(message, code="invalid_json") from None
    if not isinstance(value, dict):
        raise RequestError("The body is not a JSON object.", code="invalid_json")
    return value
