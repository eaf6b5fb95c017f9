"""``routercore serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from routercore.cli.opening import ConfigOption, config_path
from routercore.cli.output import Code, console, told


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
    try:
        from routercore.server import serve as serve_until_told
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "routercore":
            raise
        message = f"the server needs {package}; run: pip install 'routercore[server]'"
        console(stderr=True).print(f"error: {message}", style="red", markup=False)
        raise typer.Exit(Code.CONFIGURATION) from error
    with told():
        serve_until_told(
            config_path(config),
            host=host,
            port=port,
            workers=workers,
            allow_anonymous=allow_anonymous,
            log_level=log_level,
        )
