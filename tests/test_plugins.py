"""Loading plugins: what is wrong with one is said of that one, in words that help its author."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from routercore.plugins import load_plugins
from routercore.provider import hookimpl


class Bare:
    """A provider's name, and nothing of a provider."""

    name = "bare"


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        (hookimpl(lambda: None), "it contributes nothing"),
        (lambda: [Bare()], "it contributes nothing"),
        (hookimpl(lambda: [Bare()]), "Bare is no provider: it lacks api_version, "),
        (hookimpl(lambda: [Bare]), "Bare is a class; contribute a provider made of it: Bare()"),
    ],
)
def test_a_plugin_without_a_provider_says_why(hook: Any, problem: str) -> None:
    """Whether the hook is not marked, returns nothing, or something else than providers."""
    plugin = SimpleNamespace(routercore_providers=hook)
    report = load_plugins(extra=[("odd", plugin)]).reports[-1]
    assert ("odd", True) == (report.name, (report.problem or "").startswith(problem)), report


def test_a_plugin_may_have_nothing_to_contribute() -> None:
    """An empty list is an answer; what is conditional need not fail."""
    plugin = SimpleNamespace(routercore_providers=hookimpl(lambda: [*()]))
    report = load_plugins(extra=[("empty", plugin)]).reports[-1]
    assert (None, ()) == (report.problem, report.providers)
