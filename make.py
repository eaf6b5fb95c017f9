#!/usr/bin/env python3
"""Set up and run routercore from a clone, with nothing but Python 3.11 or later.

    python3 make.py picture "a lighthouse at dusk"    a picture, with no key and no network
    python3 make.py test                              all the tests
    python3 make.py nox                               all that a change must pass

Whatever follows the command goes to what it runs: `make.py test -k sizes`, `make.py nox -s lint`,
`make.py picture "a fox" --size 512x512`. What is needed is installed by pip, as pip is configured,
into `.venv` inside the clone, and again only when a pyproject.toml has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
OWNER = VENV / "routercore-clone.txt"
OLDEST = (3, 11)
# Build back ends are installed once, beside the rest: pip would build a fresh environment for
# each of the plugins otherwise, which takes minutes.
BUILD = ("hatchling>=1.26", "editables>=0.5")


class Failed(Exception):
    """Something that the person at the keyboard can put right; the message says how."""


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code of what it ran."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print((__doc__ or "").strip())
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"make.py: no command {name!r}; it knows {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        check_python()
        return COMMANDS[name](rest[1:] if rest[:1] == ["--"] else rest)
    except Failed as failure:
        print(f"make.py: {failure}", file=sys.stderr)
    except subprocess.CalledProcessError as failure:
        shown = " ".join(str(part) for part in failure.cmd)
        print(f"make.py: failed with code {failure.returncode}: {shown}", file=sys.stderr)
        return failure.returncode
    except KeyboardInterrupt:
        return 130
    return 1


def picture(arguments: list[str]) -> int:
    """Draw a picture with the embedded provider, unless the options name another model."""
    if not arguments:
        raise Failed('say what to draw: python3 make.py picture "a lighthouse at dusk"')
    install("picture", [ROOT], extra="cli")
    return run(SCRIPTS / "routercore", "generate", "--model", "test/test", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests on the core with every extra and on every plugin."""
    install("test", [ROOT, *plugins()], extra="all", tools=group("test"))
    workers = str(min(os.cpu_count() or 1, 4))
    return run(PYTHON, "-m", "pytest", "-n", workers, *arguments, directory=ROOT)


def nox(arguments: list[str]) -> int:
    """Run the developer's sessions, see noxfile.py."""
    install("nox", [], tools=group("nox"))
    return run(PYTHON, "-m", "nox", *arguments, directory=ROOT)


COMMANDS = {"picture": picture, "test": test, "nox": nox}


def plugins() -> list[Path]:
    """Every distribution under plugins/, sorted by name."""
    return sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def group(name: str) -> list[str]:
    """The requirements of a dependency group; Debian's pip is too old to read them itself."""
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as file:
        return list(tomllib.load(file)["dependency-groups"][name])


def editable(projects: list[Path], extra: str) -> list[str]:
    """The arguments with which pip installs these projects from their sources."""
    suffixes = {ROOT: f"[{extra}]"}
    return [f"--editable={path}{suffixes.get(path, '')}" for path in projects]


def install(goal: str, projects: list[Path], *, extra: str = "", tools: Sequence[str] = ()) -> None:
    """Bring the environment to what a goal needs; do nothing when nothing has changed."""
    if not is_ours():
        create()
    stamp = VENV / f"routercore-{goal}.json"
    before = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else {}
    now = {place(path): digest(path) for path in (ROOT, *projects)}
    if before == now:
        return
    if not os.access(VENV, os.W_OK):
        raise Failed(f"cannot write in {VENV}: remove it, or run this as the user who made it")
    print(f"make.py: installing what {goal!r} needs, once, into {VENV}", file=sys.stderr)
    pip("install", *BUILD, *tools)
    if gone := sorted(set(before) - set(now)):
        pip("uninstall", "--yes", *(f"routercore-{Path(path).name}" for path in gone))
    if changed := [path for path in projects if before.get(place(path)) != now[place(path)]]:
        pip("install", "--no-build-isolation", *editable(changed, extra))
    stamp.write_text(json.dumps(now, indent=1), encoding="utf-8")


def place(project: Path) -> str:
    """Where a project is inside the clone, such as plugins/openai."""
    return project.relative_to(ROOT).as_posix()


def digest(project: Path) -> str:
    """What an installation from these sources depends on."""
    return hashlib.sha256((project / "pyproject.toml").read_bytes()).hexdigest()


def is_ours() -> bool:
    """Say whether the environment is there, works, and was made for the clone in this place."""
    try:
        made_for = OWNER.read_text(encoding="utf-8") if OWNER.exists() else str(ROOT)
        probe = subprocess.run([PYTHON, "-I", "-c", "import pip"], capture_output=True, check=False)
    except OSError:
        return False
    return made_for == str(ROOT) and probe.returncode == 0


def create() -> None:
    """Make the environment, also where Debian has left `ensurepip` out."""
    if not os.access(ROOT, os.W_OK):
        raise Failed(f"cannot write in {ROOT}: clone it again as the user who runs this")
    if find_spec("ensurepip") is None and find_spec("pip") is None:
        raise Failed(
            "this Python has neither ensurepip nor pip; on Debian and Ubuntu: "
            "apt-get install python3-venv"
        )
    shutil.rmtree(VENV, ignore_errors=True)
    if find_spec("ensurepip") is not None:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
        outside = [sys.executable, "-m", "pip", "--python", PYTHON]
        subprocess.run([*outside, "install", "-qq", "pip"], check=True, env=pip_environment())
    OWNER.write_text(str(ROOT), encoding="utf-8")


def pip(*arguments: str) -> None:
    """Run the environment's pip as it is configured here, silent unless it fails."""
    command = [PYTHON, "-I", "-m", "pip", arguments[0], "-qq", *arguments[1:]]
    subprocess.run(command, check=True, env=pip_environment(), cwd=ROOT)


def pip_environment() -> dict[str, str]:
    """This environment without what would make pip leave ours, or write where it must not."""
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~"), ".cache"))
    nearest = next((path for path in (home, *home.parents) if path.exists()), ROOT)
    if "PIP_CACHE_DIR" not in environment and not os.access(nearest, os.W_OK):
        environment["PIP_NO_CACHE_DIR"] = "1"
    return environment


def run(*command: str | Path, directory: Path | None = None) -> int:
    """Run a program to its end and return its exit code, as a shell would."""
    code = subprocess.run(command, cwd=directory, check=False).returncode
    return code if code >= 0 else 128 - code


def check_python() -> None:
    """Refuse a Python that is too old, before anything fails in a way harder to read."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        raise Failed(f"this is Python {found}; run it with Python 3.11 or later")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
