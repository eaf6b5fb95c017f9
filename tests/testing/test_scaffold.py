"""``routercore plugin new``: whatever the shape, what it writes passes the kit at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from routercore.testing.conformance import Grade
from routercore.testing.conformance.folder import FolderError, PluginFolder
from routercore.testing.scaffold import SHAPES, new_plugin


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_plugin_passes_the_kit(shape: str, tmp_path: Path) -> None:
    """At bronze: its transcript is invented, and its price unknown; its tests pass all the same."""
    new_plugin(f"kiln-{shape}", shape, tmp_path)
    folder = PluginFolder.open(tmp_path / f"routercore-kiln-{shape}")
    [findings] = folder.check()
    assert ["bills", "sources"] == [o.check.name for o in findings.outcomes if o.problem]
    assert all(outcome.is_fine for outcome in findings.outcomes)
    assert Grade.BRONZE is folder.record([findings])
    assert "Conformance grade: **bronze**" in (folder.path / "README.md").read_text()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environ = {"PYTHONPATH": str(folder.path / "src"), "PATH": ""}
    done = subprocess.run(command, cwd=folder.path, env=environ, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout


def test_a_recording_lifts_the_grade(tmp_path: Path) -> None:
    """With a real transcript and a price, the exceptions have to go, and it is gold."""
    new_plugin("kiln-lifted", "one-shot", tmp_path)
    root = tmp_path / "routercore-kiln-lifted"
    case = root / "tests" / "transcripts" / "generate.json"
    case.write_text(case.read_text().replace('"invented"', '"recorded"'))
    module = root / "src" / "routercore_kiln_lifted" / "__init__.py"
    price = "prices=(usd(1),), price_source='https://kiln.example', price_date=date(2026, 11, 1)"
    code = module.read_text().replace('unverified=frozenset({"prices"})', price)
    imports = "from datetime import date\n\nfrom routercore.provider import usd\n\nCARDS ="
    module.write_text(code.replace("CARDS =", imports, 1))
    folder = PluginFolder.open(root)
    [findings] = folder.check()
    assert ["bills", "sources"] == [o.check.name for o in findings.outcomes if not o.is_fine]
    folder.quality_file.write_text("")
    assert Grade.GOLD is folder.record(folder.check())


@pytest.mark.parametrize("name", ["", "Kiln", "kiln_1", "1kiln", "kiln-", "../kiln"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    """With the form that a name must have; nothing is written."""
    with pytest.raises(ValueError, match="is no name"):
        new_plugin(name, "row", tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    new_plugin("kiln", "row", tmp_path)
    with pytest.raises(ValueError, match="exists already"):
        new_plugin("kiln", "job", tmp_path)


@pytest.mark.parametrize(
    ("name", "code", "problem"),
    [
        ("unimportable", "raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("hookless", "", "there is no .*routercore_providers"),
        ("unmarked", "def routercore_providers(): return [1]", "not marked with @hookimpl"),
        ("empty", "@hookimpl\ndef routercore_providers(): return None", "gives no provider"),
        ("raising", "@hookimpl\ndef routercore_providers(): return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_plugin_without_a_provider(name: str, code: str, problem: str, tmp_path: Path) -> None:
    """The message says what the hook did, in place of a traceback."""
    (tmp_path / "pyproject.toml").write_text(
        f'[project.entry-points.routercore]\n{name} = "routercore_{name}"\n'
    )
    text = f"from routercore.provider import hookimpl\n{code}\n"
    (tmp_path / f"routercore_{name}.py").write_text(text)
    with pytest.raises(FolderError, match=problem):
        PluginFolder.open(tmp_path).check()


def test_a_folder_without_a_plugin(tmp_path: Path) -> None:
    """The message says what is missing."""
    with pytest.raises(FolderError, match=r"pyproject\.toml does not exist"):
        PluginFolder.open(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    with pytest.raises(FolderError, match=r"project\.entry-points\.routercore"):
        PluginFolder.open(tmp_path)
