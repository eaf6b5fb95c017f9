"""``routercore generate`` and ``routercore edit``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routercore.cli.asking import Asked, asking
from routercore.cli.opening import ConfigOption, JsonOption, open_config
from routercore.cli.output import (
    Code,
    UsageError,
    attempt_row,
    console,
    is_for_people,
    print_json,
    told,
)
from routercore.cli.progress import ProgressLine
from routercore.cli.saving import Destination
from routercore.values.amounts import in_dollars

if TYPE_CHECKING:
    from routercore.cli.opening import Opened
    from routercore.values.images import ImageRequest, ImageResult
    from routercore.values.money import Cost

OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE",
        help="A file, a folder, or - for standard output; a name from the prompt, else.",
    ),
]  # fmt: skip
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file that -o names.")
]
ShowOption = Annotated[
    bool, typer.Option("--show/--no-show", help="Show the picture in the terminal, if it can.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress; print paths alone.")]


@asking
def generate(
    asked: Asked,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    show: ShowOption = True,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make pictures from a prompt."""
    with told(as_json=as_json):
        destination = Destination(given=output, overwrite=overwrite)
        _make(asked, destination, config, show=show, quiet=quiet, as_json=as_json)


@asking
def edit(
    asked: Asked,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    show: ShowOption = True,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make pictures from a prompt and pictures, each given by --image."""
    with told(as_json=as_json):
        if not asked.image:
            raise UsageError("edit needs a picture: --image FILE")
        destination = Destination(given=output, overwrite=overwrite)
        _make(asked, destination, config, show=show, quiet=quiet, as_json=as_json)


def _make(
    asked: Asked,
    destination: Destination,
    config: Path | None,
    *,
    show: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    if destination.is_stream and as_json:
        raise UsageError("-o - and --json both want standard output")
    destination.check(asked.n, asked.own_format)
    opened = open_config(config)
    request = asked.request(opened, output_format=destination.format)
    with ProgressLine(quiet=quiet or as_json) as line:
        result = asyncio.run(_ask(opened, request, line))
    paths = destination.save(result.images, request.prompt)
    advice = None if asked.model else _advice(opened, request)
    if as_json:
        print_json({**result_row(result, paths), "advice": advice})
    elif is_for_people() and not quiet:
        if show:
            from routercore.cli.showing import show as show_images

            show_images(result.images)
        _tell_people(result, paths)
    else:
        _tell_pipe(result, paths)
    if advice and not quiet and not as_json:
        console(stderr=True).print(f"note: {advice}", style="dim", markup=False)
    if result.missing:
        raise typer.Exit(Code.FAILED)


def _advice(opened: Opened, request: ImageRequest) -> str | None:
    """How to choose a real model, where nobody chose one although there are some.

    A key in the environment is no order to spend money, so what draws unasked is free; but whoever
    has a key expects the vendor's picture, and must be told that this is none.
    """
    from routercore.config.build import ALWAYS_ENABLED
    from routercore.engine.models import Catalogue
    from routercore.engine.setup import LOCAL_CALLER

    setup = opened.setup
    if setup.server.default_model:
        return None
    embedded = {one.name for one in setup.providers if one.provider.name == ALWAYS_ENABLED}
    for entry in Catalogue(setup).entries(LOCAL_CALLER, datetime.now(UTC).date()):
        able = [one for one in entry.targets if request.operation in one.card.operations]
        if any(one.provider not in embedded for one in able):
            return (
                f"nobody chose a model, so {request.model} drew this: it is embedded, free, and no "
                f"vendor was asked. --model {entry.name} asks one, which may cost money; "
                "`routercore models` lists all, [server] default_model sets one for good"
            )
    return None


async def _ask(opened: Opened, request: ImageRequest, line: ProgressLine) -> ImageResult:
    async with opened.router([line]) as router:
        return await router.generate(request)


def result_row(result: ImageResult, paths: Sequence[Path]) -> dict[str, Any]:
    """A result for programs."""
    usage = result.usage
    images = [
        {
            "path": str(path),
            "format": image.format,
            "width": image.size and image.size.width,
            "height": image.size and image.size.height,
            "bytes": len(image.data),
            "sha256": image.digest,
            "seed": image.seed,
            "target": image.target,
            "revised_prompt": image.revised_prompt,
        }
        for path, image in zip(paths, result.images, strict=True)
    ]
    return {
        "id": result.id,
        "model": result.model,
        "target": result.target,
        "seconds": round(result.latency_s, 3),
        "cache": result.cache,
        "cost": {"usd": result.cost.usd, "basis": result.cost.basis.value},
        "usage": usage
        and {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        "images": images,
        "warnings": [
            {"code": w.code, "param": w.param, "message": w.message, "requested": w.requested,
             "delivered": w.delivered}
            for w in result.warnings
        ],
        "missing": [{"fault": f.fault.value, "message": f.message} for f in result.missing],
        "attempts": [attempt_row(attempt) for attempt in result.attempts],
    }  # fmt: skip


def _tell_people(result: ImageResult, paths: Sequence[Path]) -> None:
    from rich.markup import escape
    from rich.text import Text

    out = console()
    for path, image in zip(paths, result.images, strict=True):
        size = f"  {image.size}" if image.size else ""
        about = f"{size} {image.format}, {_bytes(len(image.data))}"
        out.print(Text.assemble(("✓ ", "green"), (str(path), "bold"), (about, "dim")))
    facts = [f"[bold]{escape(result.target)}[/]", f"{result.latency_s:.1f} s", _price(result.cost)]
    if len(result.attempts) > 1:
        facts.append(f"{len(result.attempts)} attempts")
    out.print("  " + " [dim]·[/] ".join(facts))
    for warning in result.warnings:
        out.print(Text.assemble(("! ", "yellow"), f"{warning.param}: {warning.message}"))
    for line in _missing(result):
        out.print(Text.assemble(("✗ ", "red"), line))


def _tell_pipe(result: ImageResult, paths: Sequence[Path]) -> None:
    for path in paths:
        console().print(str(path), markup=False)
    problems = console(stderr=True)
    for warning in result.warnings:
        problems.print(f"warning: {warning.param}: {warning.message}", markup=False)
    for line in _missing(result):
        problems.print(f"error: {line}", markup=False)


def _missing(result: ImageResult) -> Iterator[str]:
    """What did not come, each reason once."""
    for message, count in Counter(failure.message for failure in result.missing).items():
        lacking = "one picture is missing" if count == 1 else f"{count} pictures are missing"
        yield f"{lacking}: {message}"


def _price(cost: Cost) -> str:
    if cost.usd is None:
        return "cost unknown"
    if not cost.usd:
        return "free"
    return f"{in_dollars(cost.usd)} [dim]({cost.basis.value})[/]"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
