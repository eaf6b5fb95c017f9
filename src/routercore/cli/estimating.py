"""``routercore estimate``: what a request may cost, and on what that rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routercore.cli.asking import Asked, asking
from routercore.cli.foreseeing import foresee
from routercore.cli.opening import ConfigOption, JsonOption
from routercore.cli.output import console
from routercore.cli.planning import price_row, rejected_row, show_rejected, show_spread
from routercore.values.amounts import in_dollars

if TYPE_CHECKING:
    from routercore.routing.estimates import Estimates


@asking
def estimate(asked: Asked, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what it may cost at each target: low, expected and high, and on what that rests.

    Asks nobody, costs nothing and changes nothing. Ends with 2 where nobody can do the request.
    """
    foresee(
        asked, config, lambda router, request: router.estimate(request),
        row=estimates_row, show=_show, as_json=as_json,
    )  # fmt: skip


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
            {"target": one.name, "via": one.target.via, **price_row(one.estimate), "share": share}
            for one, share in zip(found.candidates, found.shares, strict=True)
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
        show_spread(found)
        out.print(f"At most {in_dollars(found.at_most)}, should calls be paid for and lost.")
    else:
        out.print("Nobody can do this request.", style="red")
    show_rejected(found.rejected)
