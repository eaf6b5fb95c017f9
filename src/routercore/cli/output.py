"""Saying things: results on standard output, problems on standard error, exit codes for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

from routercore.values.amounts import number_of, plain
from routercore.values.errors import (
    AttemptsFailedError,
    BudgetError,
    ConfigError,
    LimitError,
    ModelNotFoundError,
    PluginError,
    RefusedError,
    RequestError,
    RouterError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from rich.console import Console

    from routercore.values.events import AttemptRecord


class Code(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    CONFIGURATION = 4
    LIMITED = 5
    INTERRUPTED = 130


class UsageError(Exception):
    """Arguments that do not go together; the message says what would."""


class ExtraMissing(Exception):
    """A command needs a package that comes with an extra."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}; run: pip install 'routercore[{extra}]'")


@cache
def console(*, stderr: bool = False) -> Console:
    """Where people read. In a pipe it has no colours and breaks no lines."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, highlight=False, soft_wrap=not stream.isatty(), width=width)


def is_for_people() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    """One JSON document on standard output; amounts of money as text, so that none is rounded."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write(text + "\n")


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


def money(usd: Decimal | None) -> str | None:
    """An amount without an exponent and without trailing zeros beyond cents."""
    return None if usd is None else plain(usd)


@contextmanager
def told(*, as_json: bool = False) -> Iterator[None]:
    """Turn expected errors into a message and an exit code, never a traceback."""
    try:
        yield
    except RouterError as error:
        if as_json:
            print_json({"error": described(error)})
        else:
            complain(error)
        raise typer.Exit(code_of(error)) from error
    except ExtraMissing as error:
        _problem(str(error), as_json=as_json, kind="extra")
        raise typer.Exit(Code.CONFIGURATION) from error
    except UsageError as error:
        _problem(str(error), as_json=as_json)
        raise typer.Exit(Code.USAGE) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        _problem(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), as_json=as_json)
        raise typer.Exit(Code.FAILED) from error
    except KeyboardInterrupt as error:
        console(stderr=True).print("interrupted", style="yellow")
        raise typer.Exit(Code.INTERRUPTED) from error


def _problem(message: str, *, as_json: bool, kind: str = "usage") -> None:
    if as_json:
        print_json({"error": {"type": kind, "message": message}})
    else:
        console(stderr=True).print(f"error: {message}", style="red", markup=False)


def code_of(error: RouterError) -> Code:
    """The exit code that an error ends with."""
    match error:
        case RefusedError():
            return Code.REFUSED
        case ConfigError() | PluginError():
            return Code.CONFIGURATION
        case LimitError() | BudgetError() | AttemptsFailedError(status=429):
            return Code.LIMITED
        case RequestError():
            return Code.USAGE
        case _:
            return Code.FAILED


def described(error: RouterError) -> dict[str, Any]:
    """An error for programs."""
    about: dict[str, Any] = {
        "type": type(error).__name__,
        "code": error.code,
        "param": error.param,
        "message": error.message,
        "retry_after": error.retry_after,
    }
    if isinstance(error, ConfigError):
        about["problems"] = list(error.problems)
    if error.attempts:
        about["attempts"] = [attempt_row(attempt) for attempt in error.attempts]
    return about


def attempt_row(attempt: AttemptRecord) -> dict[str, Any]:
    """One attempt for programs."""
    failure = attempt.failure
    return {
        "target": attempt.target,
        "number": attempt.number,
        "seconds": round(attempt.duration_s, 3),
        "images": attempt.images,
        "fault": failure and failure.fault.value,
        "message": failure and failure.message,
        "status": failure and failure.status,
        "hedge": attempt.is_hedge,
        "exposed_usd": attempt.exposed_usd,
        "decision": attempt.decision or None,
    }


def complain(error: RouterError) -> None:
    """An error for people, on standard error."""
    out = console(stderr=True)
    match error:
        case ConfigError(problems=problems):
            mistakes = number_of(len(problems), "mistake")
            out.print(f"error: {mistakes} in the configuration", style="red")
            for problem in problems:
                out.print(f"  • {problem}", markup=False)
        case UnsupportedError(rejections=rejections):
            out.print("error: no target can do this request", style="red")
            for target, reasons in rejections.items():
                for reason in reasons:
                    out.print(f"  • {target}: {reason.param}: {reason.message}", markup=False)
        case AttemptsFailedError(attempts=attempts):
            out.print("error: every attempt failed", style="red")
            for attempt in attempts:
                out.print(f"  • {said(attempt)}", markup=False)
        case _:
            out.print(f"error: {error.message}", style="red", markup=False)
    for hint in _hints(error):
        out.print(f"  {hint}", style="dim", markup=False)


def said(attempt: AttemptRecord) -> str:
    """A failed attempt in one line."""
    failure = attempt.failure
    if failure is None:
        return f"{attempt.target}: delivered"
    fault = failure.fault.value.replace("_", " ")
    status = f", HTTP {failure.status}" if failure.status else ""
    then = f" → {attempt.decision}" if attempt.decision else ""
    message = failure.message.rstrip(".")
    return f"{attempt.target}: {fault}{status} after {attempt.duration_s:.1f} s: {message}{then}"


def _hints(error: RouterError) -> Iterator[str]:
    yield from getattr(error, "__notes__", ())
    if error.retry_after is not None:
        yield f"There is room again in {error.retry_after:.0f} s."
    if isinstance(error, AttemptsFailedError) and error.may_retry is False:
        yield "It may have been carried out and billed: sending it again may pay twice."
    if isinstance(error, ModelNotFoundError):
        yield "`routercore providers` tells who is enabled, and what the others need."
    if isinstance(error, RefusedError) and error.categories:
        yield f"The provider's reasons: {', '.join(error.categories)}."
