"""``routercore rehearse`` as a process."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

CONFIG = """
[providers.primary]
plugin = "test"
api_key = "${NO_SUCH_VARIABLE_ANYWHERE}"

[providers.backup]
plugin = "test"

[models.poster]
targets = ["primary:test/test", "backup:test/test"]

[models.solo]
targets = ["primary:test/test"]
"""


def test_a_configuration_that_holds(run: Run, folder: Path) -> None:
    """Each outage is a line with what callers saw, and another with what was tried."""
    (folder / "two.toml").write_text(CONFIG)
    ended = run("rehearse", "two.toml", "--model", "poster", "--requests", "12")
    assert 0 == ended.code, ended.err
    assert "12 requests, one every 5 s; primary is out from 15 s to 30 s" in ended.text
    assert "primary:test/test not_sent (0 s)" in ended.text
    assert "backup:test/test delivers" in ended.text
    assert "back after: when primary delivered again" in ended.text


def test_a_configuration_that_does_not(run: Run, folder: Path) -> None:
    """Where an outage of one provider reaches callers, the command ends with 1."""
    (folder / "two.toml").write_text(CONFIG)
    arguments = ("--model", "solo", "-o", "down", "--requests", "8", "--json")
    ended = run("rehearse", "two.toml", *arguments)
    assert 1 == ended.code
    calm, down = ended.json
    assert ("calm", 8, 0) == (calm["outage"], calm["delivered"], calm["failed"])
    assert {"upstream_unreachable": 2} == down["errors"]
    assert ["not_sent", "not_sent"] == [a["fault"] for a in down["example"]["attempts"]]


def test_outages_that_nobody_knows(run: Run) -> None:
    """A misspelt outage is told with the nearest name."""
    ended = run("rehearse", "-o", "flaping")
    assert 2 == ended.code
    assert "did you mean 'flapping'?" in ended.err
