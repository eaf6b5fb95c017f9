"""Streams: exact event names, errors that clients see, signs of life."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL, card, provider, route, router_of, served, setup
from tests.upstreams import Answer, Upstream, error, mask, picture

from routercore.server.faults import Redactor
from routercore.server.job import Job, Order
from routercore.server.jobs import Jobs
from routercore.server.records import MemoryRecordStore, Outcome, Record
from routercore.server.replies import small

URL = "/v1/images/generations"
BODY = {"model": MODEL, "prompt": "x", "stream": True}


@pytest.fixture
def streaming(upstream: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a server whose upstream can stream."""
    what = setup(tmp_path, provider("near", upstream.base_url, card(partial_images=3)))
    with served(router_of(what)) as client:
        yield client


def upstream_stream(kind: str, partials: int) -> Answer:
    """What an upstream streams."""
    image = base64.b64encode(picture()).decode()
    names = [f"{kind}.partial_image"] * partials + [f"{kind}.completed"]
    lines = []
    for index, name in enumerate(names):
        data = {"type": name, "b64_json": image, "partial_image_index": index, "created_at": 1}
        lines.append(f"event: {name}\ndata: {json.dumps(data)}\n\n")
    return Answer(200, "".join(lines).encode(), {"content-type": "text/event-stream"})


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of a stream."""
    found = []
    for frame in text.split("\n\n"):
        lines = [line for line in frame.split("\n") if line and not line.startswith(":")]
        if lines:
            name, data = lines
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.mark.parametrize(
    ("kind", "path"), [("image_generation", "generations"), ("image_edit", "edits")]
)
def test_partials_then_the_image(
    streaming: httpx2.Client, upstream: Upstream, kind: str, path: str
) -> None:
    """Intermediate images come first, then the image, under the names that SDKs know."""
    upstream.script.append(upstream_stream(kind, 2))
    body = {**BODY, "partial_images": 2}
    if kind == "image_edit":
        body["image"] = "data:image/png;base64," + base64.b64encode(picture()).decode()

    response = streaming.post(f"/v1/images/{path}", json=body)

    assert response.headers["content-type"].startswith("text/event-stream")
    found = events(response.text)
    names = [name for name, _ in found]
    assert [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"] == names
    assert names == [data["type"] for _, data in found]
    assert [0, 1] == [data["partial_image_index"] for _, data in found[:2]]
    required = {"type", "b64_json", "created_at", "size", "quality", "background", "output_format"}
    assert all(required <= data.keys() for _, data in found)
    last = found[-1][1]
    assert picture() == base64.b64decode(last["b64_json"])
    assert {"total_tokens", "input_tokens", "output_tokens", "input_tokens_details"} == last[
        "usage"
    ].keys()
    assert "id:" not in response.text.replace('"id":', "")


def test_a_model_that_does_not_stream(client: httpx2.Client) -> None:
    """A model without intermediate images answers a stream with the image alone."""
    found = events(client.post(URL, json={**BODY, "n": 2}).text)

    assert ["image_generation.completed"] * 2 == [name for name, _ in found]
    assert ["provider" in data for _, data in found] == [False, True]


def test_stream_asked_for_in_a_form(client: httpx2.Client) -> None:
    """A form's stream=true is text, and means it."""
    files = [("image", ("x.png", picture(), "image/png")), ("mask", ("m.png", mask(), "image/png"))]
    data = {"model": MODEL, "prompt": "x", "stream": "true"}

    response = client.post("/v1/images/edits", data=data, files=files)

    assert ["image_edit.completed"] == [name for name, _ in events(response.text)]


def test_errors_before_the_first_event(client: httpx2.Client, upstream: Upstream) -> None:
    """What fails before there is anything to see is a plain HTTP error."""
    upstream.script.append(
        error(400, "no", code="moderation_blocked", type="image_generation_user_error")
    )

    response = client.post(URL, json=BODY)

    assert (400, "moderation_blocked") == (response.status_code, response.json()["error"]["code"])


