"""``routercore plugin``: make a plugin, record what its vendor answers, and check it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from routercore.cli.opening import JsonOption
from routercore.cli.output import Code, UsageError, console, is_for_people, print_json, told
from routercore.values.amounts import number_of

if TYPE_CHECKING:
    from routercore.provider.spec import Provider
    from routercore.testing.conformance.folder import Findings, PluginFolder

plugin = typer.Typer(help="Make, record and check a provider plugin.", no_args_is_help=True)

T = TypeVar("T")

FolderArgument = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The plugin's folder.")]


@plugin.command()
def new(
    name: Annotated[str, typer.Argument(help="What configurations will call the provider.")],
    shape: Annotated[
        str | None, typer.Option(help="row, one-shot, job or flow; asked for unless given.")
    ] = None,
    parent: Annotated[Path, typer.Option("--in", help="Where the folder is made.")] = Path(),
) -> None:
    """Write a complete plugin that passes the conformance kit at once."""
    from routercore.testing.scaffold import new_plugin

    with told():
        shape = shape or _asked_shape()
        try:
            written = new_plugin(name, shape, parent)
        except ValueError as error:
            raise UsageError(str(error)) from error
        folder = parent / f"routercore-{name}"
        for path in written:
            console().print(f"  {path}", markup=False)
        if owners := _owners_of(name):
            message = (
                f"warning: {owners} is installed and has a provider {name!r} already: no router"
                " takes both, so choose another name, or leave one of them out: [plugins] deny"
            )
            console(stderr=True).print(message, style="yellow", markup=False)
        console(stderr=True).print(
            f"\nNext: cd {folder} && pip install -e . 'routercore[testing]' && "
            "routercore plugin check . --write && pytest",
            markup=False,
        )


def _owners_of(name: str) -> str:
    """The distributions that have a provider of that name."""
    from routercore.plugins import look_at_plugins

    reports = look_at_plugins().reports
    return ", ".join(one.distribution for one in reports if name in one.providers)


def _asked_shape() -> str:
    if not is_for_people():
        raise UsageError("say which --shape: row, one-shot, job or flow")
    out = console()
    out.print("Which shape has the vendor's API?\n")
    out.print("  [bold]row[/]       speaks OpenAI's Images API")
    out.print("  [bold]one-shot[/]  answers one request with the picture")
    out.print("  [bold]job[/]       takes a job and is asked until it is done")
    out.print("  [bold]flow[/]      does anything else\n")
    return str(typer.prompt("shape", default="one-shot"))


@plugin.command()
def check(
    folder: FolderArgument = Path(),
    write: Annotated[bool, typer.Option(help="Record the grade.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the conformance kit on a plugin, and say its grade."""
    with told(as_json=as_json):
        opened = _opened(folder)
        findings = _read(opened.check)
        if as_json:
            print_json({"providers": [_found_row(found) for found in findings]})
        else:
            for found in findings:
                _show(found)
        if write:
            grade = opened.record(findings)
            console(stderr=True).print(f"recorded {grade.name.lower()} in {opened.quality_file}")
        if not all(outcome.is_fine for found in findings for outcome in found.outcomes):
            raise typer.Exit(Code.FAILED)


def _opened(folder: Path) -> PluginFolder:
    try:
        from routercore.testing.conformance.folder import PluginFolder
    except ModuleNotFoundError as error:
        message = f"the kit needs {error.name}; run: pip install 'routercore[testing]'"
        raise UsageError(message) from error
    return _read(lambda: PluginFolder.open(folder.resolve()))


def _read(look: Callable[[], T]) -> T:
    """What ``look`` finds in a plugin's folder; that it is no plugin is wrong usage."""
    from routercore.testing.conformance.folder import FolderError

    try:
        return look()
    except FolderError as error:
        raise UsageError(str(error)) from error


def _found_row(found: Findings) -> dict[str, Any]:
    return {
        "provider": found.provider,
        "grade": found.grade.name.lower(),
        "checks": [
            {"name": o.check.name, "passed": o.problem is None, "problem": o.problem,
             "expected": o.reason} for o in found.outcomes
        ],
    }  # fmt: skip


def _show(found: Findings) -> None:
    out = console()
    out.print(f"\n[bold]{found.provider}[/]  {found.grade.name.lower()}\n")
    for outcome in found.outcomes:
        mark = "[green]✓[/]" if outcome.problem is None else "[red]✗[/]"
        if outcome.reason and outcome.problem:
            mark = "[yellow]–[/]"
        out.print(f"  {mark} {outcome.check.name:<11} {outcome.check.about}")
        if outcome.problem and not outcome.reason:
            out.print(f"      {outcome.problem}", style="red", markup=False)
        elif outcome.reason and outcome.problem:
            out.print(f"      expected: {outcome.reason}", style="dim", markup=False)
        elif outcome.reason:
            out.print("      passes, though it is listed as an exception", style="red")


@plugin.command()
def record(
    folder: FolderArgument = Path(),
    model: Annotated[str, typer.Option(help="The model's name at the provider.")] = "",
    prompt: Annotated[str, typer.Option(help="What to draw.")] = "a lighthouse at dusk",
    case: Annotated[
        str | None, typer.Option(help="The transcript's file name; what is done, unless given.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Such as 1024x1024.")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", "-i", help="A picture to edit; may be given more than once."),
    ] = None,
    mask: Annotated[
        str | None, typer.Option(help="A picture whose transparent pixels say what to change.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="As events, with one partial.")] = False,
    base_url: Annotated[str | None, typer.Option(help="Another address of the API.")] = None,
    provider: Annotated[str | None, typer.Option(help="Where a plugin has several.")] = None,
) -> None:
    """Make one request for real, and keep what was said as a transcript.

    It may cost what a picture costs. The key is read from the provider's usual variable and never
    reaches the recording.
    """
    from routercore.cli.recording import Asked, keep_in, recorded

    with told():
        opened = _opened(folder)
        chosen = _chosen(_read(opened.providers), provider)
        asked = Asked(model=model, prompt=prompt, size=size, images=tuple(image or ()), mask=mask,
                      stream=stream, base_url=base_url)  # fmt: skip
        done = "stream" if stream else "inpaint" if mask else "edit" if image else "generate"
        recording = asyncio.run(recorded(chosen, asked))
        target = opened.path / "tests" / "transcripts" / f"{case or done}.json"
        keep_in(target, recording, chosen.name)
        count = len(recording.exchanges)
        console().print(
            f"{target}: {number_of(count, 'exchange')}, {recording.ended}", markup=False
        )


def _chosen(providers: Sequence[Provider], name: str | None) -> Provider:
    names = ", ".join(one.name for one in providers)
    for one in providers:
        if name == one.name or (name is None and len(providers) == 1):
            return one
    raise UsageError(f"say which --provider: {names}")
