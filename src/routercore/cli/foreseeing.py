"""What ``plan`` and ``estimate`` share: a question to a router that asks nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from routercore.cli.asking import Asked
from routercore.cli.opening import open_config
from routercore.cli.output import Code, print_json, told

if TYPE_CHECKING:
    from routercore.cli.opening import Opened
    from routercore.router import Router
    from routercore.values.images import ImageRequest


class Foreseen(Protocol):
    """What a router can tell beforehand."""

    @property
    def candidates(self) -> Sequence[object]:
        """Who can do the request."""
        ...


F = TypeVar("F", bound=Foreseen)


def foresee(
    asked: Asked,
    config: Path | None,
    question: Callable[[Router, ImageRequest], F],
    *,
    row: Callable[[F], dict[str, Any]],
    show: Callable[[F], None],
    as_json: bool,
) -> None:
    """Print what a router answers: for programs as a ``row``, or as it is to be shown to people.

    Raises:
        typer.Exit: with 2, where nobody can do the request.
    """
    with told(as_json=as_json):
        opened = open_config(config, needs_secrets=False)
        found = asyncio.run(_answer(opened, asked.request(opened), question))
        if as_json:
            print_json(row(found))
        else:
            show(found)
        if not found.candidates:
            raise typer.Exit(Code.USAGE)


async def _answer(
    opened: Opened, request: ImageRequest, question: Callable[[Router, ImageRequest], F]
) -> F:
    async with opened.router() as router:
        return question(router, request)
