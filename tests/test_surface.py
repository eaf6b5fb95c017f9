"""The table of the surface is whole, up to date, and proved by tests that are there."""

from __future__ import annotations

import ast
from functools import cache
from types import ModuleType

import pytest
from tests.sources import ROOT, tool

ROWS = 167
TESTS = (ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.fixture(scope="module")
def surface() -> ModuleType:
    return tool("surface")


@cache
def names_in(file: str) -> frozenset[str]:
    """What a file's tests are called, those of a class behind its name."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [(node.name, node) for node in tree.body if isinstance(node, TESTS)]
    found += [
        (f"{node.name}::{inner.name}", inner)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, TESTS)
    ]
    return frozenset(name for name, node in found if node.name.startswith("test_"))


def test_the_page_is_up_to_date(surface: ModuleType) -> None:
    """``python tools/surface.py`` would change nothing."""
    assert surface.page(surface.rows()) == surface.PAGE.read_text(encoding="utf-8")


def test_every_row_is_there_once(surface: ModuleType) -> None:
    """The rows are numbered without a gap."""
    assert [f"F{n:03}" for n in range(1, ROWS + 1)] == [row.id for row in surface.rows()]


def test_a_row_is_ours_and_tested_or_has_a_reason(surface: ModuleType) -> None:
    """Nothing is claimed without a test, or left out without a reason."""
    wrong = [
        row.id
        for row in surface.rows()
        if (row.ours is None) == (row.out is None) or bool(row.tests) != (row.ours is not None)
    ]
    assert [] == wrong


def test_the_tests_are_there(surface: ModuleType) -> None:
    """Every test that is named exists."""
    missing = []
    for row in surface.rows():
        for test in row.tests:
            file, _, name = test.partition("::")
            if not (ROOT / file).is_file() or name not in names_in(file):
                missing.append(f"{row.id}: {test}")
    assert [] == missing
