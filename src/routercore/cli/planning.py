"""``routercore plan``: what would be tried, in which order, at what price, and why not the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from routercore.cli.asking import Asked, asking
from routercore.cli.foreseeing import foresee
from routercore.cli.opening import ConfigOption, JsonOption
from routercore.cli.output import console
from routercore.values.amounts import number_of

if TYPE_CHECKING:
    from routercore.routing.estimates import Estimates
    from routercore.routing.plan import Candidate, Plan, Rejected
    from routercore.values.money import Estimate


@asking
def plan(asked: Asked, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what would be tried, in which order, at what price, and why not the rest.

    Asks nobody, costs nothing and changes nothing. Ends with 2 where nobody can do the request.
    """
    foresee(
        asked, config, lambda router, request: router.plan(request),
        row=plan_row, show=_show, as_json=as_json,
    )  # fmt: skip


def plan_row(made: Plan) -> dict[str, Any]:
    """A plan for programs."""
    return {
        "model": made.request.model,
        "operation": made.request.operation.value,
        "strategy": made.strategy,
        "targets": [
            {**_candidate_row(candidate), "share": share}
            for candidate, share in zip(made.candidates, made.shares, strict=True)
        ],
        "rejected": [rejected_row(rejected) for rejected in made.rejected],
    }


def rejected_row(rejected: Rejected) -> dict[str, Any]:
    """Who is not tried, and why, for programs."""
    reasons = [{"param": r.param, "message": r.message} for r in rejected.reasons]
    return {"target": rejected.target, "reasons": reasons}


def price_row(price: Estimate) -> dict[str, Any]:
    """A price for programs; ``null`` where nobody knows it."""
    return {
        "low": price.low, "expected": price.expected, "high": price.high,
        "basis": price.basis.value,
    }  # fmt: skip


def _candidate_row(candidate: Candidate) -> dict[str, Any]:
    return {
        "target": candidate.name,
        "via": candidate.target.via,
        "price": price_row(candidate.estimate),
        "expected_seconds": round(candidate.expected_latency, 3),
        "resting_seconds": round(candidate.health.closed_for, 3),
        "warnings": [
            {"code": w.code, "param": w.param, "message": w.message, "requested": w.requested,
             "delivered": w.delivered}
            for w in candidate.warnings
        ],
    }  # fmt: skip


def _show(made: Plan) -> None:
    from rich.text import Text

    out = console()
    known = len(made.candidates) + len(made.rejected)
    count = f"{len(made.candidates)} of {number_of(known, 'target')}"
    out.print(
        Text.assemble(
            (made.request.model, "bold"), f"  {made.request.operation.value} by {made.strategy}",
            (f"  {count} can do it", "dim"),
        )
    )  # fmt: skip
    if made.candidates:
        out.print(_candidates_table(made))
        show_spread(made)
    else:
        out.print("\nNobody can do this request.", style="red")
    show_rejected(made.rejected)


def show_spread(made: Plan | Estimates) -> None:
    """Who is asked for how many images, where several are asked side by side."""
    from routercore.routing.plan import spread_in_words

    for line in spread_in_words(made.candidates, made.shares):
        console().print(line, markup=False)


def show_rejected(rejections: Sequence[Rejected]) -> None:
    """Who is not tried, with every reason."""
    from rich.text import Text

    out = console()
    if rejections:
        out.print("\nNot tried", style="bold")
    for rejected in rejections:
        for reason in rejected.reasons:
            out.print(
                Text.assemble(
                    ("  ✗ ", "red"), rejected.target, "  ", (reason.param, "yellow"),
                    f"  {reason.message}",
                )
            )  # fmt: skip


def _candidates_table(made: Plan) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("target", style="bold", overflow="fold", ratio=3)
    table.add_column("price", no_wrap=True)
    table.add_column("typically", justify="right", no_wrap=True)
    table.add_column("adapted", overflow="fold", ratio=4)
    for number, candidate in enumerate(made.candidates, 1):
        notes = [Text(f"{w.param}: {w.message}", "yellow") for w in candidate.warnings]
        table.add_row(
            str(number),
            candidate.name,
            str(candidate.estimate),
            f"{candidate.expected_latency:.0f} s",
            Text("\n").join(notes),
        )
    return table
