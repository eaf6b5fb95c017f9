"""The command line; needs the extra ``cli``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run ``routercore`` with the arguments of this process."""
    try:
        from routercore.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "textual_image"):
            raise
        print(  # noqa: T201 - there is no rich to print with
            f"routercore: the command line needs {error.name}, which is not installed; "
            'run: pip install "routercore[cli]"',
            file=sys.stderr,
        )
        sys.exit(4)
    app(prog_name="routercore")
