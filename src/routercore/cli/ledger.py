"""``routercore usage``, ``log`` and ``ledger``: what was asked, tried, delivered and paid."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from routercore.cli.opening import ConfigOption, JsonOption, open_config
from routercore.cli.output import Code, console, print_json, told
from routercore.cli.saving import suffix_of
from routercore.values.accounts import By, Logged, Used
from routercore.values.errors import RequestError
from routercore.values.ledger import Attempt, Kind, LedgerStepError, Step, dollars, in_words, micros

if TYPE_CHECKING:
    from routercore.engine.collecting import Collected
    from routercore.engine.ledger import Ledger

T = TypeVar("T")

ledger = typer.Typer(no_args_is_help=True, help="Look after the ledger.")


def _ask(config: Path | None, question: Callable[[Ledger], Awaitable[T]]) -> T:
    """Ask the ledger that the server would keep."""
    from routercore.server.serving import server_ledger

    setup = open_config(config).setup

    async def answer() -> T:
        kept = server_ledger(setup.ledger, setup.store)
        try:
            return await question(kept)
        finally:
            await kept.close()

    return asyncio.run(answer())


def usage(
    by: Annotated[By, typer.Option(help="What to add up by.")] = By.KEY,
    days: Annotated[int, typer.Option(min=1, help="How far back.")] = 30,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was paid, what may have been, and for how many pictures."""
    with told(as_json=as_json):
        now = datetime.now(UTC)
        lines = _ask(config, lambda kept: kept.usage(by, now - timedelta(days=days), now))
        if as_json:
            print_json({"by": by, "since": now - timedelta(days=days),
                        "usage": [_used_row(line) for line in lines]})  # fmt: skip
            return
        table = _table(by.value, "attempts", "images", "paid", "suspect", "held")
        for line in lines:
            stands = line.balance
            amounts = [in_words(stands.posted), in_words(stands.suspect), in_words(stands.held)]
            table.add_row(line.name, str(line.attempts), str(line.images), *amounts)
        console().print(table if lines else "nothing was used")


def _used_row(line: Used) -> dict[str, Any]:
    stands = line.balance
    return {
        "name": line.name, "attempts": line.attempts, "images": line.images,
        "paid": dollars(stands.posted), "suspect": dollars(stands.suspect),
        "held": dollars(stands.held),
    }  # fmt: skip


