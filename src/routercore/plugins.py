"""Plugins: found by entry point, loaded one by one, attributed, and checked for conflicts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pluggy

from routercore.provider import hooks
from routercore.provider.soundness import no_provider, provider_problem
from routercore.provider.spec import API_VERSION, Provider
from routercore.routing.plan import Strategy
from routercore.values.errors import PluginError
from routercore.values.events import Observer

BUILTIN = "routercore"
SUPPORTED_API_VERSIONS = (API_VERSION,)
BUILTIN_MODULES = ("routercore.providers", "routercore.strategies")
OPTIONAL_MODULES = {"routercore.telemetry": "opentelemetry"}
"""Built-in plugins that are there if a package is."""
HOOKS = ("routercore_providers", "routercore_strategies", "routercore_observers")
NOTHING = (
    "it contributes nothing: no function of it such as routercore_providers "
    "is marked with @hookimpl and returns a list"
)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """One plugin as it was found: what it contributes, or why it failed."""

    name: str
    """The entry point's name."""
    distribution: str
    version: str
    providers: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    observers: tuple[str, ...] = ()
    grade: str | None = None
    """What its ``quality.toml`` says that the conformance kit found, if it ships one."""
    problem: str | None = None

    @property
    def is_broken(self) -> bool:
        return self.problem is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginChoice:
    """Which plugins an operator wants."""

    allow: frozenset[str] | None = None
    """Names of entry points or distributions; nothing else is even imported."""
    deny: frozenset[str] = frozenset()
    prefer: Mapping[str, str] = field(default_factory=dict)
    """For a contributed name that two plugins claim: the distribution that wins."""

    def permits(self, *names: str) -> bool:
        if self.deny.intersection(names):
            return False
        return self.allow is None or bool(self.allow.intersection(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A plugin on its way to be loaded."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """All that the loaded plugins contribute, by name, and a report on each plugin."""

    providers: Mapping[str, Provider]
    strategies: Mapping[str, Strategy]
    observers: tuple[Observer, ...]
    reports: tuple[PluginReport, ...]
    clashes: tuple[str, ...] = ()
    """Each name that two plugins claim, with who they are and the setting that decides; whoever
    claims it is left out above."""


def load_plugins(
    choice: PluginChoice | None = None, extra: Sequence[tuple[str, Any]] = ()
) -> Contributions:
    """Find and load the built-in and the installed plugins.

    A plugin that fails to import, to register or to keep the interface is reported and skipped.

    Args:
        choice: which plugins are wanted; all unless given.
        extra: further plugin modules or objects, as ``(name, plugin)``; for tests and for
            applications that bring their own.

    Raises:
        PluginError: two plugins claim one name and ``choice`` does not say which wins.
    """
    found = look_at_plugins(choice, extra)
    if found.clashes:
        raise PluginError("; ".join(found.clashes))
    return found


def look_at_plugins(
    choice: PluginChoice | None = None, extra: Sequence[tuple[str, Any]] = ()
) -> Contributions:
    """As :func:`load_plugins`, but names that two plugins claim are told in ``clashes``."""
    choice = choice or PluginChoice()
    loaded = [
        _load(found)
        for found in (*_builtin(), *_installed(), *_given(extra))
        if _is_wanted(found, choice)
    ]
    providers, contested = _merged("provider", loaded, lambda one: one.providers, choice)
    strategies, disputed = _merged("strategy", loaded, lambda one: one.strategies, choice)
    return Contributions(
        providers=providers,
        strategies=strategies,
        observers=tuple(observer for one in loaded for observer in one.observers),
        reports=tuple(one.report for one in loaded),
        clashes=(*contested, *disputed),
    )


def _is_wanted(found: _Found, choice: PluginChoice) -> bool:
    """Whether to import it. What is built in is not on allow lists, and can be denied by name."""
    if found.distribution == BUILTIN:
        return found.name not in choice.deny
    return choice.permits(found.name, found.distribution)


def _builtin() -> Iterable[_Found]:
    from routercore import __version__

    optional = (module for module, needs in OPTIONAL_MODULES.items() if find_spec(needs))
    for module in (*BUILTIN_MODULES, *optional):
        yield _Found(
            name=module.removeprefix("routercore."), distribution=BUILTIN, version=__version__,
            load=partial(import_module, module),
        )  # fmt: skip


def _installed() -> Iterable[_Found]:
    seen: set[tuple[str, str]] = set()
    for distribution in distributions():
        for point in distribution.entry_points:
            if point.group == hooks.PROJECT and (point.name, point.value) not in seen:
                seen.add((point.name, point.value))
                yield _entry(distribution, point)


def _entry(distribution: Distribution, point: EntryPoint) -> _Found:
    return _Found(
        name=point.name,
        distribution=distribution.metadata["Name"],
        version=distribution.version,
        load=point.load,
    )


def _given(extra: Sequence[tuple[str, Any]]) -> Iterable[_Found]:
    for name, plugin in extra:
        yield _Found(name=name, distribution=name, version="", load=partial(_same, plugin))


def _same(plugin: Any) -> Any:
    return plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one plugin brought."""

    report: PluginReport
    providers: Sequence[Provider] = ()
    strategies: Sequence[Strategy] = ()
    observers: Sequence[Observer] = ()


def _load(found: _Found) -> _Loaded:
    """Load one plugin in a manager of its own, so that what it contributes is known to be its."""
    report = PluginReport(name=found.name, distribution=found.distribution, version=found.version)
    try:
        plugin = found.load()
        return _registered(replace(report, grade=_grade(plugin)), plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the plugin boundary
        return _Loaded(report=replace(report, problem=f"{type(error).__name__}: {error}"))


def _registered(report: PluginReport, plugin: Any) -> _Loaded:
    """Ask a plugin what it contributes, and look whether it can be used."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(plugin, name=report.name)
    manager.check_pending()
    given = [getattr(manager.hook, name)() for name in HOOKS]
    if odd := _unlisted(given):
        return _Loaded(report=replace(report, problem=odd))
    providers, strategies, observers = map(_gathered, given)
    problem = _problem(providers, strategies, observers) if any(given) else NOTHING
    if problem:
        return _Loaded(report=replace(report, problem=problem))
    report = replace(
        report,
        providers=tuple(provider.name for provider in providers),
        strategies=tuple(strategy.name for strategy in strategies),
        observers=tuple(type(observer).__name__ for observer in observers),
    )
    return _Loaded(report=report, providers=providers, strategies=strategies, observers=observers)


def _grade(plugin: Any) -> str | None:
    """The grade recorded in the quality file beside a plugin's module."""
    file = getattr(plugin, "__file__", None)
    if file is None:
        return None
    try:
        return str(tomllib.loads(Path(file).with_name("quality.toml").read_text("utf-8"))["grade"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return None


def _unlisted(given: Sequence[Iterable[Any]]) -> str | None:
    """Which hook returns one thing where a list belongs."""
    for name, contributions in zip(HOOKS, given, strict=True):
        for one in contributions:
            if not isinstance(one, Iterable):
                return f"{name} returns one {type(one).__name__}, not a list; write [...] around it"
    return None


def _gathered(contributions: Iterable[Iterable[Any]]) -> list[Any]:
    return [item for contribution in contributions for item in contribution]


def _problem(providers: list[Any], strategies: list[Any], observers: list[Any]) -> str | None:
    """What is wrong with the things that a plugin contributes, or ``None``."""
    for provider in providers:
        if isinstance(provider, type) or not isinstance(provider, Provider):
            return no_provider(provider)
        if provider.api_version not in SUPPORTED_API_VERSIONS:
            versions = ", ".join(map(str, SUPPORTED_API_VERSIONS))
            return (
                f"provider {provider.name!r} is written for version {provider.api_version!r} of "
                f"the interface; this routercore supports {versions}"
            )
        if problem := provider_problem(provider):
            return problem
    for strategy in strategies:
        if not isinstance(getattr(strategy, "name", None), str) or not hasattr(strategy, "rank"):
            return f"{type(strategy).__name__} is no strategy: it lacks a name or rank()"
    for observer in observers:
        if not callable(getattr(observer, "notify", None)):
            return f"{type(observer).__name__} is no observer: it lacks notify()"
    return None


def _merged(
    kind: str,
    loaded: Sequence[_Loaded],
    things: Callable[[_Loaded], Sequence[N]],
    choice: PluginChoice,
) -> tuple[dict[str, N], list[str]]:
    """By name; and the names that are claimed twice without a decision, in words."""
    claims: dict[str, list[tuple[str, N]]] = {}
    for one in loaded:
        for thing in things(one):
            claims.setdefault(thing.name, []).append((one.report.distribution, thing))
    merged: dict[str, N] = {}
    clashes: list[str] = []
    for name, claimed in claims.items():
        winners = [thing for owner, thing in claimed if owner == choice.prefer.get(name)]
        if len(claimed) == 1 or winners:
            merged[name] = (winners or [claimed[0][1]])[0]
        else:
            clashes.append(_clash(kind, name, sorted({owner for owner, _ in claimed})))
    return merged, clashes


def _clash(kind: str, name: str, owners: Sequence[str]) -> str:
    return (
        f"the {kind} {name!r} is claimed by {' and '.join(owners)}; set [plugins.prefer] {name} = "
        f'"{owners[0]}" (or the other), or list one of them under [plugins] deny'
    )
