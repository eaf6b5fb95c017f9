"""``routercore config``, ``keys`` and ``serve``, and how commands end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.cli.conftest import Plug, Run


def test_a_right_configuration(run: Run) -> None:
    """It is said to be right, with what was counted in it."""
    ran = run("config", "check", "routercore.toml")
    assert (0, "✓ routercore.toml is right: 3 providers, 3 models, 0 keys\n") == (
        ran.code, ran.text,
    )  # fmt: skip


def test_a_wrong_configuration(run: Run, folder: Path) -> None:
    """Every mistake at once, for people and for programs."""
    (folder / "wrong.toml").write_text('[ruoter]\n[keys.a]\nhash = "beef"\n')
    ran = run("config", "check", "wrong.toml")
    assert 4 == ran.code
    assert "did you mean 'router'?" in ran.err
    problems = run("config", "check", "wrong.toml", "--json").json["error"]["problems"]
    assert 2 == len(problems)


def test_no_configuration(run: Run, folder: Path) -> None:
    """Without a file there is nothing to check."""
    (folder / "routercore.toml").unlink()
    ran = run("config", "check")
    assert (2, True) == (ran.code, "name a file" in ran.err)


def test_a_configuration_from_the_environment(run: Run, folder: Path) -> None:
    """``ROUTERCORE_CONFIG`` names the file."""
    (folder / "routercore.toml").rename(folder / "elsewhere.toml")
    env = {"ROUTERCORE_CONFIG": "elsewhere.toml"}
    assert 0 == run("generate", "fox", "-m", "poster", "--size", "64x64", env=env).code


def test_the_schema_is_json(run: Run) -> None:
    """For editors."""
    assert "providers" in run("config", "schema").json["properties"]


def test_keys_are_made_and_hashed(run: Run) -> None:
    """A new key, which nobody guesses, comes with its hash; of a given one that is all."""
    made, other = (run("keys", "new", "--json").json for _ in range(2))
    assert re.fullmatch(r"rc_[A-Za-z0-9_-]{43}", made["key"])
    assert made["key"] != other["key"]
    assert hashlib.sha256(made["key"].encode()).hexdigest() == made["hash"]
    assert f"{made['hash']}\n" == run("keys", "hash", stdin=made["key"].encode() + b"\n").text
    assert 2 == run("keys", "hash").code


def test_short_keys_are_refused_in_both_places(say: Run, folder: Path) -> None:
    """A configuration takes no key of less than eight characters, and no hash is made of one."""
    (folder / "short.toml").write_text('[keys.a]\nkey = "sesame7"\n')

    written, hashed = say("config", "check", "short.toml"), say("keys", "hash", stdin=b"sesame7\n")

    assert (4, 2) == (written.code, hashed.code)
    assert "keys.a.key: it should have at least 8 characters" in written.err
    assert "the key should have at least 8 characters" in hashed.err
    assert 0 == say("keys", "hash", stdin=b"sesame-8\n").code


def test_one_of_a_thing_is_singular(say: Run, folder: Path) -> None:
    """What was counted is said as people say it."""
    models = '[models.m]\ntargets = ["test:test/test"]\n'
    (folder / "one.toml").write_text(models + '[keys.a]\nkey = "sesame-8"\n')

    assert "1 provider, 1 model, 1 key\n" in say("config", "check", "one.toml").text


def test_serving_strangers_is_refused(run: Run) -> None:
    """Without keys, an address beyond this machine is a mistake in the configuration."""
    ran = run("serve", "--host", "0.0.0.0")
    assert (4, True) == (ran.code, "no [keys] are configured" in ran.err)


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "routercore", *arguments],
        cwd=folder, stderr=subprocess.PIPE, text=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_serving(folder: Path) -> None:
    """``serve`` listens where it says, and ends when told to."""
    with started(folder, "serve", "--port", "0") as server:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "http://" in line)
        url = re.search(r"http://[\d.:]+", line)
        assert url is not None
        with urllib.request.urlopen(f"{url[0]}/health", timeout=120) as answer:
            assert 200 == answer.status
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) in (0, -signal.SIGTERM)


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_an_interrupt_ends_at_once(folder: Path, plug: Plug) -> None:
    """130, with one word and no traceback."""
    (folder / "routercore.toml").write_text('[plugins]\nallow = ["talkative"]\n')
    plug(
        "talkative",
        "import sys\n"
        "from routercore.provider import hookimpl\n"
        "class Observer:\n"
        "    def notify(self, event):\n"
        "        print(event.name, file=sys.stderr, flush=True)\n"
        "@hookimpl\n"
        "def routercore_observers():\n"
        "    return [Observer()]\n",
    )
    with started(folder, "generate", "fox", "-m", "test/slow") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "attempt.started" in line:
                break
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(120)
        said = process.stderr.read()
    assert said.endswith("interrupted\n")
    assert "Traceback" not in said


def test_the_extra_is_named_when_it_is_missing(folder: Path) -> None:
    """Without typer the message says what to install."""
    hide = "import sys; sys.modules['typer'] = None; from routercore.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", hide], cwd=folder, capture_output=True,
                         text=True, check=False)  # fmt: skip
    assert (4, True) == (ran.returncode, 'pip install "routercore[cli]"' in ran.stderr)


def test_the_version(run: Run) -> None:
    """``--version`` prints the distribution's."""
    assert re.fullmatch(r"routercore \d+\.\d+\.\d+\S*\n", run("--version").text)


