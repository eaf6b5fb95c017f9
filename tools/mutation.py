"""Mutation testing of what decides over money: prints a table, and fails where too much survives.

    python tools/mutation.py            all groups, some minutes each
    python tools/mutation.py routing    one of them
    python tools/mutation.py --write    writes docs/explanation/mutation.md as well

Functions are mutated by mutmut, in a copy of the sources under build/mutation. What it found there
is kept and only what changed is tried again; --fresh begins anew. The tables and defaults, which
mutmut leaves alone, are changed by tools/data_mutants.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "mutation"
PAGE = ROOT / "docs" / "explanation" / "mutation.md"
WHYS = Path(__file__).with_name("survivors.toml")
REQUIRED = 90
SURVIVED, UNTESTED = 0, (5, 33)
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "-k", "not postgresql"]
pytest_add_cli_args_test_selection = {tests}
also_copy = ["conftest.py"]
use_git_change_detection = false
track_dependencies = false
timeout_multiplier = 5.0
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that the same tests belong to."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    has_data: bool = False


GROUPS = {
    "routing": Group(
        ("routing/policy.py", "routing/circuit.py", "routing/quota.py", "provider/classify.py"),
        ("tests/routing", "tests/provider/test_classify.py"),
        has_data=True,
    ),
    "records": Group(
        ("server/records.py", "server/durable.py", "state/ledger/calls.py"),
        ("tests/server/test_records.py", "tests/server/test_records_bounds.py"),
    ),
    "jobs": Group(
        ("server/jobs.py",),
        ("tests/server/test_joining.py", "tests/server/test_leaving.py",
         "tests/server/test_jobs_apart.py", "tests/server/test_keeping.py"),
    ),
}  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What became of a module's mutants."""

    killed: int = 0
    survivors: list[str] = field(default_factory=list)
    """What was changed in each, in words."""

    @property
    def count(self) -> int:
        return self.killed + len(self.survivors)

    @property
    def percent(self) -> float:
        return 100 * self.killed / self.count if self.count else 0.0


def main() -> int:
    """Try the groups that are named; 1 where less than nine tenths are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all unless named")
    parser.add_argument("--fresh", action="store_true", help="try everything again")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    tallies: dict[str, Tally] = defaultdict(Tally)
    for name in options.groups or GROUPS:
        try_group(name, GROUPS[name], tallies, is_fresh=options.fresh)
    table = "\n".join(rows(tallies))
    print(f"\n{table}\n")
    for module, tally in tallies.items():
        for survivor in tally.survivors:
            print(f"survived in {module}: {survivor}")
    if options.write:
        PAGE.write_text(page(table, tallies), encoding="utf-8")
    weak = [module for module, tally in tallies.items() if tally.percent < REQUIRED]
    for module in weak:
        print(f"less than {REQUIRED} % killed: {module}")
    return 1 if weak else 0


def try_group(name: str, group: Group, tallies: dict[str, Tally], *, is_fresh: bool) -> None:
    """Run mutmut, and the mutants of data where there are some; add up what came of them."""
    place = PLACE / name
    if is_fresh:
        shutil.rmtree(place, ignore_errors=True)
    lay_out(place, group)
    survivors = [mutant for mutant, code in results(place, group) if not is_killed(code)]
    run_mutmut(place)
    if survivors:  # Tests that were written since may kill them.
        run_mutmut(place, *survivors)
    for mutant, code in results(place, group):
        if code is None:
            sys.exit(f"{mutant} was not tried")
        tally = tallies[module_of(mutant)]
        if is_killed(code):
            tally.killed += 1
        else:
            tally.survivors.append(told(place, mutant))
    if group.has_data:
        add_data(place, tallies)


def lay_out(place: Path, group: Group) -> None:
    """Copy the sources and tests, and tell mutmut what to do with them."""
    place.mkdir(parents=True, exist_ok=True)
    unwanted = shutil.ignore_patterns("__pycache__")
    for folder in ("src", "tests"):
        shutil.rmtree(place / folder, ignore_errors=True)
        shutil.copytree(ROOT / folder, place / folder, ignore=unwanted)
        shutil.rmtree(place / "mutants" / "tests", ignore_errors=True)
    shutil.copy(ROOT / "conftest.py", place)
    modules = json.dumps([f"src/routercore/{module}" for module in group.modules])
    config = CONFIG.format(modules=modules, tests=json.dumps(group.tests))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (place / "pyproject.toml").write_text(project + config, encoding="utf-8")


def run_mutmut(place: Path, *mutants: str) -> None:
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *mutants]
    with (place / "mutmut.log").open("ab") as log:
        code = subprocess.run(command, cwd=place, stdout=log, stderr=log, check=False).returncode
    if code != 0:
        sys.exit(f"mutmut failed: see {log.name}")


def results(place: Path, group: Group) -> Iterator[tuple[str, int | None]]:
    """Each mutant of the group's modules, and how its tests ended."""
    for module in group.modules:
        meta = place / "mutants" / "src" / "routercore" / f"{module}.meta"
        if meta.exists():
            found = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
            yield from found.items()


