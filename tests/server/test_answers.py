"""What an answer says, key by key, and what of a request is kept anywhere."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import asdict
from pathlib import Path

import httpx2
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Answer, Upstream, picture

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


def test_nothing_is_invented(client: httpx2.Client) -> None:
    """What an upstream does not say is not in the answer."""
    answer = client.post(URL, json={"model": MODEL, "prompt": "x"}).json()

    unsaid = {"background", "quality", "usage", "svg_usage", "safety_identifier"}
    assert not unsaid & answer.keys()
    assert "revised_prompt" not in answer["data"][0]


def test_prompts_and_pictures_leave_no_trace(upstream: Upstream, tmp_path: Path) -> None:
    """No event carries a prompt, and of an edit only its result is stored."""
    told = Listener()
    what = setup(tmp_path, provider("near", upstream.base_url))
    form = {"model": (None, MODEL), "prompt": (None, "a secret lighthouse"), "user": (None, "jo"),
            "image": ("a.png", picture(96, 96)), "size": (None, "64x64")}  # fmt: skip
    with served(router_of(what, observers=[told])) as client:
        upstream.script.append(Answer(200, WHOLE))
        client.post("/v1/images/edits", files=form)

    assert "request.completed" in [event.name for event in told.events]
    assert "lighthouse" not in json.dumps([asdict(event) for event in told.events], default=str)
    assert [picture()] == [path.read_bytes() for path in tmp_path.rglob("*.png")]