def test_help_names_the_exit_codes(run: Run) -> None:
    """Scripts find them where they look first."""
    assert "3 refused by content policy" in " ".join(run("--help").text.replace("│", "").split())


HIDE = """import sys; sys.modules.update(dict.fromkeys({packages!r}))
from routercore.cli import main; main()"""
SERVER = ("uvicorn", "starlette", "anyio", "python_multipart", "httptools")
READ_THE_LEDGER = [["log"], ["usage"], ["ledger", "audit"], ["ledger", "reconcile"],
                   ["ledger", "collect", "-o", "pictures"]]  # fmt: skip


def without(folder: Path, packages: Sequence[str], *arguments: str) -> tuple[int, str]:
    """How a command ends where ``packages`` are not installed, and what it says."""
    command = [sys.executable, "-c", HIDE.format(packages=packages), *arguments]
    env = {**os.environ, "HOME": str(folder), "USERPROFILE": str(folder)}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("arguments", READ_THE_LEDGER, ids=" ".join)
def test_the_ledger_is_read_without_the_server(folder: Path, arguments: list[str]) -> None:
    """What looks into the ledger needs a database, and nothing that serves."""
    assert (0, "") == without(folder, SERVER, *arguments)


@pytest.mark.parametrize("arguments", READ_THE_LEDGER, ids=" ".join)
def test_what_the_ledger_needs_is_named(folder: Path, arguments: list[str]) -> None:
    """Without a database's packages it is one line that says what to install."""
    ended = without(folder, (*SERVER, "sqlalchemy", "alembic"), *arguments)
    cure = "the ledger needs sqlalchemy; run: pip install 'routercore[sql]'"
    assert (4, f"error: {cure}\n") == ended


def test_what_the_server_needs_is_named(folder: Path) -> None:
    """The same for ``serve``."""
    ended = without(folder, SERVER, "serve")
    cure = "the server needs uvicorn; run: pip install 'routercore[server]'"
    assert (4, f"error: {cure}\n") == ended


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use(run: Run, workers: str) -> None:
    """It is no refusal by policy: the server could not start."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run("serve", "--port", port, "--workers", workers)
    assert (1, True) == (ran.code, "in use" in ran.err)


def test_a_doubtful_configuration(run: Run, folder: Path) -> None:
    """It is right all the same; what is likely a mistake is told, with its place."""
    with (folder / "routercore.toml").open("a") as file:
        file.write('[keys.a]\nkey = "longer-than-eight"\nmodels = ["postr"]\n')
    ran = run("config", "check")
    doubt = "keys.a.models.0: no model is named 'postr'; did you mean 'poster'?"
    assert (0, True) == (ran.code, ran.err.endswith(f": {doubt}\n"))
    assert ran.err.startswith("warning: routercore.toml:")
    (told,) = run("config", "check", "--json").json["warnings"]
    assert told.endswith(doubt)
