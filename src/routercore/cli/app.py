"""Every command in its place."""

from __future__ import annotations

from typing import Annotated

import typer

from routercore import __version__
from routercore.cli import (
    authoring,
    configuring,
    drifting,
    estimating,
    ledger,
    listing,
    making,
    planning,
    rehearsing,
    serving,
)
from routercore.cli.asking import Prompted

EPILOG = (
    "Exit codes: 0 done · 1 every attempt failed · 2 wrong usage or request · 3 refused by content "
    "policy · 4 configuration or plugins · 5 rate limit or budget · 130 interrupted"
)

app = typer.Typer(
    name="routercore",
    help="Make pictures with any of many providers; a configuration file decides which.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"routercore {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take what comes before a command."""


MAKE, LOOK, RUN = "Pictures", "What there is", "Server and configuration"
app.command(rich_help_panel=MAKE, cls=Prompted)(making.generate)
app.command(rich_help_panel=MAKE, cls=Prompted)(making.edit)
app.command(rich_help_panel=MAKE, cls=Prompted)(planning.plan)
app.command(rich_help_panel=MAKE, cls=Prompted)(estimating.estimate)
app.command(rich_help_panel=LOOK)(listing.models)
providers = typer.Typer(invoke_without_command=True)
providers.callback()(listing.providers)
providers.command()(drifting.check)
app.add_typer(providers, name="providers", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(listing.plugins)
app.command(rich_help_panel=RUN)(serving.serve)
app.command(rich_help_panel=RUN)(rehearsing.rehearse)
app.command(rich_help_panel=RUN)(ledger.usage)
app.command(rich_help_panel=RUN)(ledger.log)
app.add_typer(ledger.ledger, name="ledger", rich_help_panel=RUN)
app.add_typer(configuring.config, name="config", rich_help_panel=RUN)
app.add_typer(configuring.keys, name="keys", rich_help_panel=RUN)
app.add_typer(authoring.plugin, name="plugin", rich_help_panel="Plugin authors")
