"""The library's and the plugins' own sources as syntax trees, for the tests that read them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import routercore

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(routercore.__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Module:
    """One source file."""

    package: str
    """The importable package it belongs to, such as ``routercore`` or ``routercore_openai``."""
    path: str
    """Where it is inside that package, such as ``engine/driver.py``."""
    file: Path
    tree: ast.Module
    lines: int

    @property
    def part(self) -> str:
        """The first step below the package: a folder or a top-level module."""
        return self.path.partition("/")[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.package}/{self.path}"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its absolute name."""

    name: str
    line: int

    @property
    def top(self) -> str:
        """The distribution's package, such as ``routercore`` or ``httpx2``."""
        return self.name.partition(".")[0]

    @property
    def is_third_party(self) -> bool:
        """Whether it is neither of the standard library nor of this project."""
        return self.top not in sys.stdlib_module_names and not self.top.startswith("routercore")


@cache
def core() -> tuple[Module, ...]:
    """Every module of routercore, wherever it is installed."""
    return tuple(read("routercore", PACKAGE))


@cache
def plugins() -> tuple[Module, ...]:
    """Every module of the plugins in this repository; none where only wheels are at hand."""
    folders = sorted(ROOT.glob("plugins/*/src/*/"))
    return tuple(module for folder in folders for module in read(folder.name, folder))


def read(package: str, folder: Path) -> Iterator[Module]:
    """Parse every file of one package."""
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        path = file.relative_to(folder).as_posix()
        yield Module(package, path, file, ast.parse(text, str(file)), text.count("\n"))


def imports(module: Module) -> Iterator[Import]:
    """Every import of a module, also inside functions and for types alone."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            if base == "routercore":
                yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield Import(base, node.lineno)


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name of the module that a ``from`` imports from."""
    if not node.level:
        return node.module or ""
    steps = [module.package, *module.path.split("/")[:-1]]
    base = steps[: len(steps) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def tool(name: str) -> ModuleType:
    """A module of the folder ``tools``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
