"""Every example in the documentation runs."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routercore.testing.conformance import Subject, run_checks
from routercore.testing.providers import PNG_BASE64

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(?P<kind>\w+)(?P<about>[^\n]*)\n(?P<code>.*?)^```$", re.M | re.S)


def blocks(page: Path, kind: str) -> Iterator[tuple[int, str]]:
    """Line and text of a page's blocks of one kind; those marked ``no-run`` are left out."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["kind"] == kind and "no-run" not in match["about"]:
            yield text[: match.start("code")].count("\n"), match["code"]


def having(kind: str) -> list[Path]:
    return [page for page in PAGES if any(blocks(page, kind))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", having("python"), ids=name_of)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page run one after another, as a reader would type them, and tests
    that they define are run."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "__main__"}

    with asyncio.Runner() as runner:
        for line, code in blocks(page, "python"):
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compiled = compile("\n" * line + code, str(page), "exec", flags=flags)
            value = eval(compiled, space)
            if inspect.iscoroutine(value):
                runner.run(value)
    for name, value in list(space.items()):
        if name.startswith("test_") and inspect.isfunction(value):
            assert not inspect.signature(value).parameters, f"{name} would not run here"
            value()


@pytest.mark.parametrize("page", having("toml"), ids=name_of)
def test_configuration_examples_are_valid(page: Path) -> None:
    """The TOML blocks of a page parse, and configurations among them pass the check."""
    from routercore.config import parse

    for _, code in blocks(page, "toml"):
        document = tomllib.loads(code)
        if "project" not in document and "dependency-groups" not in document:
            variables = re.findall(r"\$\{(\w+)\}", code)
            parse(document, {name: f"value-of-{name}-long-enough" for name in variables})


@pytest.mark.parametrize("page", having("console"), ids=name_of)
def test_console_examples_run(page: Path, tmp_path: Path) -> None:
    """The commands of a page succeed, one after another in one folder."""
    for _, code in blocks(page, "console"):
        for line in code.splitlines():
            if line.startswith("$ routercore "):
                command = [sys.executable, "-m", "routercore", *shlex.split(line)[2:]]
                done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
                assert (0, line) == (done.returncode, line), done.stderr


def test_the_page_on_privacy_warns() -> None:
    """Who enables a provider can read where prompts go, that it may keep them, and what to do."""
    page = (ROOT / "docs" / "explanation" / "privacy.md").read_text(encoding="utf-8")
    goes, _, rest = page.partition("**A provider may keep what it is sent.**")
    warning = rest.partition("##")[0]
    assert "`routercore plan` says who would be asked, and `routercore providers` at which" in goes
    assert ["terms", "`enabled = false`", "`[plugins] allow`"] == [
        word for word in ("terms", "`enabled = false`", "`[plugins] allow`") if word in warning
    ]


def test_the_rehearsal_that_is_shown(tmp_path: Path) -> None:
    """The guide to failover shows what its own configuration does in an outage, line by line."""
    pytest.importorskip("routercore_openai")
    pytest.importorskip("routercore_black_forest_labs")
    page = ROOT / "docs" / "guides" / "failover.md"
    (tmp_path / "routercore.toml").write_text(next(blocks(page, "toml"))[1])
    text = page.read_text(encoding="utf-8")
    command, *shown = re.search(r"\$ (routercore rehearse .*?)```", text, re.S)[1].splitlines()
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert [] == [line for line in shown if line not in lines and line != " …"]


def answered(method: str, url: str, answer: dict[str, object]) -> dict[str, object]:
    return {"request": {"method": method, "url": url}, "response": {"status": 200, **answer}}


EXAMPLES = {
    "index": ("doodle-1", [
        answered("POST", "http://127.0.0.1:8077/v1/images/generations",
                 {"json": {"data": [{"b64_json": PNG_BASE64}]}}),
    ]),
    "index#1": ("etch-1", [
        answered("POST", "http://127.0.0.1:8078/draw", {"json": {"picture": PNG_BASE64}}),
    ]),
    "row": ("charcoal-2", [
        answered("POST", "https://api.sketchbook.example/v1/images/generations",
                 {"json": {"data": [{"b64_json": PNG_BASE64}]}}),
    ]),
    "one-shot": ("copper", [
        answered("POST", "https://api.etcher.example/v2/etchings",
                 {"json": {"png": PNG_BASE64, "seed": 7, "verdict": "fine"}}),
    ]),
    "job": ("stoneware", [
        answered("POST", "https://api.kiln.example/v1/jobs",
                 {"json": {"poll": "https://api.kiln.example/v1/jobs/1"}}),
        answered("GET", "https://api.kiln.example/v1/jobs/1", {"json": {
            "state": "done", "message": "fired", "progress": 1,
            "picture": "https://api.kiln.example/1.png",
        }}),
    ]),
    "flow": ("lime", [
        answered("POST", "http://127.0.0.1:8078/paint", {"events": [
            {"event": "draft", "data": {"picture": PNG_BASE64, "index": 0}},
            {"event": "final", "data": {"picture": PNG_BASE64}},
        ]}),
    ]),
}  # fmt: skip
"""The model of a page's first provider, or of a later block's, and what its vendor would answer."""


@pytest.mark.parametrize("page", EXAMPLES)
def test_example_providers_pass_the_kit(page: str, tmp_path: Path) -> None:
    """Who starts from a page's provider starts from one without a fault; some name no price."""
    name, _, block = page.partition("#")
    space: dict[str, Any] = {"__name__": f"example_{name.replace('-', '_')}{block}"}
    shown = [code for _, code in blocks(ROOT / "docs" / "plugins" / f"{name}.md", "python")]
    exec(shown[int(block or 0)], space)
    (provider,) = space["routercore_providers"]()
    model, exchanges = EXAMPLES[page]
    task = {"model": model, "prompt": "a jug"}
    case = {"provider": provider.name, "about": page, "source": "documented", "task": task,
            "exchanges": exchanges, "result": {"images": 1}}  # fmt: skip
    (tmp_path / "generate.json").write_text(json.dumps(case))
    outcomes = run_checks(Subject(provider, tmp_path))
    priced = any(card.prices for card in provider.catalogue())
    problems = [(one.check.name, one.problem) for one in outcomes if one.problem]
    assert [] == [one for one in problems if priced or one[0] != "bills"]


def test_the_first_provider_takes_ten_lines() -> None:
    """As its title says, imports and all."""
    _, code = next(blocks(ROOT / "docs" / "plugins" / "index.md", "python"))
    assert len(code.splitlines()) <= 10
    assert max(map(len, code.splitlines())) <= 100
