"""Who calls: one way to read a key, for every path."""

from __future__ import annotations

from collections.abc import Iterable

from routercore.engine.holders import holder
from routercore.engine.setup import LOCAL_CALLER, Caller
from routercore.router import Router
from routercore.server.faults import AuthenticationError, OutsideHoursError

MAX_KEY = 512


def caller_of(router: Router, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """The caller that a request's headers prove; the local one where no keys are configured.

    Raises:
        AuthenticationError: there is no key, or none that is known.
        OutsideHoursError: it is known, and not to be used now.
    """
    if not router.engine.setup.callers:
        return LOCAL_CALLER
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise AuthenticationError("No API key: send the header 'Authorization: Bearer KEY'.")
    secret = _bearer(given)
    caller = router.authenticate(secret)
    if caller is None:
        raise AuthenticationError(_why_not(holder(router.engine.setup.callers, secret)))
    if caller.hours is not None and router.engine.clock.now() not in caller.hours:
        raise OutsideHoursError(f"This API key may be used from {caller.hours}.")
    return caller


def _why_not(holder: Caller | None) -> str:
    """What is told of a key that lets nobody in: of one that did, to whoever has it, since when."""
    if holder is None or holder.expires is None:
        return "Incorrect API key provided."
    return f"This API key expired on {holder.expires:%Y-%m-%d at %H:%M %Z}."


def _bearer(given: list[bytes]) -> str:
    if len(given) > 1:
        raise AuthenticationError("There is more than one Authorization header.")
    scheme, _, key = _text(given[0]).partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > MAX_KEY:
        raise AuthenticationError("The Authorization header is not 'Bearer KEY'.")
    return key


def _text(value: bytes) -> str:
    """A header's value, which clients write in either encoding."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
