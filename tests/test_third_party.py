"""A plugin of strangers: one small file, installed with pip, found and used; or shown as broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.2.3"

[project.entry-points.routercore]
{entry} = "{module}"
"""

CRAYON = """
from routercore.provider import Generated, ModelCard, NoAuth, RawImage, classify_status, hookimpl

SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><text>{}</text></svg>"

class Crayon:
    name, api_version, auth, origins = "crayon", 1, NoAuth(), ("http://crayon.invalid",)
    classify = staticmethod(classify_status)

    def catalogue(self):
        return [ModelCard(id="wax", formats=("svg",), max_prompt=40)]

    def generate(self, task):
        yield from ()
        return Generated(images=(RawImage(data=SVG.format(task.prompt).encode()),))

@hookimpl
def routercore_providers():
    return [Crayon()]
"""

Install = Callable[[str, str, str], None]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def install(tmp_path: Path, site: Path) -> Install:
    """Write a package of one module and install it with pip, beside the environment's own."""

    def install(name: str, entry: str, code: str) -> None:
        module = name.replace("-", "_")
        package = tmp_path / name
        package.mkdir()
        (package / f"{module}.py").write_text(code)
        text = PYPROJECT.format(name=name, entry=entry, module=module)
        (package / "pyproject.toml").write_text(
            text + f'\n[tool.hatch.build.targets.wheel]\ninclude = ["{module}.py"]\n'
        )
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
             "--no-build-isolation", "--target", site, package],
            check=True, capture_output=True,
        )  # fmt: skip

    return install


@pytest.fixture
def routercore(tmp_path: Path, site: Path) -> Run:
    """Run the command line with the installed packages on its path."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PYTHONPATH": str(site), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "routercore", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    return run


def test_a_plugin_of_one_file_serves_a_picture(
    install: Install, routercore: Run, tmp_path: Path
) -> None:
    """Under twenty lines without a base class: listed with its version, and it draws."""
    assert len([line for line in CRAYON.splitlines() if line.strip()]) < 20
    install("routercore-crayon", "crayon", CRAYON)
    config = tmp_path / "routercore.toml"
    config.write_text("[providers.crayon]\n")

    plugins = json.loads(routercore("plugins", "--json").stdout)["plugins"]
    [crayon] = [plugin for plugin in plugins if plugin["name"] == "crayon"]
    done = routercore("generate", "a red kite", "--model", "crayon:wax", "-o", "kite.svg")

    expected = ("routercore-crayon", "1.2.3", ["crayon"], None)
    assert expected == tuple(
        crayon[key] for key in ("distribution", "version", "providers", "problem")
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert "a red kite" in (tmp_path / "kite.svg").read_text()


def test_a_plugin_that_raises_at_import_is_shown_as_broken(
    install: Install, routercore: Run, tmp_path: Path
) -> None:
    """It is named with its reason, and everything else works."""
    install("routercore-broken", "broken", 'raise RuntimeError("no such vendor")\n')

    plugins = json.loads(routercore("plugins", "--json").stdout)["plugins"]
    [broken] = [plugin for plugin in plugins if plugin["name"] == "broken"]
    done = routercore("generate", "still here", "-o", "picture.png")

    assert "RuntimeError: no such vendor" == broken["problem"]
    assert 0 == done.returncode, done.stderr
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_plugin_outside_the_allow_list_is_never_imported(
    install: Install, routercore: Run, tmp_path: Path
) -> None:
    """Importing it would leave a file behind; it does not."""
    install("routercore-nosy", "nosy", 'open("imported", "w").close()\n')
    (tmp_path / "routercore.toml").write_text('[plugins]\nallow = ["crayon"]\n')

    done = routercore("plugins", "--json")

    assert 0 == done.returncode, done.stderr
    assert not (tmp_path / "imported").exists()
