"""The providers that are installed and not enabled, each with what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from routercore.config.document import Document
from routercore.engine.setup import IdleProvider, ProviderSetup
from routercore.plugins import Contributions
from routercore.provider.http import host_of
from routercore.provider.spec import Provider


def idle_providers(
    document: Document,
    contributions: Contributions,
    enabled: Iterable[ProviderSetup],
    environ: Mapping[str, str],
) -> Iterator[IdleProvider]:
    """Those of the configuration first."""
    installed = contributions.providers
    names = {one.name for one in enabled}
    for name in dict.fromkeys((*document.providers, *installed)):
        table = document.providers.get(name)
        provider = installed.get((table.plugin if table else None) or name)
        if provider is None or name in names:
            continue
        yield IdleProvider(
            name=name,
            provider=provider,
            is_off=table is not None and not table.enabled,
            variable=_variable(provider, environ),
        )


def _variable(provider: Provider, environ: Mapping[str, str]) -> str | None:
    """What to set, for one that needs nothing else."""
    if environ.get(provider.auth.env or "") or not host_of(provider.origins[0]):
        return None
    return provider.auth.env
