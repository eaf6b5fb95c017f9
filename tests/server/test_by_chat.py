"""Models that a compatible service offers through chat alone, from one socket to the other."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.serving import served
from tests.upstreams import Answer, Upstream, in_chat, picture

from routercore import Router

MODEL = "relay:gemini-3.1-flash-image-preview"
CARD = {
    "id": "gemini-3.1-flash-image-preview",
    "by_chat": True,
    "operations": ["generate", "edit"],
    "sizes": {"ratios": ["1:1", "3:2"], "tiers": ["1K", "2K"], "default_tier": "1K"},
    "max_images": 3,
}


@pytest.fixture
def relay(upstream: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A server over a service that a configuration describes."""
    pytest.importorskip("routercore_openai_compatible")
    table = {
        "plugin": "openai-compatible", "base_url": upstream.base_url, "api_key": "sk-relay-key",
        "cards": [CARD],
    }  # fmt: skip
    config = {"providers": {"relay": table}, "store": {"url": f"file:{tmp_path}"}}
    with served(Router.from_config(config, environ={})) as client:
        yield client


def test_a_picture_by_chat(relay: httpx2.Client, upstream: Upstream) -> None:
    """A caller of the Images API does not see that the picture came by chat."""
    body = {"model": MODEL, "prompt": "a jug", "aspect_ratio": "3:2", "resolution": "2K"}
    answer = relay.post("/v1/images/generations", json=body).json()

    assert picture() == base64.b64decode(answer["data"][0]["b64_json"])
    (received,) = [one for one in upstream.received if one.method == "POST"]
    assert "/v1/chat/completions" == received.path
    assert "Bearer sk-relay-key" == received.headers["authorization"]
    assert {"aspect_ratio": "3:2", "image_size": "2K"} == received.json["image_config"]


def test_an_edit_by_chat(relay: httpx2.Client, upstream: Upstream) -> None:
    """The uploaded picture goes along with the prompt."""
    form = {"model": MODEL, "prompt": "make it blue"}
    files = {"image": ("a.png", picture(96, 96))}
    answer = relay.post("/v1/images/edits", data=form, files=files)

    assert 200 == answer.status_code, answer.text
    text, image = upstream.received[-1].json["messages"][0]["content"]
    assert "make it blue" == text["text"]
    assert picture(96, 96) == base64.b64decode(image["image_url"]["url"].partition(",")[2])


def test_several_pictures_by_chat(relay: httpx2.Client, upstream: Upstream) -> None:
    """More pictures than a call makes are several calls."""
    body = {"model": MODEL, "prompt": "a jug", "n": 2}
    answer = relay.post("/v1/images/generations", json=body).json()

    assert (2, 2) == (len(answer["data"]), upstream.calls)


@pytest.mark.parametrize("content", ["Here:\n\n![jug]({url})\n", "{url}", "See <img src='{url}'/>"])
def test_pictures_in_words(relay: httpx2.Client, upstream: Upstream, content: str) -> None:
    """A picture inside the words of the answer is found, large ones too."""
    large = picture(1400, 1000)
    encoded = in_chat(base64.b64encode(large).decode())["image_url"]["url"]
    message = {"role": "assistant", "content": content.format(url=encoded), "pad": "x" * 2_000_000}
    upstream.script.append(Answer(200, {"choices": [{"message": message}]}))
    body = {"model": MODEL, "prompt": "a jug", "response_format": "b64_json"}
    answer = relay.post("/v1/images/generations", json=body).json()

    assert large == base64.b64decode(answer["data"][0]["b64_json"])


def test_a_refusal_by_chat(relay: httpx2.Client, upstream: Upstream) -> None:
    """A model that declines is a refusal, not a failure."""
    message = {"role": "assistant", "refusal": "I will not draw that."}
    upstream.script.append(Answer(200, {"choices": [{"message": message}]}))
    answer = relay.post("/v1/images/generations", json={"model": MODEL, "prompt": "a jug"})

    assert (400, "moderation_blocked") == (answer.status_code, answer.json()["error"]["code"])
    assert 1 == upstream.calls


def test_messages_are_no_option(relay: httpx2.Client, upstream: Upstream) -> None:
    """A caller's options cannot take the place of what was asked."""
    options = {"relay": {"messages": [{"role": "user", "content": "another"}]}}
    body = {"model": MODEL, "prompt": "a jug", "provider_options": options}
    answer = relay.post("/v1/images/generations", json=body)

    assert (400, 0) == (answer.status_code, upstream.calls)
