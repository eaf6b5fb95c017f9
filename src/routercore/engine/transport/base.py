"""The transport: one small protocol between the engine and an HTTP client library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from enum import IntEnum
from typing import Protocol

from routercore.provider.http import HttpRequest, HttpResponse

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
CONNECT_TIMEOUT = 10.0
ON_SENT: ContextVar[Callable[[], None] | None] = ContextVar("on_sent", default=None)
"""Called by transports with ``tells_when_sent`` when the last piece of a request is on its way."""
WRITE_TIMEOUT = 30.0
"""Without any progress of a request's body, in seconds; long bodies may take longer."""


class Phase(IntEnum):
    """How far a request came, told from trace events and never from an exception's type."""

    NOT_SENT = 0
    """The body did not leave whole: the upstream cannot have acted on it."""
    SENT = 1
    """The whole body was handed to the kernel; the upstream may have acted."""
    HEADERS = 2
    """The head of the answer arrived."""


class TransportError(Exception):
    """An exchange that did not complete."""

    def __init__(self, message: str, phase: Phase, *, is_local: bool = False) -> None:
        super().__init__(message)
        self.phase = phase
        self.is_local = is_local
        """True where our own side is at fault: its pool, its descriptors, its proxy."""


class BlockedAddressError(TransportError):
    """A URL leads to an address that must not be reached; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Phase.NOT_SENT)


class TooLargeError(TransportError):
    """An answer is larger than allowed; reading stopped there."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer is larger than {limit:,} bytes", Phase.HEADERS)


def mark_phase(error: BaseException, phase: Phase) -> None:
    """Remember on an exception that is not ours, a cancellation, how far the exchange came."""
    vars(error)["phase"] = phase


def phase_of(error: BaseException) -> Phase:
    """How far the exchange came that ``error``, or what caused it, ended.

    For a cancelled exchange also: pass the ``CancelledError``, or the ``TimeoutError`` that a
    time limit made of it. Where nobody knows it is ``SENT``, the careful answer.
    """
    cause: BaseException | None = error
    while cause is not None:
        phase = vars(cause).get("phase")
        if isinstance(phase, Phase):
            return phase
        cause = _cause(cause)
    return Phase.SENT


def _cause(error: BaseException) -> BaseException | None:
    """What led to ``error``; never what was merely being handled when it came up."""
    # Early releases of Python 3.11, Debian 12's among them, raise the error of a time limit without
    # saying that the cancellation caused it.
    if isinstance(error, TimeoutError) and isinstance(error.__context__, asyncio.CancelledError):
        return error.__context__
    return error.__cause__


class OpenResponse(Protocol):
    """The head of an answer whose body is still to be read."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, decoded, in pieces as they arrive.

        Raises:
            TransportError: the body broke off, with the phase ``HEADERS``.
            TooLargeError: the body is larger than allowed.
        """
        ...


class Transport(Protocol):
    """Performs exchanges. Follows no redirect, retries nothing, keeps no cookie, trusts no proxy.

    Time limits are the engine's: it cancels. A cancelled exchange leaves no socket behind, and
    ``phase_of`` tells how far it came. Only connecting, and a body that makes no progress, have
    limits here.
    Billable requests never travel on a connection that has been idle, because a connection that
    the other side closed meanwhile cannot be told from one that died after the request.
    """

    @property
    def name(self) -> str: ...

    async def send(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> HttpResponse:  # fmt: skip
        """Perform one exchange and read the whole answer.

        Args:
            request: as it goes on the wire, signed. ``json``, ``form`` or ``content`` is encoded.
            public_only: resolve the name once, refuse unless every address is public, and connect
                to one of those addresses.
            max_bytes: of the decoded body.

        Raises:
            TransportError: nothing, or not everything, came back.
        """
        ...

    def open(
        self, request: HttpRequest, *, public_only: bool = False,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> AbstractAsyncContextManager[OpenResponse]:  # fmt: skip
        """Perform one exchange up to the head of the answer; leaving the context closes it."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
