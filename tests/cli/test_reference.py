"""The reference pages name everything there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from routercore.config import schema

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def settings(node: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """The name of every setting in a JSON Schema."""
    for definition in (node, *definitions.values()):
        yield from definition.get("properties", {})


def test_every_setting_is_in_the_reference() -> None:
    """Whatever a configuration may have is on its page."""
    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    described = schema()
    names = set(settings(described, described["$defs"]))
    assert len(names) > 40
    assert [] == sorted(n for n in names if not re.search(rf"[`\[.]{n}[`\].]", page))


@pytest.mark.parametrize("command", ["generate", "edit", "plan", "estimate"])
def test_every_option_is_in_the_reference(run: Run, command: str) -> None:
    """Whatever a command takes is on its page."""
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    told = run(command, "--help", env={"COLUMNS": "200"}).text
    options = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", told)) - {"--help"}
    assert {"--model", "--config"} <= options
    assert [] == sorted(option for option in options if f"`{option}" not in page)


def test_every_command_is_in_the_reference(run: Run) -> None:
    """Whatever can be run is on its page."""
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    groups = ("config", "keys", "plugin", "providers")
    for group in ((), *((name,) for name in groups)):
        listed = run(*group, "--help").text
        commands = re.findall(r"^│ ([a-z]+) ", listed, re.M)
        assert commands, listed
        wanted = [" ".join((*group, command)) for command in commands if command not in groups]
        assert [] == [command for command in wanted if not re.search(f"`{command}[ `]", page)]
