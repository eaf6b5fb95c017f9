"""The author's commands: a new plugin, its check, its recording; and drift."""

from __future__ import annotations

import base64
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from routercore.testing.providers import PNG_BASE64


def routercore(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "routercore", *arguments]
    env = {**os.environ, "NO_COLOR": "1", **environ}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def event(kind: str) -> bytes:
    """An event of a stream of OpenAI's, with its picture."""
    name = f"image_generation.{kind}"
    data = json.dumps({"type": name, "b64_json": PNG_BASE64, "partial_image_index": 0})
    return f"event: {name}\ndata: {data}\n\n".encode()


class Api(http.server.BaseHTTPRequestHandler):
    """An API of one picture, and of none for those who ask in a hurry."""

    seen: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["authorization"])
        body = json.dumps({"data": [{"b64_json": PNG_BASE64}]}).encode()
        kind = "application/json"
        if b'"stream"' in asked:
            body, kind = b"".join(map(event, ("partial_image", "completed"))), "text/event-stream"
        self.send_response(429 if b"hurry" in asked else 200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    Api.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_a_new_plugin_is_checked_and_graded(tmp_path: Path) -> None:
    """``plugin new``, then ``plugin check --write`` in its folder: nothing is wrong but that
    its transcript is invented and its price unknown, which is said."""
    made = routercore("plugin", "new", "kiln", "--shape", "job", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    checked = routercore("plugin", "check", ".", "--write", cwd=folder)
    assert (0, 0) == (made.returncode, checked.returncode), made.stderr + checked.stdout
    assert 13 == checked.stdout.count("✓")
    assert "expected: tests/transcripts/generate.json is invented" in checked.stdout
    assert "expected: no price was looked up" in checked.stdout
    quality = folder / "src" / "routercore_kiln" / "quality.toml"
    assert 'grade = "bronze"' in quality.read_text()


def test_a_failed_check_says_what_and_exits_with_one(tmp_path: Path) -> None:
    """Without its transcript the plugin is not known to work."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    (folder / "tests" / "transcripts" / "generate.json").unlink()
    done = routercore("plugin", "check", ".", "--json", cwd=folder)
    checks = {c["name"]: c for c in json.loads(done.stdout)["providers"][0]["checks"]}
    assert 1 == done.returncode
    assert "there is no transcript of a success" in checks["replays"]["problem"]


def test_what_is_no_plugin_is_refused(tmp_path: Path) -> None:
    """With the reason and the exit code of wrong usage."""
    done = routercore("plugin", "check", ".", cwd=tmp_path)
    assert (2, True) == (done.returncode, "does not exist" in done.stderr)
    done = routercore("plugin", "new", "kiln", cwd=tmp_path)
    assert (2, True) == (done.returncode, "--shape" in done.stderr)


def test_a_recording_has_the_answer_and_not_the_key(tmp_path: Path, api: str) -> None:
    """The request was signed; the transcript replays, and the key is not in it."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    done = routercore("plugin", "record", ".", "--model", "kiln-1", "--base-url", api,
                      "--case", "local", cwd=folder, KILN_API_KEY="sk-canary")  # fmt: skip
    assert 0 == done.returncode, done.stderr
    text = (folder / "tests" / "transcripts" / "local.json").read_text()
    assert ["Bearer sk-canary"] == Api.seen
    assert "canary" not in text
    assert {"images": 1} == json.loads(text)["result"]
    assert 0 == routercore("plugin", "check", ".", cwd=folder).returncode


def test_a_failure_does_not_take_the_place_of_a_success(tmp_path: Path, api: str) -> None:
    """What was answered is said, and can be kept under a name of its own."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    kept = (folder / "tests" / "transcripts" / "generate.json").read_text()
    command = ["plugin", "record", ".", "--base-url", api, "--prompt", "hurry"]
    done = routercore(*command, cwd=folder, KILN_API_KEY="sk-canary")
    assert (2, True) == (done.returncode, "a --case of its own" in done.stderr), done.stderr
    assert kept == (folder / "tests" / "transcripts" / "generate.json").read_text()
    done = routercore(*command, "--case", "busy", cwd=folder, KILN_API_KEY="sk-canary")
    assert (0, True) == (done.returncode, "1 exchange, rate_limited" in done.stdout), done.stderr


def test_a_recording_needs_a_key_a_model_and_an_answer(tmp_path: Path) -> None:
    """Each of them is asked for by name; nothing is written."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    command = ["plugin", "record", ".", "--base-url", "http://127.0.0.1:9/v1", "--case", "new"]
    done = routercore(*command, cwd=folder, KILN_API_KEY="")
    assert (2, True) == (done.returncode, "set KILN_API_KEY" in done.stderr), done.stderr
    done = routercore(*command, "--model", "nil", cwd=folder, KILN_API_KEY="sk-canary")
    assert (2, True) == (done.returncode, "say which --model: kiln-1" in done.stderr)
    done = routercore(*command, cwd=folder, KILN_API_KEY="sk-canary")
    assert (2, True) == (done.returncode, "nothing was recorded: not_sent" in done.stderr)
    assert not (folder / "tests" / "transcripts" / "new.json").exists()


def test_a_recording_is_fitted_to_the_card(tmp_path: Path, api: str) -> None:
    """The flow gets a size that its card has, as it would from the engine."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    done = routercore("plugin", "record", ".", "--base-url", api, "--size", "1530x1020",
                      "--case", "sized", cwd=folder, KILN_API_KEY="sk-canary")  # fmt: skip
    assert 0 == done.returncode, done.stderr
    case = json.loads((folder / "tests" / "transcripts" / "sized.json").read_text())
    assert "1536x1024" == case["task"]["size"] == case["exchanges"][0]["request"]["json"]["size"]


ABLE = (
    "operations=frozenset(Operation), max_images=2, mask=MaskPolarity.WHITE, partial_images=2,"
    "\n        unverified="
)


@pytest.fixture
def able(tmp_path: Path) -> Path:
    """A plugin's folder whose one model edits, inpaints and streams, with two pictures in it."""
    routercore("plugin", "new", "kiln", "--shape", "row", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    module = folder / "src" / "routercore_kiln" / "__init__.py"
    text = module.read_text().replace("unverified=", ABLE, 1)
    imported = "from routercore.provider import MaskPolarity, Operation, "
    module.write_text(text.replace("from routercore.provider import ", imported, 1))
    for name, mode in {"a.png": "RGB", "mask.png": "RGBA"}.items():
        Image.new(mode, (64, 64)).save(folder / name)
    return folder


def test_edits_and_masks_are_recorded(able: Path, api: str) -> None:
    """Each under the name of what is done; the mask in the vendor's polarity; and they replay."""
    command = ["plugin", "record", ".", "--base-url", api, "--image", "a.png"]
    for more, case in ([], "edit"), (["--mask", "mask.png"], "inpaint"):
        done = routercore(*command, *more, cwd=able, KILN_API_KEY="sk-canary")
        assert 0 == done.returncode, done.stderr
        told = json.loads((able / "tests" / "transcripts" / f"{case}.json").read_text())
        assert "<file>" == told["exchanges"][0]["request"]["form"]["image"]
    mask = Image.open(io.BytesIO(base64.b64decode(told["task"]["mask"])))
    assert 255 == mask.convert("L").getpixel((1, 1))
    assert 0 == routercore("plugin", "check", ".", cwd=able).returncode


def test_a_stream_is_recorded(able: Path, api: str) -> None:
    """With a partial image asked for; where the service does not stream, its answer is kept."""
    command = ["plugin", "record", ".", "--base-url", api, "--stream"]
    done = routercore(*command, cwd=able, KILN_API_KEY="sk-canary")
    assert 0 == done.returncode, done.stderr
    told = json.loads((able / "tests" / "transcripts" / "stream.json").read_text())
    assert (True, 1) == (told["task"]["stream"], told["task"]["partial_images"])
    assert told["exchanges"][0]["request"]["json"]["stream"]
    events = told["exchanges"][0]["response"]["events"]
    assert ["image_generation.partial_image", "image_generation.completed"] == [
        one["event"] for one in events
    ]
    assert 0 == routercore("plugin", "check", ".", cwd=able).returncode


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--stream"], "does not stream"),
        (["--image", "a.png"], "takes no input image"),
        (["--image", "nil.png"], "nil.png cannot be read"),
        (["--mask", "a.png"], "--mask needs an --image"),
        (["--size", "big"], "is not a size"),
    ],
)
def test_what_cannot_be_recorded(arguments: list[str], problem: str, tmp_path: Path) -> None:
    """What the model is not declared to do is not tried, for it may cost something."""
    routercore("plugin", "new", "kiln", "--shape", "one-shot", cwd=tmp_path)
    folder = tmp_path / "routercore-kiln"
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    done = routercore("plugin", "record", ".", *arguments, cwd=folder, KILN_API_KEY="sk-canary")
    assert (2, True) == (done.returncode, problem in done.stderr), done.stderr


