"""The HTTP face of a router: an ASGI application that speaks OpenAI's Images API, and its server.

Needs the extra ``server``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routercore.server.app import create_app
    from routercore.server.serving import serve

__all__ = ["create_app", "serve"]

_HOMES = {"create_app": "routercore.server.app", "serve": "routercore.server.serving"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
