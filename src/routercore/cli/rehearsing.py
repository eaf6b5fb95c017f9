"""``routercore rehearse``: what callers would see, and what it would cost, in an outage."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routercore.cli.opening import USUAL, VARIABLE, JsonOption
from routercore.cli.output import Code, UsageError, console, print_json, told
from routercore.values.amounts import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from routercore.testing.rehearsal import Call, Outage, Scene
    from routercore.values.events import AttemptRecord

LEGEND = """
 at stake: what may have been charged without a picture; calls to it: to {0};
 back after: when {0} delivered again, from the end of its outage\
"""


def rehearse(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", envvar=VARIABLE, help="The configuration to try.")
    ] = USUAL,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Rehearse this model alone; repeatable."),
    ] = None,
    outage: Annotated[
        list[str] | None,
        typer.Option("--outage", "-o", help="Rehearse this outage alone; repeatable."),
    ] = None,
    requests: Annotated[int, typer.Option("--requests", min=4, max=10_000)] = 60,
    every: Annotated[
        float, typer.Option("--every", min=0.01, metavar="SECONDS", help="Between requests.")
    ] = 5.0,
    size: Annotated[str | None, typer.Option("--size", "-s", metavar="WxH")] = None,
    quality: Annotated[str | None, typer.Option("--quality", "-q")] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=100)] = 1,
    seed: Annotated[int | None, typer.Option("--seed", help="For other luck.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Play outages against a configuration, and show what callers would have seen.

    Routes, limits, cards, prices and policy are the configuration's own; stand-ins take the
    providers' places, time leaps, and nothing is sent or spent. Variables that are not set are
    made up. The outage lasts for the second quarter of the requests. Ends with 1 where the
    primary's outage gives a caller an error that is no refusal.
    """
    from routercore.testing import rehearsal

    with told(as_json=as_json):
        asked: dict[str, Any] = {"size": size, "quality": quality, "n": n}
        scenes = rehearsal.rehearse(
            config, models=model or (), outages=_outages(outage or ()),
            pace=rehearsal.Pace(requests, every), seed=rehearsal.SEED if seed is None else seed,
            **{name: value for name, value in asked.items() if value is not None},
        )  # fmt: skip
        failed = _print_json(scenes) if as_json else _show(scenes)
        if failed:
            raise typer.Exit(Code.FAILED)


def _outages(names: Iterable[str]) -> tuple[Outage, ...]:
    from routercore.provider.options import nearest
    from routercore.testing.rehearsal import CALM, OUTAGES

    known = {outage.name: outage for outage in OUTAGES}
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise UsageError(f"--outage: there is no {name!r}{hint}")
    return (CALM, *(known[name] for name in names or known))


def _print_json(scenes: Iterable[Scene]) -> bool:
    played = list(scenes)
    print_json([scene_row(scene) for scene in played])
    return any(map(_is_felt, played))


def _is_felt(scene: Scene) -> bool:
    """Whether callers got errors although a provider was left."""
    return bool(scene.failed) and not scene.outage.everywhere


def scene_row(scene: Scene) -> dict[str, Any]:
    """A scene for programs; money in dollars, as text."""
    example = scene.example
    return {
        "model": scene.model,
        "outage": scene.outage.name,
        "primary": scene.primary,
        "requests": len(scene.calls),
        "delivered": scene.delivered,
        "refused": scene.refused,
        "failed": scene.failed,
        "errors": dict(scene.errors),
        "usual_seconds": round(scene.usual_seconds, 1),
        "slowest_seconds": round(scene.slowest_seconds, 1),
        "spent": scene.spent,
        "at_stake": scene.at_stake,
        "calls": dict(scene.reached),
        "back_after_seconds": None if scene.back_after is None else round(scene.back_after, 1),
        "example": {
            "at_seconds": example.at,
            "seconds": round(example.seconds, 1),
            "error": example.error.code if example.error else None,
            "attempts": [
                {
                    "target": attempt.target,
                    "fault": attempt.failure.fault if attempt.failure else None,
                    "seconds": round(attempt.duration_s, 1),
                    "decision": attempt.decision,
                }
                for attempt in example.attempts
            ],
        },
    }


def _show(scenes: Iterable[Scene]) -> bool:
    from rich.text import Text

    failed = False
    for model, played in groupby(scenes, key=lambda scene: scene.model):
        out, rows = console(), list(played)
        pace = rows[0].pace
        heading = (
            f"  {pace.requests} requests, one every {pace.every:g} s;"
            f" {rows[0].primary} is out from {pace.begins:g} s to {pace.ends:g} s"
        )
        out.print(Text.assemble("\n", (model, "bold"), (heading, "dim")))
        out.print(_table(rows))
        for scene in rows[1:]:
            out.print(_tried(scene, max(len(row.outage.name) for row in rows)))
        out.print(Text(LEGEND.format(rows[0].primary), "dim"))
        failed = failed or any(map(_is_felt, rows))
    return failed


def _table(scenes: list[Scene]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("outage", style="bold", no_wrap=True)
    table.add_column("callers saw")
    for name in ("usually", "slowest", "spent", "at stake", "calls to it", "back after"):
        table.add_column(name, justify="right", no_wrap=True)
    for scene in scenes:
        table.add_row(
            scene.outage.name, _seen(scene), f"{scene.usual_seconds:.0f} s",
            f"{scene.slowest_seconds:.0f} s", f"${scene.spent:.2f}",
            f"${scene.at_stake:.2f}" if scene.at_stake else "–",
            str(scene.reached.get(scene.primary, 0)), _back(scene),
        )  # fmt: skip
    return table


def _seen(scene: Scene) -> Any:
    from rich.text import Text

    seen = Text(number_of(scene.delivered, "result"), "green")
    style = "red" if scene.failed else "yellow"
    for code, count in scene.errors.items():
        seen.append(f", {count} {code}", style)
    return seen


def _back(scene: Scene) -> str:
    if scene.outage.name == "calm":
        return "–"
    return "not yet" if scene.back_after is None else f"{scene.back_after:.0f} s"


def _tried(scene: Scene, width: int) -> Any:
    """One line: what happens, and what the call that tells most went through."""
    from rich.text import Text

    name = scene.outage.name.ljust(width)
    line = Text.assemble((f" {name}", "bold"), (f"  {scene.outage.told}: ", "dim"))
    line.append(" → ".join(map(_step, scene.example.attempts)) or "no attempt")
    return line.append(*_end(scene.example))


def _step(attempt: AttemptRecord) -> str:
    word = attempt.failure.fault if attempt.failure else "delivers"
    return f"{attempt.target} {word} ({attempt.duration_s:.0f} s)"


def _end(call: Call) -> tuple[str, str]:
    return (f" → {call.error.code}", "red") if call.error else ("", "")
