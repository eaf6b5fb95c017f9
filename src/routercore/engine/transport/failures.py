"""What ended an exchange, in our words."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from routercore.engine.transport.base import Phase, TransportError

_LOCAL = frozenset({
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL,
})  # fmt: skip
_SAYS_NOTHING = frozenset({"Exception", "OSError"})
_WORDS = {
    Phase.NOT_SENT: "could not send to",
    Phase.SENT: "no answer from",
    Phase.HEADERS: "the answer broke off from",
}


def failure(
    error: BaseException, phase: Phase, origin: str, *, is_local: bool = False
) -> TransportError:
    """A library's exception as ours; its own words, which may hold a URL, stay behind, and so
    does its name, which says nothing outside that library."""
    reasons = [cause for cause in _causes(error) if isinstance(cause, OSError) and cause.errno]
    kinds = type(reasons[-1] if reasons else error).__mro__
    name = next(kind.__name__ for kind in kinds if kind.__module__ == "builtins")
    message = f"{_WORDS[phase]} {origin}"
    if name not in _SAYS_NOTHING:
        message = f"{message} ({name})"
    is_local |= any(cause.errno in _LOCAL for cause in reasons)
    return TransportError(message, phase, is_local=is_local and phase is Phase.NOT_SENT)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
