"""From a document and the loaded plugins to a setup; what is only wrong together is told here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from routercore.config.cards import configured_cards
from routercore.config.checks import circles, clashes, defaults, doubts
from routercore.config.document import (
    BudgetSection,
    Document,
    KeySection,
    LimitsSection,
    ModelSection,
    ProviderSection,
    ProxySection,
)
from routercore.config.idle import idle_providers
from routercore.config.missing import no_such_provider
from routercore.config.options import option_problems
from routercore.config.problems import Place, Problems
from routercore.config.reading import Reading, examine
from routercore.config.store import store_setup
from routercore.engine.clock import SystemClock
from routercore.engine.models import Catalogue
from routercore.engine.setup import (
    CacheSetup,
    Caller,
    CallerKey,
    LedgerSetup,
    Limits,
    ProviderSetup,
    ProxySetup,
    Route,
    RouterSetup,
    ServerSetup,
    StateSetup,
    TargetSetup,
)
from routercore.plugins import Contributions, load_plugins
from routercore.provider.auth import NoAuth
from routercore.provider.http import host_of, origin_matches, origin_of
from routercore.provider.options import nearest
from routercore.provider.spec import Provider
from routercore.routing.policy import Hedge
from routercore.values.ledger import Budget, micros

ALWAYS_ENABLED = "test"
COLON = "a name has no colon: 'provider:model' splits at the first one; say plugin = to rename it"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, its plugins, and what a router over both is made of."""

    document: Document
    contributions: Contributions
    setup: RouterSetup
    warnings: tuple[str, ...] = ()
    """What is allowed and likely a mistake, each with its place."""


def load(
    source: str | Path | Mapping[str, Any],
    environ: Mapping[str, str],
    plugins: Sequence[tuple[str, Any]] = (),
    *,
    needs_secrets: bool = True,
) -> Loaded:
    """Read a configuration, load the plugins that it wants, and look every name up.

    Args:
        source: the path of a TOML file, or a mapping of the same structure.
        environ: where ``${NAME}`` and the usual key variables of providers are read from.
        plugins: further plugins, as ``(name, module or object)``.
        needs_secrets: without, keys whose variables are not set are no mistake; a setup of that
            kind is for questions that nobody else is asked.

    Raises:
        ConfigError: lists every mistake, of structure and of names, with its place.
        PluginError: two plugins claim one name.
    """
    reading = examine(source, environ, needs_secrets=needs_secrets)
    contributions = load_plugins(reading.document.plugin_choice(), plugins)
    builder = _Builder(reading, contributions, environ, needs_secrets=needs_secrets)
    setup = builder.setup()
    return Loaded(reading.document, contributions, setup, tuple(builder.doubts.texts()))


def build(
    document: Document, contributions: Contributions, environ: Mapping[str, str]
) -> RouterSetup:
    """The setup of a router.

    Args:
        document: the parsed configuration.
        contributions: what the plugins brought.
        environ: where the usual key variables of providers are looked up.

    Raises:
        ConfigError: lists every name that leads nowhere with its place.
    """
    return _Builder(Reading(document, Problems()), contributions, environ).setup()


