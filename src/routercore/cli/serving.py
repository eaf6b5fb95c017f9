"""``routercore serve``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from routercore.cli.opening import ConfigOption, config_path
from routercore.cli.output import Code, ExtraMissing, told


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to bind.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes; each has limits of its own.")
    ] = 1,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Listen beyond this machine without keys.")
    ] = False,
    log_level: Annotated[
        str, typer.Option("--log-level", help="debug, info, warning or error.")
    ] = "info",
) -> None:
    """Serve OpenAI's Images API over the configured providers."""
    with told():
        serve_until_told = _server()
        try:
            serve_until_told(
                config_path(config),
                host=host,
                port=port,
                workers=workers,
                allow_anonymous=allow_anonymous,
                log_level=log_level,
            )
        except SystemExit as error:  # uvicorn's own codes, which stand for something else here.
            raise typer.Exit(Code.FAILED if error.code else Code.DONE) from error


def _server() -> Callable[..., None]:
    try:
        from routercore.server import serve as serve_until_told
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "routercore":
            raise
        raise ExtraMissing("the server", package, "server") from error
    return serve_until_told
