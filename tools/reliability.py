"""Writes docs/explanation/reliability.md: every fault, how it comes about, what tests found.

python tools/reliability.py              runs the tests of every row, and writes the page
python tools/reliability.py tests/faults/test_money.py      runs those alone, and keeps the rest
python tools/reliability.py --page       runs nothing

What is proved is said where it is proved: a test carries ``@pytest.mark.fault("F07", how=…)``,
``scenario(…)`` or ``invariant(…)``, and its docstring is the claim.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "reliability.md"
ROWS = ROOT / "tools" / "reliability.toml"
RESULTS = ROOT / "tools" / "reliability.json"
MARKS = {"fault": "faults", "scenario": "scenarios", "invariant": "invariants"}


@dataclass(frozen=True, slots=True)
class Proof:
    """One test that a row rests on."""

    node: str
    """``tests/faults/test_x.py::test_y``."""
    claim: str
    how: str = ""


Proofs = dict[tuple[str, str], list[Proof]]
"""By kind and row: ``("faults", "F07")``."""


def rows() -> dict[str, Any]:
    """The table as it is laid down."""
    return tomllib.loads(ROWS.read_text(encoding="utf-8"))


def proofs() -> Proofs:
    """Every marked test, and those that the table names, read from the sources."""
    found: Proofs = {}
    claims: dict[str, str] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        name = file.relative_to(ROOT).as_posix()
        for test, inside in _tests(ast.parse(file.read_text(encoding="utf-8"))):
            node = f"{name}::{inside}{test.name}"
            claims[node] = " ".join((ast.get_docstring(test) or "").split())
            for kind, names, how in _marks(test):
                for one in names:
                    found.setdefault((kind, one), []).append(Proof(node, claims[node], how))
    for kind in ("faults", "invariants"):
        for row, what in rows()[kind].items():
            for node in what.get("tests", ()):
                found.setdefault((kind, row), []).append(Proof(node, claims.get(node, "")))
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """The test functions of a file, each with its class before it."""
    for outer in tree.body:
        inside = f"{outer.name}::" if isinstance(outer, ast.ClassDef) else ""
        for node in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node, inside


def _marks(
    test: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[str, list[str], str]]:
    """The kind, the names and the ``how`` of each mark of ours."""
    for mark in test.decorator_list:
        if not isinstance(mark, ast.Call) or not isinstance(mark.func, ast.Attribute):
            continue
        kind = MARKS.get(mark.func.attr)
        if kind is not None:
            hows = [ast.literal_eval(one.value) for one in mark.keywords if one.arg == "how"]
            names = [str(a.value) for a in mark.args if isinstance(a, ast.Constant)]
            starred = any(isinstance(a, ast.Starred) for a in mark.args)
            yield kind, names + (_all_scenarios() if starred else []), "".join(hows)


def _all_scenarios() -> list[str]:
    """What ``*FURTHER`` stands for: the scenarios that no other test names."""
    return [
        "200 with no images", "200 with invalid image bytes", "reset after sending", "504",
        "bad key", "exhausted quota", "oversized bodies",
    ]  # fmt: skip


def results() -> dict[str, dict[str, int]]:
    """How often each test passed and failed when it was last run."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else {}


def run(nodes: list[str]) -> dict[str, dict[str, int]]:
    """Run tests; how often each passed and failed, once for each set of its parameters."""
    import pytest

    counted: dict[str, dict[str, int]] = {}

    class Counting:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" or report.outcome != "passed":
                node = report.nodeid.partition("[")[0]
                count = counted.setdefault(node, {})
                count[report.outcome] = count.get(report.outcome, 0) + 1

    pytest.main(["-q", "--no-header", "--show-capture=no", "-p", "no:cacheprovider", *nodes],
                plugins=[Counting()])  # fmt: skip
    return counted


