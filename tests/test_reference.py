"""The generated pages of the reference are what the code says today."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from tests.sources import ROOT, tool

import routercore
from routercore.provider import ModelCard, hooks
from routercore.provider.flow import Effect


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return tool("reference")


def test_generated_pages_are_up_to_date(reference: ModuleType) -> None:
    """``python tools/reference.py`` would change nothing."""
    stale = [path.name for path, text in reference.pages().items() if text != path.read_text()]
    assert [] == stale


def test_every_plugin_has_its_heading(reference: ModuleType) -> None:
    """No provider in the repository is missing from the page."""
    page = (ROOT / "docs" / "reference" / "providers.md").read_text()
    headings = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert plugins <= headings


PAGE = ROOT / "docs" / "reference" / "plugin-interface.md"
EMITTED = re.compile(r'(?:emit|_tell)\(\s*"([a-z]+\.[a-z_]+)"')


def test_every_event_is_documented() -> None:
    """What the engine says is on the page, and nothing else is."""
    package = Path(routercore.__file__).parent
    source = "".join(path.read_text() for path in package.rglob("*.py"))
    emitted = {*EMITTED.findall(source), "attempt.failed", "attempt.succeeded"}
    listed = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", PAGE.read_text(), re.M))
    assert emitted == listed


def test_every_hook_and_effect_is_documented() -> None:
    """With the exact name of each."""
    page = PAGE.read_text()
    names = [name for name in vars(hooks) if name.startswith("routercore_")]
    assert [] == [name for name in names if f"### `{name}()`" not in page]
    effects = {effect.__name__ for effect in get_args(Effect)}
    assert [] == [name for name in sorted(effects) if f"| `{name}` |" not in page]


def test_every_field_of_a_card_is_in_the_reference() -> None:
    """Who writes a card in a configuration finds each field in the table."""
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition("All fields of a card:")[2].partition("\n## ")[0]
    names = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row[:60])}
    assert set() == {field.name for field in fields(ModelCard)} - names