def is_killed(code: int | None) -> bool:
    """Also by running for ever; not by there being no test."""
    return code is not None and code != SURVIVED and code not in UNTESTED


def module_of(mutant: str) -> str:
    """The file that a mutant is in, as ``server/jobs.py``."""
    return mutant.rpartition(".")[0].removeprefix("routercore.").replace(".", "/") + ".py"


def told(place: Path, mutant: str) -> str:
    """What is different in a mutant."""
    command = [sys.executable, "-m", "mutmut", "show", mutant]
    shown = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True).stdout
    lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in "+++---"]
    was, now = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    function = mutant.rpartition(".x")[2].rpartition("__mutmut_")[0]
    return f"{function.strip('_ǁ').replace('ǁ', '.')}: {was} → {now or '(gone)'}"


def add_data(place: Path, tallies: dict[str, Tally]) -> None:
    """Change each value of the tables and defaults, and add up what came of it."""
    file = (place / "data.json").resolve()
    command = [sys.executable, "-m", "tools.data_mutants", str(file)]
    code = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    if code not in (0, 5):
        sys.exit("the tests fail without any mutant")
    for one in json.loads(file.read_text(encoding="utf-8")):
        tally = tallies[f"{one['module']}, data"]
        if one["is_killed"]:
            tally.killed += 1
        else:
            tally.survivors.append(one["mutant"])


def rows(tallies: dict[str, Tally]) -> Iterator[str]:
    """The table."""
    yield "| module | mutants | killed | survived | killed, % |"
    yield "|---|--:|--:|--:|--:|"
    for module, tally in sorted(tallies.items()):
        cells = (f"`{module}`", tally.count, tally.killed, len(tally.survivors))
        yield f"| {' | '.join(map(str, cells))} | {tally.percent:.1f} |"


def page(table: str, tallies: dict[str, Tally]) -> str:
    """The page of the documentation: the table, and each survivor with why it survives."""
    told = tomllib.loads(WHYS.read_text(encoding="utf-8"))
    parts = [told["introduction"].strip(), table, "## What survives", told["survivors"].strip()]
    for module, tally in sorted(tallies.items()):
        if tally.survivors:
            parts += [f"### {module}", "\n".join(listed(tally.survivors, told["why"]))]
    return "\n\n".join(parts) + "\n"


def listed(survivors: list[str], whys: list[dict[str, str]]) -> Iterator[str]:
    """Each survivor, and the reason of the first entry whose text is in it."""
    for survivor in survivors:
        why = next((one["why"] for one in whys if one["change"] in survivor), "")
        yield f"- `` {survivor} ``" + (f"\n  {why}" if why else "")


if __name__ == "__main__":
    sys.exit(main())