def log(
    limit: Annotated[int, typer.Option(min=1, help="How many requests.")] = 20,
    key: Annotated[str | None, typer.Option(help="Of this caller's key alone.")] = None,
    request: Annotated[str | None, typer.Option(help="The request of this id.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the latest requests: what was asked, tried, delivered and paid."""
    with told(as_json=as_json):
        pages = _ask(config, lambda kept: kept.log(limit=limit, caller=key, request=request))
        if as_json:
            print_json({"requests": [_logged_row(page) for page in pages]})
            return
        table = _table("when", "request", "key", "model", "images", "ended", "attempts", "counts")
        for page in pages:
            asked, ended = page.asked, page.ended
            how = "under way, or cut off" if ended is None else ended.code or ended.status
            tried = "\n".join(_attempt_text(attempt) for attempt in page.attempts)
            table.add_row(
                f"{asked.at:%Y-%m-%d %H:%M:%S}", asked.request, asked.caller, asked.model,
                f"{ended.images if ended else 0} of {asked.n}", how, tried,
                in_words(page.balance.spent),
            )  # fmt: skip
        console().print(table if pages else "nothing was asked")


def _attempt_text(attempt: Attempt) -> str:
    why = f" ({attempt.outcome.fault})" if attempt.outcome.fault else ""
    return f"{attempt.hold.target} {attempt.last.kind}{why}"


def _logged_row(page: Logged) -> dict[str, Any]:
    asked, ended = page.asked, page.ended
    return {
        "request": asked.request, "at": asked.at.isoformat(), "key": asked.caller,
        "model": asked.model, "operation": asked.operation, "n": asked.n, "size": asked.size,
        "quality": asked.quality, "prompt": asked.prompt, "user": asked.user,
        "status": ended.status if ended else None, "code": ended.code if ended else None,
        "target": ended.target if ended else None, "images": ended.images if ended else 0,
        "seconds": ended.seconds if ended else None, "cache": ended.cache if ended else None,
        "attempts": [_attempt_row(attempt) for attempt in page.attempts],
    }  # fmt: skip


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    hold, last, outcome = attempt.hold, attempt.last, attempt.outcome
    return {
        "attempt": hold.attempt, "request": hold.request, "key": hold.caller,
        "target": hold.target, "at": hold.at.isoformat(), "held": dollars(hold.micros),
        "state": last.kind, "counts": dollars(last.micros), "reason": last.reason or None,
        "images": outcome.images, "fault": outcome.fault, "upstream_id": outcome.upstream_id,
        "seconds": outcome.seconds, "basis": outcome.basis, "job": _job(attempt),
    }  # fmt: skip


def _job(attempt: Attempt) -> str | None:
    """How its accepted job stands, where it can, or once could, be collected."""
    if attempt.given_up is not None:
        return f"given up: {attempt.given_up}"
    return "to be collected" if attempt.ticket is not None else None


@ledger.command()
def audit(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Compute every balance again from the rows; ends with 1 where any differs."""
    with told(as_json=as_json):
        found = _ask(config, lambda kept: kept.audit())
        if as_json:
            rows = [{"what": m.what, "expected": m.expected, "actual": m.actual} for m in found]
            print_json({"mismatches": rows})
        else:
            for one in found:
                console().print(f"{one.what}: {one.actual}, but the rows say {one.expected}",
                                markup=False)  # fmt: skip
            if not found:
                console().print("[green]✓[/] every balance is the sum of its rows")
        if found:
            raise typer.Exit(Code.FAILED)


@ledger.command()
def reconcile(
    attempt: Annotated[str, typer.Argument(help="The id of an open attempt.")] = "",
    paid: Annotated[str | None, typer.Option(metavar="USD", help="It cost so much.")] = None,
    free: Annotated[bool, typer.Option("--free", help="It cost nothing.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the attempts whose cost nobody knows yet; or say what one of them cost."""
    with told(as_json=as_json):
        if not attempt:
            _show_open(_ask(config, lambda kept: kept.open_attempts()), as_json=as_json)
            return
        step = _proven(attempt, paid, free=free)
        try:
            after = _ask(config, lambda kept: kept.write(step))
        except LedgerStepError as error:
            raise RequestError(str(error), param="attempt") from error
        if as_json:
            print_json(_attempt_row(after))
        else:
            console().print(f"{attempt} is {after.last.kind}: {in_words(after.last.micros)}")


def _proven(attempt: str, paid: str | None, *, free: bool) -> Step:
    if (paid is None) is not free:
        raise RequestError("say either --paid USD or --free")
    now, reason = datetime.now(UTC), "reconciled"
    if paid is None:
        return Step(attempt=attempt, kind=Kind.VOIDED, at=now, reason=reason)
    try:
        amount = micros(Decimal(paid))
    except (InvalidOperation, OverflowError, ValueError):
        amount = -1
    if amount < 0:
        raise RequestError(f"{paid!r} is no amount of dollars", param="paid")
    return Step(attempt=attempt, kind=Kind.POSTED, at=now, micros=amount, reason=reason)


def _show_open(found: list[Attempt], *, as_json: bool) -> None:
    if as_json:
        print_json({"open": [_attempt_row(one) for one in found]})
        return
    table = _table("attempt", "when", "target", "state", "counts", "why")
    for one in found:
        hold, last = one.hold, one.last
        table.add_row(hold.attempt, f"{hold.at:%Y-%m-%d %H:%M:%S}", hold.target, last.kind,
                      in_words(last.micros), _job(one) or last.reason)  # fmt: skip
    console().print(table if found else "[green]✓[/] every attempt is settled")


@ledger.command()
def collect(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR",
                                         help="Where the pictures go.")],
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0,
                                        help="How long each job is waited for.")] = 120.0,
    even_if_leased: Annotated[bool, typer.Option(
        "--even-if-leased",
        help="Also jobs whose process may be at work on them: only if you know that none is.",
    )] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Save the pictures of accepted jobs that nobody waits for any more; nothing is bought."""
    with told(as_json=as_json):
        output.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(_collect(config, output, wait, even_if_leased=even_if_leased))
        if as_json:
            print_json(found)
            return
        for row in found["collected"]:
            for path in row["paths"]:
                console().print(f"{path}  {row['request']}  {row['target']}", markup=False)
        fates = ", ".join(f"{number} {fate}" for fate, number in found["jobs"].items() if number)
        console().print(fates.replace("_", " ") or "there is no job to collect")


async def _collect(
    config: Path | None, folder: Path, seconds: float, *, even_if_leased: bool
) -> dict[str, Any]:
    from routercore.server.serving import server_ledger

    rows: list[dict[str, Any]] = []

    async def save(collected: Collected) -> None:
        result = collected.result
        paths = await asyncio.to_thread(_save, folder, collected)
        row = {"request": result.id, "key": collected.caller, "target": result.target}
        rows.append({**row, "attempt": collected.attempt, "usd": result.cost.usd, "paths": paths})

    async with open_config(config).router(ledger=server_ledger) as router:
        fates = await router.collect(save, seconds=seconds, even_if_leased=even_if_leased)
    return {"collected": rows, "jobs": {fate.value: number for fate, number in fates.items()}}


def _save(folder: Path, collected: Collected) -> list[str]:
    """Under the attempt's name, so that one that is collected twice takes the place of itself."""
    paths = []
    for number, image in enumerate(collected.result.images, 1):
        safe = re.sub(r"[^\w.-]+", "_", collected.attempt)[-100:].lstrip(".")
        name = f"{safe}-{number}{suffix_of(image)}"
        paths.append(str(image.save(folder / name)))
    return paths


@ledger.command()
def erase(
    request: Annotated[str | None, typer.Option(help="Of this request.")] = None,
    key: Annotated[str | None, typer.Option(help="Of this caller's key.")] = None,
    user: Annotated[str | None, typer.Option(help="Of this user, as requests name it.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase prompts and users from the log; amounts stay."""
    with told(as_json=as_json):
        given = [one for one in (request, key, user) if one is not None]
        if not all(given) or not given:
            raise RequestError("say whose: --request, --key or --user, and none of them empty")
        count = _ask(config, lambda kept: kept.erase(request=request, caller=key, user=user))
        if as_json:
            print_json({"erased": count})
        else:
            console().print(f"erased what was asked in {count} requests")


def _table(first: str, *others: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first, style="bold", overflow="fold")
    for name in others:
        table.add_column(name, overflow="fold")
    return table