def page(table: dict[str, Any], found: Proofs, last: dict[str, dict[str, int]]) -> str:
    """The whole page."""
    lines = [INTRODUCTION, "", "## Faults", "",
             "| | fault | what must be | how it comes about | what holds | test | runs |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for row, what in table["faults"].items():
        head = [row, what["fault"], what.get("expected", "–")]
        lines += _lines(head, found.get(("faults", row), []), last, what.get("out"))
    lines += ["", SCENARIOS, "", "| scenario | what holds | test | runs |", "|---|---|---|---|"]
    for name in table["scenarios"]["names"]:
        lines += _lines([name], found.get(("scenarios", name), []), last, how=False)
    lines += ["", INVARIANTS, "", "| | invariant | what is held to it | test | runs |",
              "|---|---|---|---|---|"]  # fmt: skip
    for name, what in table["invariants"].items():
        lines += _lines([name, what["what"]], found.get(("invariants", name), []), last,
                        what.get("out"), how=False)  # fmt: skip
    return "\n".join(lines) + "\n"


def _lines(
    head: list[str], given: list[Proof], last: dict[str, dict[str, int]], out: str | None = None,
    *, how: bool = True,
) -> Iterator[str]:  # fmt: skip
    """The lines of one row: one for each test."""
    if not given:
        rest = ["–"] * how + [out or "–", "–", "not here" if out else "none"]
        yield f"| {' | '.join([*head, *rest])} |"
    for number, proof in enumerate(given):
        first = head if not number else [""] * len(head)
        middle = [proof.how or "as its test says"] if how else []
        cells = [*first, *middle, proof.claim, f"`{_short(proof.node)}`", said(last, proof.node)]
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _short(node: str) -> str:
    return node.removeprefix("tests/")


def said(last: dict[str, dict[str, int]], node: str) -> str:
    """What came of a test when it was last run."""
    count = last.get(node, {})
    return ", ".join(f"{times} {outcome}" for outcome, times in sorted(count.items())) or "not run"


INTRODUCTION = (
    "# Reliability\n"
    "\n"
    "<!-- Generated by tools/reliability.py from the tests and their last run; do not edit."
    " -->\n"
    "\n"
    "What goes wrong with image services, and what was found when it did.\n"
    "[Faults and money](faults-and-money.md) says why; this page says that it is so.\n"
    "\n"
    "The tests in `faults/` inject each fault over real sockets, by an upstream that runs "
    "in a process of its own, shares no code with this router, and keeps its own invoice: a"
    " line for every image that it accepts to make, written before anything else happens.\n"
    "The number of that line is painted into the image.\n"
    "After each of them, every invoiced image was delivered, or is on the ledger as lost, "
    "as suspect, or as of a request that ended without it; what was posted is what was "
    "invoiced; nothing that was void was invoiced; and no socket was left open.\n"
    "\n"
    "Time that the router waits for is leapt over with an injected clock; time that sockets"
    " take is real.\n"
    "The upstream is public: `routercore.testing.faulty`.\n"
    "A test that has parameters counts once for each of them; those of the wire run over both "
    "transports."
)
SCENARIOS = (
    "## Scenarios\n"
    "\n"
    "Failures as a caller meets them, with default settings: a primary that fails, and one "
    "that works.\n"
    "The first are those of the public Failover Bench, for images."
)
INVARIANTS = (
    "## Invariants\n"
    "\n"
    "What is true after every step of whatever happens: state machines take random steps, "
    "and a simulation plays virtual hours out of a seed."
)


def main() -> int:
    parser = argparse.ArgumentParser(description="write docs/explanation/reliability.md")
    parser.add_argument("tests", nargs="*", help="only these; the rest keep their results")
    parser.add_argument("--page", action="store_true", help="run nothing")
    given = parser.parse_args()
    found = proofs()
    known = {proof.node for several in found.values() for proof in several}
    last = results()
    if not given.page:
        wanted = [n for n in known if not given.tests or n.startswith(tuple(given.tests))]
        last |= run(sorted(wanted))
    last = {node: count for node, count in sorted(last.items()) if node in known}
    RESULTS.write_text(json.dumps(last, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(rows(), found, last), encoding="utf-8")
    return any("failed" in count or "error" in count for count in last.values())


if __name__ == "__main__":
    sys.exit(main())
