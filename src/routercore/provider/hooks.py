"""The three hooks of a plugin. All of them register; none is called while a request runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from routercore.provider.spec import Provider
    from routercore.values.events import Observer

PROJECT = "routercore"
"""The entry-point group, and pluggy's project name."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def routercore_providers() -> Iterable[Provider]:  # type: ignore[empty-body]  # Plugins have it.
    """The providers that this plugin contributes. Called once for each ``Router``.

    Example, a whole plugin module::

        from routercore.provider import hookimpl

        @hookimpl
        def routercore_providers():
            return [MyProvider()]
    """


@hookspec
def routercore_strategies() -> Iterable[Any]:  # type: ignore[empty-body]  # Plugins have it.
    """The strategies that this plugin contributes. Called once for each ``Router``.

    Each has a ``name`` and a ``rank`` method, see :class:`routercore.routing.Strategy`.
    """


@hookspec
def routercore_observers() -> Iterable[Observer]:  # type: ignore[empty-body]  # Plugins have it.
    """The observers that this plugin contributes. Called once for each ``Router``.

    Each has a ``notify`` method that takes an :class:`routercore.provider.Event`.
    """
