"""``routercore usage``, ``log`` and ``ledger``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import Run

pytest.importorskip("sqlalchemy")


@pytest.fixture
def spent(folder: Path) -> Path:
    """A folder with a ledger in which one request is paid and another one suspect."""
    from routercore.state.ledger.sql import SqlLedger
    from routercore.values.accounts import Asked, Ended
    from routercore.values.ledger import Hold, Kind, Outcome, Step

    now = datetime.now(UTC) - timedelta(minutes=1)

    async def fill() -> None:
        ledger = SqlLedger(f"sqlite:///{folder}/ledger.db")
        for name, end in (("r1", Kind.POSTED), ("r2", Kind.SUSPECT)):
            ledger.note(Asked(request=name, caller="team", model="poster", operation="generate",
                              n=1, at=now, prompt="a heron", user="ada"))  # fmt: skip
            await ledger.reserve(
                Hold(attempt=f"{name}-1", request=name, caller="team", provider="vendor",
                     model="poster", target="vendor:poster", micros=40_000, at=now, expires=now)
            )  # fmt: skip
            for kind in (Kind.DISPATCHED, end):
                outcome = Outcome(images=int(end is Kind.POSTED))
                step = Step(attempt=f"{name}-1", kind=kind, at=now, micros=30_000, outcome=outcome)
                await ledger.write(step)
        ledger.note(Ended(request="r1", at=now, status="completed", images=1))
        await ledger.close()

    asyncio.run(fill())
    config = folder / "routercore.toml"
    url = f'[ledger]\nurl = "sqlite:///{folder}/ledger.db"\n'
    config.write_text(url + config.read_text())
    return folder


def test_usage_adds_up(spent: Path, say: Run) -> None:
    """What was paid and what may have been, for people and for programs."""
    ran = say("usage", "--json")
    expected = {"name": "team", "attempts": 2, "images": 1, "paid": "0.03", "suspect": "0.04",
                "held": "0.00"}  # fmt: skip
    assert (0, [expected]) == (ran.code, json.loads(ran.text)["usage"])
    assert "poster" in say("usage", "--by", "model").text


def test_the_log_shows_requests(spent: Path, say: Run) -> None:
    """The newest request comes first, with its attempts."""
    rows = json.loads(say("log", "--json").text)["requests"]
    assert [("r2", None), ("r1", "completed")] == [(r["request"], r["status"]) for r in rows]
    assert ("suspect", "0.04") == (
        rows[0]["attempts"][0]["state"],
        rows[0]["attempts"][0]["counts"],
    )
    text = say("log", "--key", "team").text
    assert "vendor:poster suspect" in text
    assert "completed  1 of 1 image  $0.03" in text


@pytest.mark.parametrize("command", ["log", "usage"])
def test_the_ledger_that_was_read_is_named(spent: Path, say: Run, command: str) -> None:
    """People and programs are told where it is; and who writes there, where nothing is found."""
    url = f"sqlite:///{spent}/ledger.db"
    assert url == json.loads(say(command, "--json").text)["ledger"]
    assert say(command).text.endswith(f"ledger: {url}\n")
    (spent / "ledger.db").unlink()
    assert "`routercore serve` writes there" in say(command).text


def test_unknown_outcomes_are_reconciled(spent: Path, say: Run) -> None:
    """An operator with the invoice says what an attempt cost, once."""
    (found,) = json.loads(say("ledger", "reconcile", "--json").text)["open"]
    assert "r2-1" == found["attempt"]
    assert 0 == say("ledger", "reconcile", "r2-1", "--paid", "0.025").code
    assert 2 == say("ledger", "reconcile", "r2-1", "--free").code
    assert "settled" in say("ledger", "reconcile").text
    assert "0.055" == json.loads(say("usage", "--json").text)["usage"][0]["paid"]
    assert 0 == say("ledger", "audit").code


def test_what_reconcile_cannot_mean(spent: Path, say: Run) -> None:
    """Neither word, both words and no amount are refused, and change nothing."""
    for words in ((), ("--paid", "1", "--free"), ("--paid", "much"), ("--paid", "-1")):
        assert 2 == say("ledger", "reconcile", "r2-1", *words).code
    assert 2 == say("ledger", "reconcile", "nobody", "--free").code


def test_what_was_asked_is_erased(spent: Path, say: Run) -> None:
    """Prompts of a user are erased; without saying whose, nothing is."""
    assert 2 == say("ledger", "erase").code
    assert 2 == say("ledger", "erase", "--user", "").code
    assert 2 == say("ledger", "erase", "--request", "", "--user", "ada").code
    assert {"erased": 2} == json.loads(say("ledger", "erase", "--user", "ada", "--json").text)
    assert [None, None] == [r["prompt"] for r in json.loads(say("log", "--json").text)["requests"]]


JOB = """
import asyncio, os, signal
from routercore.router import Router
from routercore.state.places import server_ledger

