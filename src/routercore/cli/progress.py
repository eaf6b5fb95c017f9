"""A line that tells what is being tried, while it is being tried."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from routercore.cli.output import console
from routercore.values.events import Event

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live


class ProgressLine:
    """Hears the router's events and shows them on standard error, if that is a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = console(stderr=True)
        self._live: Live | None = None
        self._wanted = self._console.is_terminal and not quiet
        self._began = time.monotonic()
        self._target = ""
        self._doing = "choosing"
        self._fraction: float | None = None

    def __enter__(self) -> Self:
        if self._wanted:
            from rich.live import Live
            from rich.spinner import Spinner

            self._spinner = Spinner("dots", style="cyan")
            self._live = Live(
                console=self._console, transient=True, refresh_per_second=10,
                get_renderable=self._render,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def notify(self, event: Event) -> None:
        """Take in one event of the router."""
        about = event.fields
        match event.name:
            case "attempt.started":
                self._target, self._doing, self._fraction = about["target"], "asking", None
            case "attempt.accepted":
                self._doing = "accepted, waiting"
            case "attempt.progress":
                self._doing = about["message"] or self._doing
                self._fraction = about["fraction"]
            case "attempt.partial":
                self._doing = f"draft {about['index'] + 1}"
            case "attempt.failed":
                self._print_failure(about)

    def _print_failure(self, about: Any) -> None:
        from rich.text import Text

        if self._live is None:
            return
        fault = str(about["fault"]).replace("_", " ")
        line = Text.assemble(
            ("✗ ", "red"), (about["target"], "bold"),
            f"  {fault} after {about['seconds']:.1f} s  ", (_short(about["message"]), "dim"),
        )  # fmt: skip
        self._live.console.print(line, no_wrap=True, overflow="ellipsis")

    def _render(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        seconds = time.monotonic() - self._began
        text = Text(no_wrap=True, overflow="ellipsis")
        if self._target:
            text.append(self._target, "bold")
            text.append("  ")
        text.append(self._doing, "dim")
        if self._fraction:
            text.append(f" {self._fraction:.0%}", "cyan")
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(self._spinner, text, Text(f"{seconds:.0f} s", "dim"))
        return grid


def _short(message: object) -> str:
    return " ".join(str(message or "").split())
