"""Install each plugin's wheel beside the core's, in an environment that has nothing else.

    python tools/alone.py dist

Every environment is new; `routercore plugins --json` in it must show that the plugin was loaded,
with providers and with its grade. `uv` makes the environments where it is there, `venv` and `pip`
where it is not. Exits with 1, naming what is wrong, if any does not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FOLDER = "Scripts" if os.name == "nt" else "bin"
AT_ONCE = min(4, os.cpu_count() or 1)


def main(arguments: Sequence[str]) -> int:
    """Try every plugin's wheel in a folder, and say what became of it."""
    wheels = sorted(Path(arguments[0]).resolve().glob("*.whl"))
    (core,) = (wheel for wheel in wheels if wheel.name.startswith("routercore-"))
    plugins = [wheel for wheel in wheels if wheel != core]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda wheel: alone(core, wheel), plugins))
    wrong = [problem for problem in told if problem]
    for problem in wrong:
        print(problem, file=sys.stderr)
    print(f"{len(told) - len(wrong)} of {len(told)} plugins load alone beside the core")
    return 1 if wrong or not told else 0


def alone(core: Path, wheel: Path) -> str | None:
    """What is wrong with a plugin by itself, or ``None``."""
    name = wheel.name.partition("-")[0].replace("_", "-")
    with tempfile.TemporaryDirectory() as place:
        try:
            listed = _listed(Path(place), core, wheel)
        except subprocess.CalledProcessError as error:
            return f"{name}: {error.stderr.strip()[-600:]}"
    found = [entry for entry in listed if entry["distribution"] == name]
    strange = {entry["distribution"] for entry in listed} - {"routercore", name}
    if strange:
        return f"{name} is not alone: {', '.join(sorted(strange))}"
    if len(found) != 1:
        return f"{name} is listed {len(found)} times"
    for lacking in ("providers", "grade"):
        if found[0]["problem"] or not found[0][lacking]:
            return f"{name}: {found[0]['problem'] or f'it shows no {lacking}'}"
    print(f"{name}: {', '.join(found[0]['providers'])}, {found[0]['grade']}")
    return None


def _listed(place: Path, core: Path, wheel: Path) -> list[dict[str, Any]]:
    """Make the environment, and have its own `routercore` list the plugins."""
    environment = place / "environment"
    wanted = [f"{core}[cli]", str(wheel)]
    python = environment / FOLDER / "python"
    if uv := shutil.which("uv"):
        _run(uv, "venv", "-q", "--python", sys.executable, str(environment))
        _run(uv, "pip", "install", "-q", "--python", str(python), *wanted)
    else:
        venv.create(environment, with_pip=True)
        _run(str(python), "-m", "pip", "install", "-q", *wanted)
    told = _run(str(python), "-m", "routercore", "plugins", "--json", directory=place)
    plugins: list[dict[str, Any]] = json.loads(told)["plugins"]
    return plugins


def _run(*command: str, directory: Path | None = None) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
