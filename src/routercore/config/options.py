"""What providers find wrong with the options that a configuration gives for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from routercore.config.problems import Place
from routercore.engine.setup import ProviderSetup, RouterSetup, TargetSetup
from routercore.provider.spec import ChecksOptions, Provider


def option_problems(setup: RouterSetup) -> Iterator[tuple[Place, str]]:
    """Every option of a provider's or a target's table that cannot be right, and why."""
    providers = {provider.name: provider for provider in setup.providers}
    for provider in setup.providers:
        for option, problem in _wrong(provider.provider, provider.options):
            yield ("providers", provider.name, "options", *option), problem
    for route in setup.routes:
        for index, target in enumerate(route.targets):
            behind = providers.get(target.name.partition(":")[0])
            if behind is not None and target.options:
                for option, problem in _of_target(behind, target):
                    yield ("models", route.name, "targets", index, "options", *option), problem


def _of_target(provider: ProviderSetup, target: TargetSetup) -> Iterator[tuple[Place, str]]:
    """What is wrong with a target's options on top of its provider's, whose own table tells of
    itself."""
    told = _wrong(provider.provider, provider.options)
    for option, problem in _wrong(provider.provider, {**provider.options, **target.options}):
        if {*option} & {*target.options} or (option, problem) not in told:
            yield option, problem


def _wrong(provider: Provider, options: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """Each wrong option, and why; no option where the provider cannot even tell."""
    if not isinstance(provider, ChecksOptions):
        return []
    try:
        return [((option,), str(why)) for option, why in provider.wrong_options(options)]
    except Exception as error:  # noqa: BLE001 - the plugin boundary
        broken = f"{provider.name!r} cannot check them ({type(error).__name__})"
        return [((), f"{broken}; that is a mistake in its plugin")]
