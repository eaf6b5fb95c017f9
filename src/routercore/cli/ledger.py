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
from routercore.cli.output import Code, ExtraMissing, console, print_json, told
from routercore.cli.saving import suffix_of
from routercore.values.accounts import By, Logged, Used
from routercore.values.amounts import number_of
from routercore.values.errors import RequestError
from routercore.values.ledger import Attempt, Kind, LedgerStepError, Step, dollars, in_words, micros

if TYPE_CHECKING:
    from routercore.engine.collecting import Collected
    from routercore.engine.ledger import Ledger
    from routercore.engine.setup import LedgerSetup, RouterSetup

T = TypeVar("T")

ledger = typer.Typer(no_args_is_help=True, help="Look after the ledger.")


def _kept(config: Path | None) -> LedgerSetup:
    """The ledger that the server would keep."""
    return _kept_by(open_config(config, needs_secrets=False).setup)


def _kept_by(setup: RouterSetup) -> LedgerSetup:
    from routercore.state.ledger import missing_for
    from routercore.state.places import ledger_of

    kept = ledger_of(setup.ledger, setup.store)
    for package, extra in missing_for(kept):
        raise ExtraMissing("the ledger", package, extra)
    return kept


def _ask(kept: LedgerSetup, question: Callable[[Ledger], Awaitable[T]]) -> T:
    from routercore.state.ledger import open_ledger

    async def answer() -> T:
        opened = open_ledger(kept)
        try:
            return await question(opened)
        finally:
            await opened.close()

    return asyncio.run(answer())


def _tell_where(kept: LedgerSetup, *, is_empty: bool) -> None:
    """Which ledger it was: a library, and `generate`, keep none there of their own accord."""
    out = console()
    out.print(f"ledger: {kept.where}", style="dim", markup=False, soft_wrap=True)
    if is_empty:
        out.print("`routercore serve` writes there; `generate`, `edit` and programs do where"
                  " \\[ledger] url says so", style="dim")  # fmt: skip


def usage(
    by: Annotated[By, typer.Option(help="What to add up by.")] = By.KEY,
    days: Annotated[int, typer.Option(min=1, help="How far back.")] = 30,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was paid, what may have been, and for how many pictures."""
    with told(as_json=as_json):
        now = datetime.now(UTC)
        kept = _kept(config)
        lines = _ask(kept, lambda ledger: ledger.usage(by, now - timedelta(days=days), now))
        if as_json:
            print_json({"ledger": kept.where, "by": by, "since": now - timedelta(days=days),
                        "usage": [_used_row(line) for line in lines]})  # fmt: skip
            return
        table = _table(by.value, "attempts", "images", "paid", "suspect", "held")
        for line in lines:
            stands = line.balance
            amounts = [in_words(stands.posted), in_words(stands.suspect), in_words(stands.held)]
            table.add_row(line.name, str(line.attempts), str(line.images), *amounts)
        console().print(table if lines else "nothing was used")
        _tell_where(kept, is_empty=not lines)


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
        kept = _kept(config)
        pages = _ask(kept, lambda ledger: ledger.log(limit=limit, caller=key, request=request))
        if as_json:
            print_json({"ledger": kept.where, "requests": [_logged_row(page) for page in pages]})
            return
        for page in pages:
            _print_page(page)
        if not pages:
            console().print("nothing was asked")
        _tell_where(kept, is_empty=not (pages or key or request))


def _print_page(page: Logged) -> None:
    """One request in a few short lines, which are read in any terminal."""
    asked, ended, out = page.asked, page.ended, console()
    how = "under way, or cut off" if ended is None else ended.code or ended.status
    images = f"{ended.images if ended else 0} of {number_of(asked.n, 'image')}"
    head = f"{asked.at:%Y-%m-%d %H:%M:%S}  {how}  {images}  {in_words(page.balance.spent)}"
    out.print(head, style="bold", markup=False)
    out.print(f"  {asked.request}  {asked.model}  by {asked.caller}", markup=False)
    for attempt in page.attempts:
        out.print(f"  {_attempt_text(attempt)}", markup=False)
    out.print()


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
        found = _ask(_kept(config), lambda kept: kept.audit())
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
            _show_open(_ask(_kept(config), lambda kept: kept.open_attempts()), as_json=as_json)
            return
        step = _proven(attempt, paid, free=free)
        try:
            after = _ask(_kept(config), lambda kept: kept.write(step))
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
    from routercore.state.places import server_ledger

    opened = open_config(config)
    _kept_by(opened.setup)
    rows: list[dict[str, Any]] = []

    async def save(collected: Collected) -> None:
        result = collected.result
        paths = await asyncio.to_thread(_save, folder, collected)
        row = {"request": result.id, "key": collected.caller, "target": result.target}
        rows.append({**row, "attempt": collected.attempt, "usd": result.cost.usd, "paths": paths})

    async with opened.router(ledger=server_ledger) as router:
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
        count = _ask(_kept(config), lambda kept: kept.erase(request=request, caller=key, user=user))
        if as_json:
            print_json({"erased": count})
        else:
            console().print(f"erased what was asked in {number_of(count, 'request')}")


def _table(first: str, *others: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first, style="bold", overflow="fold")
    for name in others:
        table.add_column(name, overflow="fold")
    return table
