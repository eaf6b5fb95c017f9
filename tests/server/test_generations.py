"""POST /v1/images/generations, from a real socket to a real socket."""

from __future__ import annotations

import base64
import json
import shutil
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Answer, Upstream, error, picture

from routercore.engine.setup import ServerSetup
from routercore.values.images import sniff_format

URL = "/v1/images/generations"


def post(client: httpx2.Client, url: str = URL, **body: object) -> httpx2.Response:
    return client.post(url, json={"model": MODEL, "prompt": "a lighthouse", **body})


@pytest.mark.parametrize("url", [URL, "/v1/openai/images/generations"])
def test_image_in_both_forms(client: httpx2.Client, url: str) -> None:
    """Without a response_format an image comes as URL and as base64, and both are the image."""
    answer = post(client, url).json()

    item = answer["data"][0]
    assert picture() == base64.b64decode(item["b64_json"])
    assert picture() == client.get(item["url"]).content
    assert ("png", "64x64") == (answer["output_format"], answer["size"])


@pytest.mark.parametrize(
    ("form", "keys"),
    [("url", {"url"}), ("b64_json", {"b64_json"}), ("b64_ephemeral", {"b64_json"})],
)
def test_response_format(client: httpx2.Client, images: Path, form: str, keys: set[str]) -> None:
    """A response_format is what comes; without a URL nothing is stored."""
    item = post(client, response_format=form).json()["data"][0]

    assert keys == {"url", "b64_json"} & item.keys()
    assert ("url" in keys) == bool(list(images.rglob("*.png")))


def test_what_the_router_adds(client: httpx2.Client) -> None:
    """An answer says who made it, at what cost, in what time, and what was adapted."""
    began = time.monotonic()
    response = post(client, seed=7, n=2, size="64x64", quality="low")
    milliseconds = (time.monotonic() - began) * 1000

    answer = response.json()
    facts = ("provider", "cost", "cost_basis", "attempts", "missing")
    assert ["near", 0.04, "table", 1, []] == [answer[name] for name in facts]
    assert ["seed_adapted"] == [warning["code"] for warning in answer["warnings"]]
    assert 7 == answer["requested"]["seed"]
    assert isinstance(answer["latency"], int)
    assert 0 < answer["latency"] <= milliseconds + 1
    headers = response.headers
    assert ("near", "1", "0.04", "seed_adapted") == (
        headers["x-routercore-provider"],
        headers["x-routercore-attempts"],
        headers["x-routercore-cost"],
        headers["x-routercore-warnings"],
    )
    assert headers["x-request-id"] == answer["id"]


def test_an_id_of_its_own(client: httpx2.Client) -> None:
    """No two requests have one id, whatever they are for."""
    responses = [post(client), post(client), client.get("/health"), client.get("/nothing")]

    assert 4 == len({response.headers["x-request-id"] for response in responses})


def test_nulls_are_absent(client: httpx2.Client, upstream: Upstream) -> None:
    """An explicit null is a setting that was not made; so is auto."""
    answer = post(client, n=None, size="auto", quality="auto", background=None, stream=None)

    assert 200 == answer.status_code
    assert {"model", "prompt"} == upstream.received[0].json.keys() - {"response_format"}


def test_auto_is_absent(client: httpx2.Client, upstream: Upstream) -> None:
    """Wherever it may be said, auto leaves the choice to the model, without a warning."""
    names = ("size", "quality", "background", "moderation", "output_format", "aspect_ratio",
             "resolution")  # fmt: skip
    answer = post(client, **dict.fromkeys(names, "auto"))

    assert (200, []) == (answer.status_code, answer.json()["warnings"])
    assert {"model", "prompt"} == upstream.received[0].json.keys()


@pytest.mark.parametrize(
    ("word", "format"), [("png", "png"), ("jpeg", "jpeg"), ("jpg", "jpeg"), ("webp", "webp")]
)
def test_every_model_gives_every_format(client: httpx2.Client, word: str, format: str) -> None:
    """What a model of png alone is asked for is made of its png, and named so."""
    answer = post(client, output_format=word).json()

    downloaded = client.get(answer["data"][0]["url"])
    assert f"image/{format}" == downloaded.headers["content-type"]
    assert (format, format) == (answer["output_format"], sniff_format(downloaded.content))


@pytest.mark.parametrize("size", ["96x64", "96X64", "96×64", "96*64"])
def test_spellings_of_a_size(client: httpx2.Client, size: str) -> None:
    """All four signs of multiplication are understood."""
    assert "96x64" == post(client, size=size).json()["size"]


def test_numbers_as_text(client: httpx2.Client) -> None:
    """Numbers and flags may be text, as EasyRouter's samples have them."""
    answer = post(client, n="2", stream="false").json()

    assert 2 == len(answer["data"])


def test_a_form_generates(client: httpx2.Client) -> None:
    """A multipart form is as good as JSON."""
    fields = {"model": MODEL, "prompt": "x", "n": "2"}
    parts = {name: (None, value) for name, value in fields.items()}

    assert 2 == len(client.post(URL, files=parts).json()["data"])


@pytest.mark.parametrize(
    "kind", [None, "application/json", "Application/JSON", "application/json; charset=utf-8"]
)
def test_json_by_content_type(client: httpx2.Client, kind: str | None) -> None:
    """JSON is read as that in any case, with a charset or without, and where nothing is said."""
    headers = {"content-type": kind} if kind else {}
    body = json.dumps({"model": MODEL, "prompt": "x"}).encode()

    assert 200 == client.post(URL, content=body, headers=headers).status_code


