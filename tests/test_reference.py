"""The generated pages of the reference are what the code says today."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

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
