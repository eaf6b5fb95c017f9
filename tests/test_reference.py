"""The generated pages of the reference are what the code says today."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

import routercore
from routercore.provider import hooks
from routercore.provider.flow import Effect

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
