"""How the engine signs a request; a scheme is data, and the secret never enters plugin code."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from routercore.provider.http import HttpRequest


class Auth(Protocol):
    """Signs requests with one secret."""

    @property
    def env(self) -> str | None:
        """The environment variable that usually holds the key; ``None`` if there is no key."""
        ...

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest | Awaitable[HttpRequest]:
        """A signed copy of ``request``."""
        ...


@dataclass(frozen=True, slots=True)
class Header:
    """The key in a header, as it is or behind a prefix."""

    env: str | None
    name: str = "authorization"
    prefix: str = ""
    optional: bool = False
    """Whether the service may do without a key, as many local servers do."""

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        return request.with_headers({self.name: f"{self.prefix}{secret}"})


def bearer(env: str, *, optional: bool = False) -> Header:
    """``Authorization: Bearer KEY``."""
    return Header(env, prefix="Bearer ", optional=optional)


@dataclass(frozen=True, slots=True)
class NoAuth:
    """No key at all: a local server, or the embedded provider."""

    env: str | None = None

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        return request