class _Builder:
    """Builds one setup, and collects what is wrong on the way."""

    def __init__(
        self, reading: Reading, contributions: Contributions, environ: Mapping[str, str],
        *, needs_secrets: bool = True,
    ) -> None:  # fmt: skip
        self.document, self.problems = reading.document, reading.problems
        self.doubts = reading.problems.beside()
        self.contributions, self.environ = contributions, environ
        self.needs_secrets = needs_secrets

    def setup(self) -> RouterSetup:
        document = self.document
        router = document.router
        providers = tuple(self._providers())
        defaults = self._route("", ModelSection(), ("router",))
        setup = RouterSetup(
            providers=providers,
            idle=tuple(idle_providers(document, self.contributions, providers, self.environ)),
            routes=tuple(
                self._route(name, section, ("models", name))
                for name, section in document.models.items()
            ),
            defaults=defaults,
            callers=tuple(self._callers()),
            deadline=router.deadline,
            attempt_timeout=router.attempt_timeout,
            late_results=router.late_results,
            max_attempts=router.max_attempts,
            max_image_bytes=router.max_image_bytes,
            cache=self._cache(),
            state=StateSetup(url=document.state.url),
            store=store_setup(self.document.store),
            budget=_budget(router.budget),
            proxy=_proxy(document.proxy),
            ledger=LedgerSetup(**dict(document.ledger)),
            server=ServerSetup(**dict(document.server)),
        )
        self._check_models(setup)
        for place, problem in option_problems(setup):
            self.problems.add(place, problem)
        self.problems.raise_any()
        return setup

    def _providers(self) -> Iterator[ProviderSetup]:
        """Those that are configured, then those that need no configuration."""
        for name, section in self.document.providers.items():
            if ":" in name:
                self.problems.add(("providers", name), COLON)
            provider = self._provider(name, section)
            if provider is not None and section.enabled:
                yield self._configured(name, section, provider)
        configured = set(self.document.providers)
        for name, provider in self.contributions.providers.items():
            key = self.environ.get(provider.auth.env or "")
            is_ready = key and not _is_nowhere(provider)
            if name not in configured and (is_ready or name == ALWAYS_ENABLED):
                keys = (key,) if key else ()
                yield ProviderSetup(name=name, provider=provider, keys=keys)

    def _provider(self, name: str, section: ProviderSection) -> Provider | None:
        wanted = section.plugin or name
        provider = self.contributions.providers.get(wanted)
        if provider is None:
            table: Place = ("providers", name)
            if self.problems.touches((*table, "plugin")):
                return None
            place = (*table, "plugin") if section.plugin else table
            self.problems.add(place, no_such_provider(wanted, self.contributions))
        return provider

    def _configured(self, name: str, section: ProviderSection, provider: Provider) -> ProviderSetup:
        if section.base_url is None and _is_nowhere(provider):
            place = ("providers", name, "base_url")
            if not self.problems.touches(place):
                self.problems.add(place, f"it is missing, and {provider.name!r} has no usual one")
        return ProviderSetup(
            name=name,
            provider=provider,
            keys=self._keys(name, section, provider),
            base_url=section.base_url,
            result_origins=frozenset(section.result_origins),
            limits=_limits(section.limits),
            budget=_budget(section.budget),
            options=section.options,
            cards=tuple(
                configured_cards(
                    section.cards, provider, ("providers", name, "cards"), self.problems
                )
            ),
        )

    def _keys(self, name: str, section: ProviderSection, provider: Provider) -> tuple[str, ...]:
        """The configured keys, or that of the usual variable.

        The latter is for the vendor alone: to another ``base_url`` goes what is written beside it.
        """
        place: Place = ("providers", name)
        variable = provider.auth.env
        elsewhere = _goes_elsewhere(section, provider)
        usual = None if elsewhere else self.environ.get(variable or "")
        keys = section.keys or ((usual,) if usual else ())
        wrong = any(self.problems.touches((*place, key)) for key in ("api_key", "api_keys"))
        optional = getattr(provider.auth, "optional", False) or section.api_keys == ()
        needed = (self.needs_secrets or elsewhere) and not optional
        if not keys and variable and needed and not wrong:
            self.problems.add(place, _keyless(variable, elsewhere=elsewhere))
        if section.api_key is not None and section.api_keys is not None:
            self.problems.add((*place, "api_keys"), "there is api_key as well; keep one of the two")
        if len(set(keys)) < len(keys):
            self.problems.add((*place, "api_keys"), "one key is there twice")
        return keys

    def _route(self, name: str, section: ModelSection, place: Place) -> Route:
        """A model's route; what its table leaves out is as in ``[router]``."""
        router = self.document.router
        strategy = section.strategy or router.strategy
        if strategy not in self.contributions.strategies:
            hint = nearest(strategy, self.contributions.strategies)
            known = ", ".join(sorted(self.contributions.strategies))
            why = hint or f"; there are {known}"
            if place == ("router",) or section.strategy:
                self.problems.add((*place, "strategy"), f"there is no strategy {strategy!r}{why}")
        return Route(
            name=name,
            strategy=strategy,
            targets=tuple(
                TargetSetup(name=one.target, weight=one.weight, options=one.options)
                for one in section.targets
            ),
            aliases=section.aliases,
            fallback_models=section.fallback_models,
            on_refusal=_own(section.on_refusal, router.on_refusal),
            on_unknown=_own(section.on_unknown, router.on_unknown),
            on_lost_result=_own(section.on_lost_result, router.on_lost_result),
            max_exposure=_own(section.max_exposure, router.max_exposure),
            hedge=Hedge(section.hedge.after, section.hedge.max_extra) if section.hedge else None,
            unknown_price=_own(section.unknown_price, router.unknown_price),
            max_price=_own(section.max_price, router.max_price),
            strict=_own(section.strict, router.strict),
            spread=_own(section.spread, router.spread),
        )

    def _callers(self) -> Iterator[CallerKey]:
        """The callers, each with a secret of its own."""
        owners: dict[str, str] = {}
        for name, section in self.document.keys.items():
            secret = section.key.get_secret_value() if section.key else None
            digest = section.hash or sha256((secret or "").encode()).hexdigest()
            if (owner := owners.setdefault(digest, name)) != name:
                self.problems.add(("keys", name), f"{owner!r} has the same key")
            yield CallerKey(caller=_caller(name, section), key=secret, hash=section.hash)

    def _cache(self) -> CacheSetup:
        section = self.document.cache
        return CacheSetup(**dict(section)) if section else CacheSetup()

    def _check_models(self, setup: RouterSetup) -> None:
        """Every target and fallback model must stand for something, without going in circles."""
        catalogue = Catalogue(setup)
        names = {route.name for route in setup.routes}
        names |= {alias for route in setup.routes for alias in route.aliases}
        for route in setup.routes:
            place: Place = ("models", route.name)
            self._check_targets(catalogue, route, (*place, "targets"))
            for index, fallback in enumerate(route.fallback_models):
                if fallback not in names and not catalogue.serves(fallback):
                    where = (*place, "fallback_models", index)
                    hint = nearest(fallback, [*names, *catalogue.target_names()])
                    self.problems.add(where, f"there is no model {fallback!r}{hint}")
        found = (*circles(setup.routes), *clashes(setup.routes), *defaults(setup, catalogue))
        for place, problem in found:
            self.problems.add(place, problem)
        for place, doubt in doubts(setup, catalogue, SystemClock().now()):
            self.doubts.add(place, doubt)

    def _check_targets(self, catalogue: Catalogue, route: Route, place: Place) -> None:
        """Each target must be there; without any, somebody must know the model by name."""
        for index, target in enumerate(route.targets):
            if problem := self._target_problem(catalogue, target):
                self.problems.add((*place, index), problem)
        missing = not route.targets and not catalogue.serves(route.name)
        if missing and not self.problems.touches(place):
            self.problems.add(place, f"no provider serves {route.name!r} by itself")

    def _target_problem(self, catalogue: Catalogue, target: TargetSetup) -> str | None:
        provider, _, model = target.name.partition(":")
        enabled = [one for one in catalogue.providers if one == provider]
        if enabled:
            if catalogue.target(target):
                return None
            near = nearest(target.name, catalogue.target_names())
            return f"the provider {provider!r} has no model {model!r}{near}"
        table = self.document.providers.get(provider)
        if table is not None and not table.enabled:
            return f"the provider {provider!r} is switched off by enabled = false"
        if table is not None or self.problems.touches(("providers", provider)):
            return None  # Its own table says what is wrong.
        known = self.contributions.providers.get(provider)
        if known is not None:
            variable = known.auth.env
            cure = f"set {variable}, or add [providers.{provider}]" if variable else (
                f"add [providers.{provider}]"
            )  # fmt: skip
            return f"the provider {provider!r} is not enabled; {cure}"
        hint = nearest(provider, [*catalogue.providers, *self.contributions.providers])
        return f"there is no provider {provider!r}{hint}"