async def main():
    router = Router.from_config("routercore.toml", ledger=server_ledger)
    def die(target, notice):
        os.kill(os.getpid(), signal.SIGKILL)
    await router.generate("a heron", model="slow", size="64x64", on_notice=die)

asyncio.run(main())
"""


def test_pictures_of_the_dead_are_collected(folder: Path, say: Run) -> None:
    """A job whose process was killed is saved in a folder, and its price posted; once."""
    config = folder / "routercore.toml"
    job = 'targets = [{ target = "backup:test/paid", options = { job = true, latency = 5 } }]\n'
    ledger = f'[ledger]\nurl = "sqlite:///{folder}/ledger.db"\n'
    config.write_text(f"{ledger}{config.read_text()}[models.slow]\n{job}")
    subprocess.run([sys.executable, "-c", JOB], cwd=folder, check=False, timeout=60)
    early = say("ledger", "collect", "-o", "rescued")
    assert (0, "there is no job to collect") == (early.code, early.text.strip())
    assert "to be collected" == say("ledger", "reconcile", "--json").json["open"][0]["job"]
    ran = say("ledger", "collect", "-o", "rescued", "--even-if-leased", "--json")
    assert (0, 1) == (ran.code, ran.json["jobs"]["collected"])
    (row,) = ran.json["collected"]
    (path,) = row["paths"]
    assert b"\x89PNG" == (folder / path).read_bytes()[:4]
    assert row["usd"] == json.loads(say("usage", "--json").text)["usage"][0]["paid"]
    assert "no job" in say("ledger", "collect", "-o", "rescued", "--even-if-leased").text
    assert 0 == say("ledger", "audit").code


def test_the_ledger_in_words(spent: Path, say: Run) -> None:
    """Open attempts in a table, one settled in a line, balances that hold; how many erased."""
    assert "r2-1" in say("ledger", "reconcile").text
    assert "r2-1 is voided: $0.00\n" == say("ledger", "reconcile", "r2-1", "--free").text
    assert "✓ every balance is the sum of its rows\n" == say("ledger", "audit").text
    assert {"mismatches": []} == say("ledger", "audit", "--json").json
    assert "erased what was asked in 1 request\n" == say("ledger", "erase", "--request", "r1").text
    text = say("log", "--key", "nobody").text
    assert f"nothing was asked\nledger: sqlite:///{spent}/ledger.db\n" == text


def test_a_settled_attempt_as_json(spent: Path, say: Run) -> None:
    """With its state and what it counts for."""
    after = say("ledger", "reconcile", "r2-1", "--paid", "0.02", "--json").json
    assert ("posted", "0.02") == (after["state"], after["counts"])


def test_a_ledger_that_does_not_add_up(spent: Path, say: Run) -> None:
    """What was tampered with is named with both sums in dollars, and the command ends with one."""
    import sqlite3

    with sqlite3.connect(spent / "ledger.db") as connection:
        connection.execute("UPDATE routercore_balances SET posted = 7 WHERE name = 'vendor'")
    connection.close()
    ran = say("ledger", "audit")
    is_, should = "paid $0.000007, suspect $0.04", "held $0.00, paid $0.03, suspect $0.04"
    assert f": held $0.00, {is_}, but the rows say {should}" in " ".join(ran.text.split())
    assert 1 == ran.code
    assert 1 == say("ledger", "audit", "--json").code


def test_an_empty_ledger(say: Run) -> None:
    """Nothing was used yet, and that is said."""
    config = '[ledger]\nurl = "sqlite:///empty.db"\n'
    Path("routercore.toml").write_text(config)
    assert say("usage").text.startswith("nothing was used\nledger: sqlite:///empty.db\n")
