"""``routercore models``, ``providers`` and ``plugins``: what there is, and why the rest is not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routercore.cli.opening import ConfigOption, JsonOption, Opened, config_path, open_config
from routercore.cli.output import Code, console, print_json, told

if TYPE_CHECKING:
    from routercore.engine.models import ModelEntry
    from routercore.engine.setup import IdleProvider, ProviderSetup
    from routercore.plugins import PluginReport
    from routercore.provider.spec import Provider
    from routercore.routing.plan import Target
    from routercore.values.money import Estimate
    from routercore.values.sizes import Sizes

PRICED_SIZE = "1024x1024"


def models(
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Part of a name, or a pattern like 'flux*'.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every model that can be asked for, who serves it, and at what price."""
    from routercore.engine.models import Catalogue
    from routercore.engine.setup import LOCAL_CALLER

    with told(as_json=as_json):
        opened = open_config(config)
        today = datetime.now(UTC).date()
        entries = Catalogue(opened.setup).entries(LOCAL_CALLER, today)
        wanted = [entry for entry in entries if _matches(entry, pattern)]
        if as_json:
            print_json({"models": [_model_row(entry) for entry in wanted]})
        else:
            _show_models(wanted)


def _matches(entry: ModelEntry, pattern: str) -> bool:
    pattern = pattern.lower()
    names = [entry.name, *entry.aliases, *(target.name for target in entry.targets)]
    if any(character in pattern for character in "*?["):
        return any(fnmatchcase(name.lower(), pattern) for name in names)
    return any(pattern in name.lower() for name in names)


def price_of(target: Target) -> Estimate:
    """What one picture of 1024x1024 costs at a target; unknown where it makes none."""
    from routercore.values.check import Fit, check
    from routercore.values.images import ImageRequest
    from routercore.values.money import Estimate, estimate
    from routercore.values.sizes import Size

    request = ImageRequest(prompt="", model=target.card.name, size=Size.parse(PRICED_SIZE))
    fitted = check(target.card, request, datetime.now(UTC).date())
    return estimate(target.card, fitted.request) if isinstance(fitted, Fit) else Estimate()


def sizes_text(sizes: Sizes) -> str:
    """The sizes of a model in a few words."""
    from routercore.values.sizes import FixedSizes, InputSize, RatioSizes, SizeRange

    match sizes:
        case FixedSizes(sizes=listed):
            more = f" +{len(listed) - 2}" if len(listed) > 2 else ""
            return ", ".join(listed[:2]) + more
        case SizeRange(max_edge=edge, max_pixels=pixels):
            if edge is not None:
                return f"any to {edge} px"
            return f"any to {pixels / 1e6:.0f} MP" if pixels else "any"
        case RatioSizes(ratios=ratios, tiers=tiers):
            steps = f" × {tiers[0]}–{tiers[-1]}" if len(tiers) > 1 else ""
            return f"{len(ratios)} ratios{steps}"
        case InputSize():
            return "as the input"
        case _:
            return "undeclared"


def _model_row(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "configured": entry.route is not None,
        "strategy": entry.route.strategy if entry.route else None,
        "targets": [_target_row(target) for target in entry.targets],
    }


def _target_row(target: Target) -> dict[str, Any]:
    card, price = target.card, price_of(target)
    return {
        "target": target.name,
        "provider": target.provider,
        "operations": sorted(operation.value for operation in card.operations),
        "sizes": _sizes_row(card.sizes),
        "qualities": list(card.qualities),
        "formats": list(card.formats),
        "prompt": card.prompt,
        "max_n": card.max_n,
        "max_images": card.max_images,
        "streams": card.partial_images > 0,
        "price_1024x1024": {
            "low": price.low, "expected": price.expected, "high": price.high,
            "basis": price.basis.value,
        },
        "price_source": card.price_source or None,
        "price_date": card.price_date,
        "shutdown": card.shutdown,
        "unverified": sorted(card.unverified),
    }  # fmt: skip


def _sizes_row(sizes: Sizes) -> dict[str, Any]:
    from dataclasses import asdict

    return {"kind": type(sizes).__name__, **asdict(sizes)}


def _show_models(entries: Sequence[ModelEntry]) -> None:

    table = _table("model", "edits", "sizes", f"served by, at {PRICED_SIZE}")
    for entry in sorted(entries, key=lambda one: (one.route is None, one.name)):
        if not entry.targets:
            continue
        operations = {operation.value for t in entry.targets for operation in t.card.operations}
        served = [f"{_server(target, entry)} {price_of(target)}"
                  for target in entry.targets]  # fmt: skip
        table.add_row(
            entry.name,
            _edits(operations),
            sizes_text(entry.targets[0].card.sizes),
            "\n".join(served),
        )
    if table.row_count:
        console().print(table)
    else:
        console(stderr=True).print("no model of that name is served", style="yellow")


def _edits(operations: set[str]) -> str:
    """What it can do beside making pictures from words alone."""
    words = [word for word in ("edit", "inpaint") if word in operations]
    return " ".join(words if "generate" in operations else [*words, "only"])