def test_errors_after_the_first_event(streaming: httpx2.Client, upstream: Upstream) -> None:
    """What fails later is an event with a nested error, and nothing is tried elsewhere."""
    whole = upstream_stream("image_generation", 1)
    cut = whole.body[: whole.body.index(b"event: image_generation.completed")]
    upstream.script.append(Answer(200, cut, whole.headers))

    response = streaming.post(URL, json={**BODY, "partial_images": 1})

    found = events(response.text)
    assert ["image_generation.partial_image", "error"] == [name for name, _ in found]
    assert {"message", "type", "param", "code"} <= found[-1][1]["error"].keys()
    assert 1 == upstream.calls


def test_a_refusal_after_a_partial(streaming: httpx2.Client, upstream: Upstream) -> None:
    """What is refused after an intermediate picture is refused for what came out."""
    body = upstream_stream("image_generation", 1).body
    refusal = {"error": {"code": "moderation_blocked", "message": "no"}}
    begun = body.partition(b"event: image_generation.completed")[0]
    said = begun + f"event: error\ndata: {json.dumps(refusal)}\n\n".encode()
    upstream.script.append(Answer(200, said, {"content-type": "text/event-stream"}))

    first, last = events(streaming.post(URL, json=BODY | {"partial_images": 1}).text)

    assert ("image_generation.partial_image", "error") == (first[0], last[0])
    assert "output" == last[1]["error"]["moderation_details"]["moderation_stage"]


def test_who_took_over_is_said(upstream: Upstream, tmp_path: Path) -> None:
    """Before the first intermediate image another target takes over, and the events say who, and
    after whom; once one was sent none does, and the error says that this is why."""
    cards = card(partial_images=3)
    whole = upstream_stream("image_generation", 1)
    cut = whole.body[: whole.body.index(b"event: image_generation.completed")]
    body = {**BODY, "partial_images": 1}
    with Upstream() as other:
        what = setup(tmp_path, provider("near", upstream.base_url, cards),
                     provider("far", other.base_url, cards),
                     routes=(route("near", "far"),))  # fmt: skip
        with served(router_of(what)) as client:
            upstream.script.append(error(401, "no such key"))
            other.script.append(whole)
            shown, done = (data for _, data in events(client.post(URL, json=body).text))
            other.script.append(Answer(200, cut, whole.headers))
            _, (_, failed) = events(client.post(URL, json=body).text)

    assert ("far", "far") == (shown["provider"], done["provider"])
    (first,) = done["failed_attempts"]
    assert ("near", MODEL, "provider_unavailable", "next") == tuple(
        first[name] for name in ("provider", "model", "code", "next")
    )
    assert "the next target" in first["reason"]
    stopped = failed["error"]["failed_attempts"][-1]
    assert ("far", "partials_sent") == (stopped["provider"], stopped["next"])
    assert "partial images had been sent" in failed["error"]["message"]


async def test_signs_of_life() -> None:
    """A stream that is silent says that it lives."""
    job = Job(Record(id="req_1", owner="a", created=0.0))
    outcome = Outcome(status=200, headers={}, parts=(), frames=())
    seen: list[bytes] = []

    async with asyncio.timeout(60):
        async for frame in job.follow(keepalive=0.01):
            seen.append(b"".join(small(frame)))
            if len(seen) == 3:
                job.tell([b"data: x\n\n"])
                job.end(job.record, outcome)

    assert [b": keepalive\n\n"] * 3 + [b"data: x\n\n"] == seen


async def test_a_crash_inside_a_stream() -> None:
    """A mistake of ours ends a stream as an error that does not say which."""

    async def broken(job: Job) -> Outcome:
        raise ZeroDivisionError("secret")

    store = MemoryRecordStore(retention=1, max_records=1, max_bytes=1)
    jobs = Jobs(store, Redactor(()))
    found = await jobs.begin(Order(id="req_1", owner="a"), broken, ExitStack())
    assert found.job is not None
    told = [b"".join(small(frame)) async for frame in found.job.follow()]
    await jobs.close()

    assert 1 == len(told)
    assert b"internal_error" in told[0]
    assert b"secret" not in told[0]
