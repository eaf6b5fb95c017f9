"""``routercore providers check``: whether what providers declare still holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from routercore.cli.opening import ConfigOption, JsonOption, Opened, open_config
from routercore.cli.output import Code, console, print_json, told
from routercore.values.faults import ProviderFailed

if TYPE_CHECKING:
    from routercore.engine.discovery import Drift


def check(
    config: ConfigOption = None,
    live: Annotated[bool, typer.Option(help="Ask vendors for their lists of models.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare declared models and prices with the calendar and, live, with vendors' lists.

    Makes no image and costs nothing.
    """
    with told(as_json=as_json):
        found, silent = asyncio.run(_found(open_config(config), live=live))
        if as_json:
            rows = [
                {"provider": name, "kind": drift.kind, "model": drift.model,
                 "message": drift.message} for name, drift in found
            ]  # fmt: skip
            print_json({"drift": rows, "unanswered": silent})
        else:
            _show(found, silent)
        if silent:
            raise typer.Exit(Code.FAILED)


async def _found(opened: Opened, *, live: bool) -> tuple[list[tuple[str, Drift]], dict[str, str]]:
    """What differs at each enabled provider, and which of them did not answer."""
    found: list[tuple[str, Drift]] = []
    silent: dict[str, str] = {}
    async with opened.router() as router:
        for setup in opened.setup.providers:
            try:
                drifts = await router.engine.drift(setup.name, live=live)
            except ProviderFailed as error:
                silent[setup.name] = str(error)
                continue
            found += [(setup.name, drift) for drift in drifts]
    return found, silent


def _show(found: list[tuple[str, Drift]], silent: dict[str, str]) -> None:
    for name, drift in found:
        kind = drift.kind.replace("_", " ")
        console().print(f"[yellow]{kind}[/]  {name}:{drift.model} {drift.message}")
    for name, why in silent.items():
        console(stderr=True).print(f"{name} did not answer: {why}", style="red", markup=False)
    if not found and not silent:
        console().print("[green]✓[/] what the enabled providers declare holds")