def test_partial_success(client: httpx2.Client, upstream: Upstream) -> None:
    """What succeeded is kept and billed; each missing image has an error of its own."""
    image = base64.b64encode(picture()).decode()
    upstream.script.append(Answer(200, {"created": 1, "data": [{"b64_json": image}]}))

    answer = post(client, n=2).json()

    assert (1, 1) == (len(answer["data"]), len(answer["missing"]))
    assert {"message", "type", "param", "code"} == answer["missing"][0].keys()
    assert 0.02 == answer["cost"]


def test_each_missing_image_stands_for_itself(client: httpx2.Client, upstream: Upstream) -> None:
    """Of three images that did not come each has an error, which speaks of its own call alone."""
    image = base64.b64encode(picture()).decode()
    upstream.script.append(Answer(200, {"created": 1, "data": [{"b64_json": image}]}))

    missing = post(client, n=4).json()["missing"]

    assert ["its call brought 1 of 4 images"] * 3 == [one["message"] for one in missing]


def test_a_refusal_of_some_images(client: httpx2.Client, upstream: Upstream) -> None:
    """Where one of two calls is refused, the images that are missing say so in the very form in
    which the whole request would be told."""
    details = {"categories": ["violence"], "moderation_stage": "input"}
    refusal = error(400, "not this", type="image_generation_user_error", code="moderation_blocked",
                    moderation_details=details)  # fmt: skip
    upstream.script.extend([refusal, refusal])
    whole = post(client, n=4).json()["error"]
    upstream.reset()
    upstream.script.append(refusal)

    answer = post(client, n=6).json()

    assert 6 == len(answer["data"]) + len(answer["missing"])
    assert [whole] * len(answer["missing"]) == answer["missing"]
    assert {"message", "type", "param", "code", "moderation_details"} == whole.keys()


def test_a_refusal(client: httpx2.Client, upstream: Upstream) -> None:
    """A refused prompt is a 400 that no client repeats, in the form of OpenAI's image models."""
    details = {"categories": ["violence"], "moderation_stage": "input"}
    refusal = error(400, "not this", type="image_generation_user_error", code="moderation_blocked",
                    moderation_details=details)  # fmt: skip
    upstream.script.append(refusal)

    response = post(client)

    body = response.json()["error"]
    assert (400, "moderation_blocked", "image_generation_user_error") == (
        response.status_code, body["code"], body["type"],
    )  # fmt: skip
    assert "false" == response.headers["x-should-retry"]
    assert details == body["moderation_details"]


@pytest.mark.parametrize(
    ("more", "details"),
    [
        ({}, {"categories": ["violence", "sexual"], "moderation_stage": "unknown"}),
        ({"moderation_details": {"categories": ["violence"], "moderation_stage": "output"}},
         {"categories": ["violence"], "moderation_stage": "output"}),
    ],
)  # fmt: skip
def test_details_of_a_refusal(
    client: httpx2.Client, upstream: Upstream, more: dict[str, Any], details: dict[str, Any]
) -> None:
    """Categories that only the message has are read from it, and it lists them one time."""
    said = "Rejected by the safety system. safety_violations=[violence,sexual]."
    upstream.script.append(error(400, said, code="moderation_blocked", **more))

    body = post(client).json()["error"]

    assert details == body["moderation_details"]
    assert 1 == body["message"].count("safety_violations")


def test_no_upstream_secret_in_errors(client: httpx2.Client, upstream: Upstream) -> None:
    """Keys, hosts and addresses that an upstream quotes do not reach a client."""
    message = "key sk-upstream-secret-0123456789 at http://10.0.0.7/a?key=x\r\n\x1b[31m"
    upstream.script.extend([error(500, message)] * 3)

    response = post(client)

    assert response.status_code >= 500
    for secret in ("sk-upstream", "10.0.0.7", "key=x", "\x1b", "127.0.0.1"):
        assert secret not in response.text


def test_default_model(upstream: Upstream, tmp_path: Path) -> None:
    """A request without a model is served where the configuration names one."""
    what = setup(
        tmp_path, provider("near", upstream.base_url), server=ServerSetup(default_model=MODEL)
    )
    with served(router_of(what)) as client:
        answer = client.post(URL, json={"prompt": "x"}).json()

    assert MODEL == answer["model"]


def test_an_unwritable_store_costs_only_the_url(upstream: Upstream, tmp_path: Path) -> None:
    """An image that cannot be stored is still answered, as base64."""
    what = setup(tmp_path / "images", provider("near", upstream.base_url))
    with served(router_of(what)) as client:
        shutil.rmtree(tmp_path / "images")
        (tmp_path / "images").write_text("in the way")
        both, url = post(client), post(client, response_format="url")

    for answer in (both, url):
        (image,) = answer.json()["data"]
        assert (200, {"b64_json"}) == (answer.status_code, {"b64_json", "url"} & image.keys())
        assert picture() == base64.b64decode(image["b64_json"])
        (warning,) = answer.json()["warnings"]
        assert ("store_failed", "url", "b64_json") == (
            warning["code"], warning["requested"], warning["delivered"],
        )  # fmt: skip
        assert "store_failed" == answer.headers["x-routercore-warnings"]
    assert 2 == upstream.calls
