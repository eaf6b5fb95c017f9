"""The built-in strategies as a plugin, registered like anybody's."""

from __future__ import annotations

from collections.abc import Iterable

from routercore.provider.hooks import hookimpl
from routercore.routing.plan import Strategy
from routercore.routing.strategies import builtin_strategies


@hookimpl
def routercore_strategies() -> Iterable[Strategy]:
    return builtin_strategies()
