"""``routercore config`` and ``routercore keys``."""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from routercore.cli.opening import JsonOption, Opened, config_path, open_config
from routercore.cli.output import UsageError, console, print_json, told
from routercore.values.amounts import number_of

KEY_PREFIX = "rc_"
KEY_BYTES = 32

config = typer.Typer(help="Check a configuration file, or print its schema.", no_args_is_help=True)
keys = typer.Typer(help="Make and hash the keys of callers.", no_args_is_help=True)


@config.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="./routercore.toml unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a configuration is right, or every mistake in it with its place."""
    with told(as_json=as_json):
        path = config_path(file)
        if path is None:
            raise UsageError("there is no routercore.toml here; name a file")
        opened = open_config(path)
        if as_json:
            print_json(
                {
                    "file": str(path),
                    "ok": True,
                    **_counts(opened),
                    "warnings": list(_warnings(opened)),
                }
            )
            return
        counts = _counts(opened).items()
        counted = ", ".join(number_of(count, name.removesuffix("s")) for name, count in counts)
        console().print(f"[green]✓[/] [bold]{path}[/] is right: {counted}")
        for warning in _warnings(opened):
            console(stderr=True).print(f"warning: {warning}", style="yellow", markup=False)


def _warnings(opened: Opened) -> Iterator[str]:
    yield from opened.warnings
    for report in opened.contributions.reports:
        if report.problem is not None:
            yield f"the plugin {report.name} is broken: {report.problem}"


def _counts(opened: Opened) -> dict[str, int]:
    setup = opened.setup
    return {
        "providers": len(setup.providers),
        "models": len(setup.routes),
        "keys": len(setup.callers),
    }


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from routercore.config import schema as make_schema

    print_json(make_schema())


@keys.command("new")
def new_key(as_json: JsonOption = False) -> None:
    """Make a key for a caller, and the hash of it for the configuration."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    if as_json:
        print_json({"key": key, "hash": _hash(key)})
        return
    out = console()
    out.print(f"key   {key}", markup=False, soft_wrap=True)
    out.print(f"hash  {_hash(key)}", markup=False, soft_wrap=True)
    if out.is_terminal:
        out.print('\nGive the key to the caller; put hash = "…" under [keys.NAME].', style="dim",
                  markup=False)  # fmt: skip


@keys.command("hash")
def hash_key() -> None:
    """Print the SHA-256 of a key that is read from standard input, or typed unseen."""
    from routercore.config.document import MIN_KEY

    with told():
        if sys.stdin.isatty():
            from getpass import getpass

            key = getpass("key: ")
        else:
            key = sys.stdin.readline()
        key = key.strip()
        if not key:
            raise UsageError("there is no key; 'routercore keys new' makes one")
        if len(key) < MIN_KEY:
            raise UsageError(f"the key should have at least {MIN_KEY} characters")
        console().print(_hash(key), soft_wrap=True)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