def test_providers_check_goes_by_the_calendar(tmp_path: Path) -> None:
    """Declared models that were shut down are named; nothing is asked of anybody."""
    (tmp_path / "routercore.toml").write_text(
        '[providers.mine]\nplugin = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[[providers.mine.cards]]\nid = "old"\nshutdown = 2020-01-01\nsuccessor = "new"\n'
    )
    done = routercore("providers", "check", "--json", cwd=tmp_path)
    drift = [d for d in json.loads(done.stdout)["drift"] if d["provider"] == "mine"]
    assert [("shut_down", "old")] == [(d["kind"], d["model"]) for d in drift]
    assert 0 == done.returncode


def test_a_vendor_that_does_not_answer_is_said_to(tmp_path: Path) -> None:
    """With ``--live``, silence is reported and ends with one."""
    (tmp_path / "routercore.toml").write_text(
        '[providers.mine]\nplugin = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    done = routercore("providers", "check", "--live", "--json", cwd=tmp_path)
    assert (1, ["mine"]) == (done.returncode, list(json.loads(done.stdout)["unanswered"]))


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    """The plugin is written, and its author is told who has a provider of that name already."""
    taken = routercore("plugin", "new", "test", "--shape", "row", cwd=tmp_path)
    free = routercore("plugin", "new", "copperplate", "--shape", "row", cwd=tmp_path)
    assert (0, 0) == (taken.returncode, free.returncode)
    assert "warning: routercore is installed and has a provider 'test' already" in taken.stderr
    assert "warning" not in free.stderr
