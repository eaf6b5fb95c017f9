"""The built-in providers, registered through the same hook as everybody else's."""

from __future__ import annotations

from collections.abc import Iterable

from routercore.provider import Provider, hookimpl
from routercore.providers.test import TestProvider


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The embedded ``test`` provider."""
    return [TestProvider()]
