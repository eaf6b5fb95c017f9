"""What the repository promises about itself: its set-up lines, its plugins and what it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.sources import ROOT, tool

import routercore

REGISTRIES = re.compile(
    r"\b(?:test\.)?(?:pypi|pythonhosted|npmjs|yarnpkg|crates|rubygems|debian|ubuntu|anaconda)"
    r"\.(?:org|com|io)\b"
)
PLACES = re.compile(r"(?<![\w.~{}*-])/(?:work|root|tmp|home|Users)(?=/\w)")
LOCKS = {"package-lock.json", "pdm.lock", "Pipfile.lock", "poetry.lock", "uv.lock", "yarn.lock"}
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def tracked() -> list[Path]:
    """The files that git tracks, or skip where there is no clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not in a clone")
    # A clone may belong to another user than the one who runs the tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file()]


def texts() -> list[tuple[str, str]]:
    """The name and content of each tracked file that is text."""
    found = []
    for file in tracked():
        try:
            found.append((file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def project(folder: Path) -> dict[str, Any]:
    """The project table of a pyproject.toml."""
    table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(table["project"])


def shell_lines() -> list[str]:
    """The commands in the README's shell blocks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", readme, re.M | re.S)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make.py."""
    command = [sys.executable, "make.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_file_names_a_registry() -> None:
    """Packages come from where pip is told to look: no tracked file names a registry's host."""
    named = [f"{name}: {match[0]}" for name, text in texts() for match in REGISTRIES.finditer(text)]
    assert [] == named


def test_no_file_names_a_place_of_one_machine() -> None:
    """No tracked file holds an absolute path of the machine it was written on."""
    named = [f"{name}: {match[0]}" for name, text in texts() for match in PLACES.finditer(text)]
    assert [] == named


def test_no_lock_file_is_tracked() -> None:
    """A library states bounds; lock files are for applications."""
    assert [] == [str(file) for file in tracked() if file.name in LOCKS]


def test_first_screen_has_the_two_lines() -> None:
    """The README's first screen says how to get a picture and how to run the tests."""
    first_screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24])
    assert "python3 make.py picture " in first_screen
    assert "python3 make.py test" in first_screen


def test_ci_runs_the_line_of_the_readme() -> None:
    """Continuous integration runs the README's line for the tests and nothing else."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith(("#", "set"))]
    assert ['cd "$(dirname "$0")/.."', "python3 make.py test"] == commands
    assert "python3 make.py test" in shell_lines()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_ci_script_can_be_run() -> None:
    """The script of continuous integration is executable."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_commands_of_the_readme_exist() -> None:
    """Every make.py command in the README and in CONTRIBUTING.md is one that make.py knows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text += (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python3 make\.py (\w+)", text))
    known = make("no-such-command").stderr.rpartition("knows ")[2]
    assert set() == named - set(known.strip().split(", "))


def test_make_explains_itself() -> None:
    """make.py without a command, or with --help, says what it can do."""
    assert 0 == make().returncode
    assert make().stdout == make("--help").stdout
    assert "python3 make.py test" in make().stdout


def test_make_refuses_an_unknown_command() -> None:
    """make.py names the commands it knows when it is given another."""
    ran = make("tset")
    assert 2 == ran.returncode
    assert "no command 'tset'; it knows picture, test, nox" in ran.stderr


def test_versions_agree() -> None:
    """The distribution and the package have one version."""
    assert project(ROOT)["version"] == routercore.__version__


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_plugin_is_complete(folder: Path) -> None:
    """A plugin has its README, its licence, its types' marker and tests."""
    package = folder / "src" / f"routercore_{folder.name.replace('-', '_')}"
    wanted = [
        folder / "README.md",
        folder / "LICENSE",
        package / "__init__.py",
        package / "py.typed",
        folder / "tests",
    ]
    assert [] == [path.relative_to(ROOT).as_posix() for path in wanted if not path.exists()]
    assert (ROOT / "LICENSE").read_bytes() == (folder / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_plugin_is_named_by_its_folder(folder: Path) -> None:
    """A plugin's folder, distribution, package and entry point have one name."""
    table = project(folder)
    package = f"routercore_{folder.name.replace('-', '_')}"
    assert f"routercore-{folder.name}" == table["name"]
    assert {folder.name: package} == table["entry-points"]["routercore"]


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_plugin_goes_with_the_core(folder: Path) -> None:
    """A plugin has the core's version, licence and Python, and says which core it needs."""
    table, core = project(folder), project(ROOT)
    for key in ("version", "license", "requires-python"):
        assert core[key] == table[key]
    assert "routercore>=0.1,<0.2" in table["dependencies"]


def test_each_row_can_be_taken_away() -> None:
    """For every row that is ours there is a change of the sources, and it can still be made."""
    breakage, surface = tool("breakage"), tool("surface")
    changes = breakage.breaks()
    assert [row.id for row in surface.rows() if row.ours is not None] == sorted(changes)
    wrong = [
        f"{change.row}: {change.file}: {change.old!r}"
        for change in (one for row in changes.values() for one in row)
        if (ROOT / change.file).read_text(encoding="utf-8").count(change.old) != 1
    ]
    assert [] == wrong
