"""``routercore estimate``: what a request may cost, and on what that rests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from routercore.cli.asking import Asked, asking
from routercore.cli.opening import ConfigOption, JsonOption, open_config
from routercore.cli.output import Code, console, print_json, told
from routercore.cli.planning import price_row, rejected_row, show_rejected
from routercore.values.amounts import in_dollars

if TYPE_CHECKING:
    from routercore.cli.opening import Opened
    from routercore.routing.estimates import Estimates
    from routercore.values.images import ImageRequest


@asking
def estimate(asked: Asked, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what it may cost at each target: low, expected and high, and on what that rests.

    Asks nobody, costs nothing and changes nothing. Ends with 2 where nobody can do the request.
    """
    with told(as_json=as_json):
        opened = open_config(config)
        found = asyncio.run(_estimates(opened, asked.request(opened)))
        if as_json:
            print_json(estimates_row(found))
        else:
            _show(found)
        if not found.candidates:
            raise typer.Exit(Code.USAGE)


async def _estimates(opened: Opened, request: ImageRequest) -> Estimates:
    from routercore.cli.listing import naming_idle_providers

    with naming_idle_providers(opened, request.model):
        async with opened.router() as router:
            return router.estimate(request)


def estimates_row(found: Estimates) -> dict[str, Any]:
    """Estimates for programs."""
    return {
        "model": found.request.model,
        "operation": found.request.operation.value,
        "n": found.request.n,
        "strategy": found.strategy,
        "currency": "USD",
        **price_row(found.first),
        "at_most": found.at_most,
        "targets": [
            {"target": one.name, "via": one.target.via, **price_row(one.estimate)}
            for one in found.candidates
        ],
        "rejected": [rejected_row(one) for one in found.rejected],
    }


def _show(found: Estimates) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    if found.candidates:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
        table.add_column("target", style="bold", overflow="fold")
        for name in ("low", "expected", "high"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("basis")
        for one in found.candidates:
            price = one.estimate
            amounts = (price.low, price.expected, price.high)
            table.add_row(one.name, *map(in_dollars, amounts), price.basis.value)
        out.print(table)
        out.print(f"At most {in_dollars(found.at_most)}, should calls be paid for and lost.")
    else:
        out.print("Nobody can do this request.", style="red")
    show_rejected(found.rejected)
