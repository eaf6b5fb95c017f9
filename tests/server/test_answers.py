"""What an answer says, key by key, and what of a request is kept anywhere."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Answer, Upstream, error, mask, picture

from routercore.engine.setup import LedgerSetup
from routercore.values.events import Event


class Listener:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)


URL = "/v1/images/generations"
USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 2},
    "output_tokens": 6240,
    "output_tokens_details": {"text_tokens": 40, "image_tokens": 6200},
    "total_tokens": 6252,
}
WHOLE = {
    "created": 1,
    "background": "opaque",
    "quality": "high",
    "size": "64x64",
    "output_format": "png",
    "usage": USAGE,
    "svg_usage": {
        "model": "gpt-6",
        "input_tokens": 9,
        "output_tokens": 40,
        "reasoning_tokens": 5,
        "total_tokens": 49,
    },
    "safety_identifier": "hash-1",
    "data": [
        {
            "b64_json": base64.b64encode(picture()).decode(),
            "revised_prompt": "a small blue square",
        }
    ],
}


def test_everything_that_an_upstream_says(client: httpx2.Client, upstream: Upstream) -> None:
    """Background, quality, tokens and revised prompt are passed on; the time is in seconds."""
    upstream.script.append(Answer(200, WHOLE))

    body = {"model": MODEL, "prompt": "x", "safety_identifier": "hash-1"}
    answer = client.post(URL, json=body).json()

    names = ("background", "quality", "size", "output_format", "usage", "svg_usage",
             "safety_identifier")  # fmt: skip
    assert [WHOLE[name] for name in names] == [answer[name] for name in names]
    assert "a small blue square" == answer["data"][0]["revised_prompt"]
    assert 0 <= time.time() - answer["created"] < 60


def test_format_and_size_are_those_of_the_bytes(client: httpx2.Client, upstream: Upstream) -> None:
    """What a picture is like is read from the picture, whatever its upstream says of it."""
    photo = base64.b64encode(picture(96, 48, "jpeg")).decode()
    upstream.script.append(Answer(200, {**WHOLE, "data": [{"b64_json": photo}]}))

    answer = client.post(URL, json={"model": MODEL, "prompt": "x"}).json()

    for told in (answer, answer["data"][0]):
        assert ("jpeg", "96x48") == (told["output_format"], told["size"])


def test_what_was_asked_for_is_known(client: httpx2.Client) -> None:
    """Where an upstream says nothing of quality or background, it did what it was asked for."""
    asked = {"quality": "high", "background": "opaque"}
    answer = client.post(URL, json={"model": MODEL, "prompt": "x", **asked}).json()

    assert asked == {name: answer[name] for name in asked}


@pytest.mark.parametrize(
    ("named", "counted"),
    [({"safety_identifier": "s-1", "user": "jo"}, "s-1"), ({"user": "jo"}, "jo")],
)
def test_the_identifier_that_counted(
    client: httpx2.Client, named: dict[str, str], counted: str
) -> None:
    """An answer names its end user: by the identifier, or by the older field."""
    answer = client.post(URL, json={"model": MODEL, "prompt": "x", **named}).json()

    assert counted == answer["safety_identifier"]


def test_nothing_is_invented(client: httpx2.Client) -> None:
    """What an upstream does not say is not in the answer."""
    answer = client.post(URL, json={"model": MODEL, "prompt": "x"}).json()

    unsaid = {"background", "quality", "usage", "svg_usage", "safety_identifier"}
    assert not unsaid & answer.keys()
    assert "revised_prompt" not in answer["data"][0]


def test_prompts_and_pictures_leave_no_trace(
    upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No event, log, ledger or error has a prompt, also where an upstream quotes it in whatever
    form; and of an edit only its result is stored."""
    caplog.set_level("DEBUG", "routercore")
    told = Listener()
    what = setup(tmp_path, provider("near", upstream.base_url),
                 ledger=LedgerSetup(url=f"sqlite:///{tmp_path}/books.db"))  # fmt: skip
    prompt = 'a "secret" lighthouse of Jane\nDoe'
    form = {"model": (None, MODEL), "prompt": (None, prompt), "user": (None, "jo"),
            "image": ("a.png", picture(96, 96)), "size": (None, "64x64")}  # fmt: skip
    with served(router_of(what, observers=[told])) as client:
        quoting = [json.dumps(prompt), prompt.upper(), "the 'lighthouse of…' is not allowed"]
        upstream.script.extend(error(400, f"invalid: {quoted}") for quoted in quoting)
        refused = [client.post("/v1/images/edits", files=form).text for _ in quoting]
        upstream.script.append(Answer(200, WHOLE))
        client.post("/v1/images/edits", files=form)

    written = b"".join(path.read_bytes() for path in tmp_path.glob("books.db*"))
    events = json.dumps([asdict(event) for event in told.events], default=str)
    assert {"request.completed", "attempt.failed"} <= {event.name for event in told.events}
    assert all(f"event='{name}'" in caplog.text for name in ("request.completed", "attempt.failed"))
    assert "[prompt]" in refused[2]
    for kept in (*refused, events, caplog.text, written.decode("utf-8", "replace")):
        assert "lighthouse" not in kept.lower()
    assert [picture()] == [path.read_bytes() for path in tmp_path.rglob("*.png")]


def test_input_pictures_are_written_nowhere(
    upstream: Upstream,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No file, be it a temporary one, no ledger, event or log has a picture or mask that was sent,
    as a file or as text."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caplog.set_level("DEBUG", "routercore")
    told = Listener()
    what = setup(tmp_path, provider("near", upstream.base_url),
                 ledger=LedgerSetup(url=f"sqlite:///{tmp_path}/books.db"))  # fmt: skip
    sent = picture(96, 96), mask(96, 96)
    texts = [base64.b64encode(data).decode() for data in sent]
    urls = [f"data:image/png;base64,{text}" for text in texts]
    asked = {"model": MODEL, "prompt": "x", "size": "64x64", "response_format": "url"}
    body = {**asked, "image": urls[0], "mask": urls[1]}
    form = {**{name: (None, value) for name, value in asked.items()},
            "image": ("a.png", sent[0]), "mask": ("m.png", sent[1])}  # fmt: skip
    with served(router_of(what, observers=[told])) as client:
        answers = [client.post("/v1/images/edits", files=form),
                   client.post("/v1/images/edits", json=body)]  # fmt: skip
        files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert [200, 200] == [answer.status_code for answer in answers]
    assert 2 == sum(path.suffix == ".png" for path in files)
    files |= {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = b"".join(files.values()) + f"{told.events}{caplog.text}".encode()
    for data, text in zip(sent, texts, strict=True):
        assert data not in kept
        assert text.encode() not in kept
        assert data.hex().encode() not in kept
        assert repr(data).encode()[2:-1] not in kept
