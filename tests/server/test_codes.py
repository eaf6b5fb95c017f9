"""The codes of errors, and the page that lists them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import routercore
from routercore.routing.policy import RULES

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "http.md"
SOURCES = Path(routercore.__file__).parent
LAYERS = ("engine", "routing", "server", "state", "values")


def given(node: ast.AST) -> Iterator[ast.expr]:
    """What a piece of code gives as an error's code: to a call, to a class, or in one."""
    if isinstance(node, ast.Call | ast.ClassDef):
        warns = isinstance(node, ast.Call) and ast.unparse(node.func) == "Warning"
        yield from (k.value for k in node.keywords if k.arg == "code" and not warns)
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
        yield node.value


def test_every_code_is_listed() -> None:
    """Whatever code an error of the server can have, the reference says when it comes."""
    files = [file for layer in LAYERS for file in (SOURCES / layer).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    values = [value for node in nodes for value in given(node)]
    codes = {one.value for one in values if isinstance(one, ast.Constant) and one.value}
    codes |= {rule.code for rule in RULES.values()}
    listed = PAGE.read_text("utf-8").partition("## Errors")[2]
    assert len(codes) > 40
    assert set() == codes - set(re.findall(r"`(\w+)`", listed))
