"""Why a provider that a configuration names is not there."""

from __future__ import annotations

from routercore.plugins import Contributions, PluginReport
from routercore.provider.options import nearest

DISTRIBUTION = "routercore-"
"""What the names of plugins' distributions begin with, as a rule."""


def no_such_provider(name: str, contributions: Contributions) -> str:
    """That there is no provider of that name, and why: what is broken might have brought it."""
    hint = nearest(name, contributions.providers)
    broken = [report for report in contributions.reports if report.is_broken]
    own = next((report for report in broken if name in _names(report)), None)
    if own is not None:
        why = f"its plugin is broken: {own.problem}{hint}"
    else:
        others = (f"; the plugin {one.name!r} is broken: {one.problem}" for one in broken)
        why = "".join(("no installed plugin has it", hint, *others))
    return f"there is no provider {name!r}, {why}"


def _names(report: PluginReport) -> tuple[str, str]:
    """What a plugin's only provider would be called."""
    return report.name, report.distribution.removeprefix(DISTRIBUTION)
