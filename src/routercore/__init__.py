"""Routes image generation to many providers: pluggable, with failover that a file decides."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routercore.engine.collecting import Collected
    from routercore.engine.setup import Caller
    from routercore.router import Router
    from routercore.routing.estimates import Estimates
    from routercore.routing.plan import Plan
    from routercore.sync import SyncRouter
    from routercore.values.errors import (
        AttemptsFailedError,
        BudgetError,
        ConfigError,
        LimitError,
        ModelNotFoundError,
        PluginError,
        RefusedError,
        RequestError,
        RouterError,
        UnsupportedError,
    )
    from routercore.values.events import Completed, Event, Observer, PartialImage
    from routercore.values.images import (
        Image,
        ImageRequest,
        ImageResult,
        InputImage,
        ResponseFormat,
    )
    from routercore.values.sizes import Size

__version__ = "0.1.0"

__all__ = [
    "AttemptsFailedError",
    "BudgetError",
    "Caller",
    "Collected",
    "Completed",
    "ConfigError",
    "Estimates",
    "Event",
    "Image",
    "ImageRequest",
    "ImageResult",
    "InputImage",
    "LimitError",
    "ModelNotFoundError",
    "Observer",
    "PartialImage",
    "Plan",
    "PluginError",
    "RefusedError",
    "RequestError",
    "ResponseFormat",
    "Router",
    "RouterError",
    "Size",
    "SyncRouter",
    "UnsupportedError",
]

_HOMES = {
    "routercore.engine.collecting": ("Collected",),
    "routercore.engine.setup": ("Caller",),
    "routercore.router": ("Router",),
    "routercore.routing.estimates": ("Estimates",),
    "routercore.routing.plan": ("Plan",),
    "routercore.sync": ("SyncRouter",),
    "routercore.values.errors": (
        "AttemptsFailedError", "BudgetError", "ConfigError", "LimitError", "ModelNotFoundError",
        "PluginError", "RefusedError", "RequestError", "RouterError", "UnsupportedError",
    ),
    "routercore.values.events": ("Completed", "Event", "Observer", "PartialImage"),
    "routercore.values.images": (
        "Image", "ImageRequest", "ImageResult", "InputImage", "ResponseFormat",
    ),
    "routercore.values.sizes": ("Size",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