def _own(own: T | None, general: T) -> T:
    """What a model's table says, else what holds for all."""
    return general if own is None else own


def _goes_elsewhere(section: ProviderSection, provider: Provider) -> bool:
    """Whether the configured address is not one of the vendor's own."""
    if section.base_url is None or _is_nowhere(provider):
        return False
    origin = origin_of(section.base_url)
    return not any(origin_matches(origin, own) for own in provider.origins)


def _is_nowhere(provider: Provider) -> bool:
    """Whether a provider has no address until one is configured."""
    return not host_of(provider.origins[0]) and not isinstance(provider.auth, NoAuth)


def _proxy(section: ProxySection | None) -> ProxySetup | None:
    return ProxySetup(section.url.get_secret_value(), section.direct) if section else None


def _budget(section: BudgetSection | None) -> Budget | None:
    return None if section is None else Budget(micros(section.usd), section.per)


def _limits(section: LimitsSection) -> Limits:
    requests, images = section.requests, section.images
    return Limits(
        requests=requests[0] if requests else None,
        requests_per=requests[1] if requests else 60.0,
        images=images[0] if images else None,
        images_per=images[1] if images else 60.0,
        concurrency=section.concurrency,
    )


def _caller(name: str, section: KeySection) -> Caller:
    return Caller(
        name=name, limits=_limits(section.limits), budget=_budget(section.budget),
        expires=section.expires, hours=section.hours, models=section.models,
    )  # fmt: skip


def _keyless(variable: str, *, elsewhere: bool) -> str:
    if elsewhere:
        return (
            f"it has no api_key, and {variable} is not sent to another base_url by itself; write "
            f'api_key = "${{{variable}}}" to send it there, or api_keys = [] for none'
        )
    return f"it has no api_key, and {variable} is not set"