def _server(target: Target, entry: ModelEntry) -> str:
    return target.name if entry.route is not None else target.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """One provider: configured, enabled by itself, or why it is not."""

    name: str
    provider: Provider
    setup: ProviderSetup | None
    configured: bool
    idle: IdleProvider | None
    """Set where it is not enabled."""

    @property
    def why(self) -> str | None:
        """What is missing, for one that is not enabled."""
        return self.idle.why if self.idle else None

    @property
    def host(self) -> str:
        """Where its requests go; empty for one that is told its address or needs none."""
        from routercore.provider.http import host_of

        return host_of(self.setup.effective_base_url if self.setup else self.provider.origins[0])

    @property
    def models(self) -> int:
        cards = {card.id for card in self.provider.catalogue()}
        cards |= {card.id for card in self.setup.cards} if self.setup else set()
        return len(cards - {"*"})

    @property
    def is_open(self) -> bool:
        """Whether it serves models beyond those that it declares."""
        return any(card.id == "*" for card in self.provider.catalogue())


def provider_rows(opened: Opened) -> list[ProviderRow]:
    """Every configured and every installed provider, the enabled ones first."""
    tables, setup = opened.document.providers, opened.setup
    rows = [
        ProviderRow(name=one.name, provider=one.provider, setup=one, idle=None,
                    configured=one.name in tables) for one in setup.providers
    ]  # fmt: skip
    rows += [
        ProviderRow(name=one.name, provider=one.provider, setup=None, idle=one,
                    configured=one.name in tables) for one in setup.idle
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.setup is None, not row.configured, row.name))


def providers(
    context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the providers: which are enabled, and what the others need."""
    if context.invoked_subcommand is not None:
        return
    with told(as_json=as_json):
        rows = provider_rows(open_config(config))
        if as_json:
            print_json({"providers": [_provider_json(row) for row in rows]})
            return
        table = _table("provider", "state", "keys", "models", "where")
        for row in rows:
            count = f"{row.models or ''}{' any' if row.is_open else ''}".strip()
            table.add_row(_provider_name(row), _state(row), _keys(row), count, row.host or "–")
        console().print(table)


def _provider_name(row: ProviderRow) -> str:
    same = row.name == row.provider.name
    return row.name if same else f"{row.name} [dim]({row.provider.name})[/]"


def _state(row: ProviderRow) -> str:
    if row.idle is None:
        return "[green]enabled[/]"
    if row.idle.is_off:
        return "[yellow]switched off[/]"
    if row.idle.variable:
        return f"[yellow]set[/] {row.idle.variable}"
    return f"[yellow]needs[/] \\[providers.{row.name}]"


def _keys(row: ProviderRow) -> str:
    if row.setup is None:
        return ""
    return str(len(row.setup.keys) or "–")


def _provider_json(row: ProviderRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "provider": row.provider.name,
        "enabled": row.setup is not None,
        "configured": row.configured,
        "why_not": row.why,
        "key_variable": row.provider.auth.env,
        "keys": len(row.setup.keys) if row.setup else 0,
        "host": row.host or None,
        "models": row.models,
        "any_model": row.is_open,
    }


def plugins(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the plugins: what each contributes, or why it failed.

    Tells of names that two of them claim, and then ends with 4. Other mistakes in the configuration
    do not stop it.
    """
    from routercore.config import examine
    from routercore.plugins import look_at_plugins

    with told(as_json=as_json):
        path = config_path(config)
        reading = examine(path if path is not None else {}, os.environ)
        found = look_at_plugins(reading.document.plugin_choice())
        mistakes = reading.problems.texts()
        if as_json:
            rows = [_plugin_row(report) for report in found.reports]
            print_json({"plugins": rows, "clashes": list(found.clashes), "mistakes": mistakes})
        else:
            _show_plugins(found.reports)
            for clash in found.clashes:
                console(stderr=True).print(f"error: {clash}", style="red", markup=False)
            for mistake in mistakes:
                message = f"warning: the configuration is wrong: {mistake}"
                console(stderr=True).print(message, style="yellow", markup=False)
        if found.clashes:
            raise typer.Exit(Code.CONFIGURATION)


def _plugin_row(report: PluginReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "distribution": report.distribution,
        "version": report.version,
        "providers": list(report.providers),
        "strategies": list(report.strategies),
        "observers": list(report.observers),
        "grade": report.grade,
        "problem": report.problem,
    }


def _show_plugins(reports: Iterable[PluginReport]) -> None:
    from rich.text import Text

    table = _table("plugin", "distribution", "version", "grade", "contributes")
    for report in reports:
        what: str | Text = ", ".join((*report.providers, *report.strategies, *report.observers))
        if report.problem is not None:
            what = Text(f"✗ {report.problem}", "red")
        table.add_row(
            report.name, report.distribution, report.version, report.grade or "–", what or "nothing"
        )
    console().print(table)


def _table(first: str, *others: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first, style="bold", overflow="fold")
    for name in others:
        table.add_column(name, overflow="fold")
    return table
