"""The developer's whole interface: `python3 make.py nox` runs all that a change must pass."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import nox

sys.path.insert(0, str(Path(__file__).parent))
import make

nox.needs_version = ">=2025.5"
# virtualenv and pip, because pip's own configuration names the package index that a site uses.
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

OLDEST, *NEWER = PYTHONS = ("3.11", "3.12", "3.13")
BRANCHES = 95
"""Per cent of the branches of src/routercore that the tests must take."""
VERCEL = ("ai@6", "@ai-sdk/openai@3", "@ai-sdk/openai-compatible@2")
WHEELS = make.ROOT / "dist"
SITE = make.ROOT / "build" / "docs"
SOURCES = ("src", "tests", "plugins", "benchmarks", "docs", "tools", "make.py", "noxfile.py")


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style and formatting; `-- fix` mends what can be mended."""
    session.install(*make.group("lint"))
    paths = [path for path in SOURCES if Path(path).exists()]
    fix = "fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), *paths)
    session.run("ruff", "format", *([] if fix else ["--check"]), *paths)


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Check the library, each plugin and the uses in tests/typing with mypy and pyright."""
    install(session, *make.group("types"))
    packages = sorted(make.ROOT.glob("plugins/*/src/*"))
    session.run("mypy", "src/routercore", *map(str, packages))
    session.run("mypy", "tests/typing")
    session.run("pyright", "--pythonpath", python(session))


@nox.session(python=OLDEST)
def layers(session: nox.Session) -> None:
    """Check the import rules, the size budgets and the repository's own promises."""
    install(session)
    session.run(
        "pytest", "tests/test_layers.py", "tests/test_imports.py", "tests/test_repository.py"
    )


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on every supported Python that this machine has."""
    install(session)
    session.run("pytest", "-n", workers(), *session.posargs)


@nox.session(python=OLDEST)
def coverage(session: nox.Session) -> None:
    """Run the tests and require 95 % of the branches of src/routercore, lines not counted."""
    install(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n", workers(), *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    file = Path(session.create_tmp()) / "coverage.json"
    session.run("coverage", "json", "-q", "-o", str(file))
    require_branches(session, json.loads(file.read_text(encoding="utf-8")))


@nox.session(python=OLDEST, default=False)
def simulation(session: nox.Session) -> None:
    """Play worlds that nobody has seen: 200 of a hundred virtual hours, or as many as named."""
    install(session)
    count, seed = (*session.posargs, "200")[0], str(secrets.randbelow(10**9))
    session.log("seed %s", seed)
    environment = {"SIMULATIONS": count, "SEED": seed}
    session.run("pytest", "-n", workers(), "tests/simulation", env=environment)


@nox.session(python=OLDEST)
def minimums(session: nox.Session) -> None:
    """Run the tests on the lowest versions that every pyproject.toml allows."""
    file = Path(session.create_tmp()) / "minimums.txt"
    file.write_text("\n".join(lowest_versions()) + "\n", encoding="utf-8")
    session.log("lowest versions: %s", ", ".join(lowest_versions()))
    install(session, "--constraint", str(file))
    session.run("pytest", "-n", workers(), *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Build the documentation, every warning an error; nothing is fetched to show a page."""
    install(session, *make.group("docs"))
    shutil.rmtree(SITE, ignore_errors=True)
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", str(SITE))
    session.run("python", "docs/check_pages.py", str(SITE))


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build all wheels, load each plugin's alone beside the core's, and run the tests on them."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    session.install(*make.BUILD, *make.group("test"))
    for project in (make.ROOT, *make.plugins()):
        session.run(
            *("python", "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
            *("-qq", "--wheel-dir", str(WHEELS), str(project)),
        )
    session.run("python", "tools/alone.py", str(WHEELS))
    wheels = sorted(WHEELS.glob("*.whl"))
    core = [f"{path}[all]" for path in wheels if path.name.startswith("routercore-")]
    session.install("--force-reinstall", "--no-deps", *map(str, wheels))
    session.install(*core, *map(str, wheels))
    away = Path(session.create_tmp()) / "away"
    shutil.rmtree(away, ignore_errors=True)
    # The tests without the sources they would otherwise find: only the wheels can be imported.
    unwanted = shutil.ignore_patterns("src", ".*", "build", "dist", "node_modules", "__pycache__")
    shutil.copytree(make.ROOT, away, ignore=unwanted)
    with session.chdir(away):
        repository = "--ignore=tests/test_repository.py"
        session.run("pytest", "-n", workers(), repository, *session.posargs)


@nox.session(python=OLDEST)
@nox.parametrize("openai", ["3.52", "2.54", "1.109"])
def clients(session: nox.Session, openai: str) -> None:
    """Run official clients, each generation in an environment of its own, against the server."""
    install(session, f"openai=={openai}.*")
    session.run("pytest", "tests/clients/test_python_sdk.py", *session.posargs)


@nox.session(python=OLDEST)
def imagerouter_client(session: nox.Session) -> None:
    """Run ImageRouter's own client for Python against the server."""
    install(session, "imagerouter==0.7.3")
    session.run("pytest", "tests/clients/test_imagerouter_client.py", *session.posargs)


@nox.session(python=OLDEST)
def node_clients(session: nox.Session) -> None:
    """Run the official Node SDK against the server; wants node and npm."""
    install(session)
    session.env["ROUTERCORE_NODE_MODULES"] = modules(session, "openai")
    session.run("pytest", "tests/clients/test_node_sdk.py", *session.posargs)


@nox.session(python=OLDEST)
def vercel_clients(session: nox.Session) -> None:
    """Run the image models of the Vercel AI SDK against the server; wants node and npm."""
    install(session)
    session.env["ROUTERCORE_VERCEL_MODULES"] = modules(session, *VERCEL)
    session.run("pytest", "tests/clients/test_vercel_ai_sdk.py", *session.posargs)


def modules(session: nox.Session, *packages: str) -> str:
    """A folder of the session's own in which npm has installed ``packages``."""
    folder = str(Path(session.create_tmp()).resolve())
    options = ("--no-audit", "--no-fund", "--prefix", folder)
    session.run("npm", "install", *options, *packages, external=True, silent=True)
    return folder


@nox.session(python=OLDEST)
def http_contract(session: nox.Session) -> None:
    """Let schemathesis look for requests that the server answers otherwise than it describes."""
    install(session, "schemathesis>=4.10")
    session.run("pytest", "tests/clients/test_schemathesis.py", *session.posargs)


@nox.session(python=OLDEST)
def crash(session: nox.Session) -> None:
    """Kill routers 200 times at random moments; ledger and invoice must agree. Minutes."""
    install(session)
    session.run("python", "-m", "tests.crash", *session.posargs)


@nox.session(python=OLDEST, default=False)
def mutation(session: nox.Session) -> None:
    """Change what decides over money in thousands of ways; of ten changes nine must fail a test."""
    install(session, *make.group("mutation"))
    session.run("python", "tools/mutation.py", "--fresh", *session.posargs)


@nox.session(python=OLDEST, default=False)
def surface(session: nox.Session) -> None:
    """Take each feature of the surface away; the tests behind its row must fail. Wants npm."""
    install(session, "imagerouter==0.7.3", "schemathesis>=4.10")
    session.env["ROUTERCORE_NODE_MODULES"] = modules(session, "openai")
    session.env["ROUTERCORE_VERCEL_MODULES"] = modules(session, *VERCEL)
    session.run("python", "tools/breakage.py", *session.posargs)


def install(session: nox.Session, *more: str) -> None:
    """Install the core with all extras, every plugin and the tools of the tests."""
    session.install(*make.BUILD)
    projects = make.editable([make.ROOT, *make.plugins()], "all")
    session.install("--no-build-isolation", *projects, *make.group("test"), *more)


def require_branches(session: nox.Session, measured: dict[str, Any]) -> None:
    """Fail below the required share of branches; coverage's own gate counts lines with them."""
    files = [(share(one["summary"]), name) for name, one in measured["files"].items()]
    for percent, name in sorted(files)[:10]:
        session.log("%5.1f %% of branches: %s", percent, name)
    totals = measured["totals"]
    covered, all_of_them = totals["covered_branches"], totals["num_branches"]
    session.log("%d of %d branches: %.2f %%", covered, all_of_them, share(totals))
    if share(totals) < BRANCHES:
        session.error(f"less than {BRANCHES} % of the branches are covered")


def share(summary: dict[str, Any]) -> float:
    """The branches that were taken, in per cent; all of them where there are none."""
    count = summary["num_branches"]
    return 100 * summary["covered_branches"] / count if count else 100.0


def workers() -> str:
    """How many tests run at a time."""
    return str(min(os.cpu_count() or 1, 4))


def python(session: nox.Session) -> str:
    """The interpreter of the session's environment."""
    return str(Path(session.bin) / Path(make.PYTHON).name)


def lowest_versions() -> list[str]:
    """Every direct requirement at its lower bound, as constraints for pip."""
    lowest: dict[str, str] = {}
    for project in (make.ROOT, *make.plugins()):
        table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = table.get("optional-dependencies", {}).values()
        for requirement in chain(table.get("dependencies", []), *extras):
            if requirement.startswith("routercore"):
                continue
            bound = re.match(r"([\w.-]+)(?:\[.*?\])?\s*>=\s*([\w.]+)", requirement)
            if bound is None:
                raise ValueError(f"{project.name}: {requirement!r} has no lower bound (>=)")
            name, version = bound.groups()
            lowest[name] = max(lowest.get(name, version), version, key=as_numbers)
    return [f"{name}=={version}" for name, version in sorted(lowest.items())]


def as_numbers(version: str) -> list[int]:
    """A version such as 2.16 in the order of versions, not of text."""
    return [int(part) for part in re.findall(r"\d+", version)]
