"""Takes each feature of the surface away, and sees that the tests behind its row notice.

    python tools/breakage.py              all rows, some minutes
    python tools/breakage.py F003 F017    those

What is taken away stands in breakage.toml: for each row of surface.toml the lines of the sources
that are changed, one after the other, in a copy under build/breakage. Only the tests that the row
points at are run. Each change must fail one of them, and each of them must fail by one change; a
change that breaks more than a feature, so that a test cannot even begin, does not count.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).with_suffix(".toml")
PLACE = ROOT / "build" / "breakage"
UNWANTED = (".*", "build", "dist", "node_modules", "__pycache__")
OUTCOME = re.compile(r"^(FAILED|ERROR|SKIPPED) (?:\[\d+\] )?(.*)$", re.MULTILINE)
PYTEST = ("-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:xdist")


@dataclass(frozen=True, slots=True)
class Break:
    """A change that takes a feature away."""

    row: str
    file: str
    """From the root of the repository."""
    old: str
    """A text that is in the file once."""
    new: str

    def broken(self, text: str) -> str:
        """The file's text without the feature."""
        if text.count(self.old) != 1:
            times = text.count(self.old)
            raise ValueError(f"{self.row}: {self.old!r} is {times} times in {self.file}, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests of a row said of a change."""

    change: Break
    failed: frozenset[str]
    """The tests as the row names them."""
    trouble: str = ""
    """Why the change does not count."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The sources and tests, to be changed."""

    root: Path

    def tried(self, change: Break, tests: Sequence[str]) -> Outcome:
        """Make the change, run the tests, and take it back."""
        file = self.root / change.file
        text = file.read_text(encoding="utf-8")
        try:
            _write(file, change.broken(text))
            return _outcome(change, tests, self._said(tests))
        finally:
            _write(file, text)

    def _said(self, tests: Sequence[str]) -> str:
        sources = [self.root / "src", *sorted(self.root.glob("plugins/*/src"))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
        command = [sys.executable, *PYTEST, f"--basetemp={self.root.parent / 'tmp'}", *tests]
        ran = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        return ran.stdout + ran.stderr


def breaks() -> dict[str, list[Break]]:
    """What is changed for each row."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {row: [Break(row, **change) for change in changes] for row, changes in table.items()}


def surface() -> ModuleType:
    """The module that reads the table of the surface."""
    spec = importlib.util.spec_from_file_location("surface", TABLE.with_name("surface.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["surface"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Try the rows that are named; 1 where a change, or a test, does not do what it should."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rows", nargs="*", help="such as F017; all of ours unless named")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    options = parser.parse_args()
    tests = {row.id: row.tests for row in surface().rows() if row.ours is not None}
    changes = breaks()
    wanted = options.rows or list(tests)
    tries = [(change, tests[row]) for row in wanted for change in changes.get(row, [])]
    outcomes = list(_all(tries, options.jobs))
    complaints = [
        complaint
        for row in wanted
        for complaint in _complaints(row, tests[row], [o for o in outcomes if o.change.row == row])
    ]
    print(*complaints, sep="\n")
    print(f"{len(outcomes)} features taken away for {len(wanted)} rows; {len(complaints)} unseen")
    return 1 if complaints else 0


def _all(tries: Iterable[tuple[Break, Sequence[str]]], jobs: int) -> Iterator[Outcome]:
    """Try them side by side, and say of each what came of it."""
    copies: SimpleQueue[Copy] = SimpleQueue()
    for number in range(jobs):
        copies.put(_copied(PLACE / str(number)))

    def one(change: Break, tests: Sequence[str]) -> Outcome:
        copy = copies.get()
        try:
            return copy.tried(change, tests)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(lambda each: one(*each), tries):
            seen = outcome.trouble or ", ".join(sorted(outcome.failed)) or "NOT NOTICED"
            print(f"{outcome.change.row} {outcome.change.file}: {seen}", flush=True)
            yield outcome


def _copied(place: Path) -> Copy:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT, place / "root", ignore=shutil.ignore_patterns(*UNWANTED))
    return Copy(place / "root")


def _outcome(change: Break, tests: Sequence[str], said: str) -> Outcome:
    found: Mapping[str, set[str]] = {"FAILED": set(), "ERROR": set(), "SKIPPED": set()}
    for kind, what in OUTCOME.findall(said):
        found[kind].add(what)
    failed = frozenset(test for test in tests if any(_is_of(one, test) for one in found["FAILED"]))
    if found["ERROR"]:
        return Outcome(change, failed, f"breaks more than a feature: {min(found['ERROR'])}")
    if not re.search(r"\d+ (passed|failed|skipped)", said):
        return Outcome(change, failed, f"no test ran: {said.strip()[-300:]}")
    return Outcome(change, failed)


def _is_of(told: str, test: str) -> bool:
    """Whether a line of pytest tells of a test, or of one of its cases."""
    return told.startswith(test) and told[len(test) : len(test) + 1] in ("", "[", " ", ":")


def _complaints(row: str, tests: Sequence[str], outcomes: Sequence[Outcome]) -> Iterator[str]:
    if not outcomes:
        yield f"{row}: nothing is taken away"
    for outcome in outcomes:
        if outcome.trouble or not outcome.failed:
            what = outcome.trouble or "no test notices"
            yield f"{row}: {what}: {outcome.change.file}: {outcome.change.old!r}"
    for test in tests:
        if not any(test in outcome.failed for outcome in outcomes):
            yield f"{row}: {test} fails by none of its changes"


_moments = count(1_000_000_000)


def _write(file: Path, text: str) -> None:
    """Write it with a time of its own, so that no bytecode of another text is taken for it."""
    file.write_text(text, encoding="utf-8")
    moment = next(_moments)
    os.utime(file, (moment, moment))


if __name__ == "__main__":
    sys.exit(main())
