"""The command line as a process, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
[providers.primary]
plugin = "test"
options = { fail = "overloaded" }

[providers.backup]
plugin = "test"

[models.poster]
targets = ["primary:test/test", "backup:test/test"]
aliases = ["placard"]

[models.down]
targets = ["primary:test/test"]

[models.priced]
strategy = "cost"
targets = ["backup:test/paid", "backup:test/test"]
"""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where commands run: nothing in it but a configuration."""
    (tmp_path / "routercore.toml").write_text(CONFIG)
    return tmp_path


Plug = Callable[..., None]


@pytest.fixture
def plug(folder: Path) -> Plug:
    """Put an installed plugin of one module in the folder, where commands find it."""

    def plug(name: str, code: str, *, distribution: str | None = None) -> None:
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        about = f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: 1.0\n"
        (info / "METADATA").write_text(about)
        (info / "entry_points.txt").write_text(f"[routercore]\n{name} = {name}\n")
        (folder / f"{name}.py").write_text(code)

    return plug


@pytest.fixture
def say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As ``run``, in this process: sooner, for whatever needs no process of its own."""
    from typer.testing import CliRunner

    from routercore.cli.app import app

    monkeypatch.chdir(folder)
    for name in (*filter(lambda one: one.endswith("_KEY"), os.environ), "ROUTERCORE_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def say_it(*arguments: str, stdin: bytes = b"") -> Ran:
        said = CliRunner().invoke(app, arguments, input=stdin, prog_name="routercore")
        return Ran(said.exit_code, said.stdout_bytes, said.stderr)

    return say_it


@pytest.fixture
def run(folder: Path) -> Run:
    """Run ``routercore`` in the folder, with an environment that has no keys."""

    def run_it(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
        kept.pop("ROUTERCORE_CONFIG", None)
        kept = {**kept, "PYTHONUTF8": "1", **(env or {})}
        ended = subprocess.run(
            [sys.executable, "-m", "routercore", *arguments],
            cwd=folder, env=kept, input=stdin, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return Ran(ended.returncode, ended.stdout, ended.stderr.decode())

    return run_it
