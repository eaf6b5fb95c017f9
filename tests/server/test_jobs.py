"""Calls that are answered later: submitted, polled, followed, cancelled, forgotten."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.test_streams import events, upstream_stream
from tests.serving import MODEL, card, provider, router_of, served, setup
from tests.upstreams import Upstream, error, picture

from routercore.engine.setup import Caller, CallerKey, Limits
from routercore.router import Router

URL = "/v1/images/generations"
LATER = {"prefer": "respond-async"}


@pytest.fixture
def streaming(upstream: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a server whose upstream can stream."""
    what = setup(tmp_path, provider("near", upstream.base_url, card(partial_images=3)))
    with served(router_of(what)) as client:
        yield client


def submit(client: httpx2.Client, headers: dict[str, str] = LATER, **fields: Any) -> Any:
    return client.post(URL, json={"model": MODEL, "prompt": "x", **fields}, headers=headers)


def leave(client: httpx2.Client, upstream: Upstream, **headers: str) -> None:
    """Ask for a picture and hang up while the upstream draws it."""
    body = json.dumps({"model": MODEL, "prompt": "x"}).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {URL} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{more}"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as raw:
        raw.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        upstream.wait_for_calls(1)


@pytest.mark.parametrize("prefix", ["/v1", "/v1/openai"])
def test_submit_and_poll(client: httpx2.Client, upstream: Upstream, prefix: str) -> None:
    """A submitted call is a job until it is an answer, the one that waiting would have got."""
    upstream.hold()
    body = {"model": MODEL, "prompt": "x", "size": "128x96"}

    submitted = client.post(f"{prefix}/images/generations", json=body, headers=LATER)
    upstream.wait_for_calls(1)
    polled = client.get(submitted.headers["location"])
    upstream.release()
    ended = client.get(submitted.headers["location"], headers={"prefer": "wait=20"})

    job = submitted.json()
    assert (202, 202, 200) == (submitted.status_code, polled.status_code, ended.status_code)
    assert f"{prefix}/images/jobs/{job['id']}" == submitted.headers["location"]
    assert "respond-async" == submitted.headers["preference-applied"]
    assert ("image.job", "in_progress") == (job["object"], job["status"])
    assert job == polled.json()
    answer = ended.json()
    assert ("128x96", 0.02) == (answer["size"], answer["cost"])
    assert picture(128, 96) == client.get(answer["data"][0]["url"]).content
    assert ended.content == client.get(submitted.headers["location"]).content
    assert 1 == upstream.calls


def test_an_edit_can_be_submitted(client: httpx2.Client, upstream: Upstream) -> None:
    """A form with a picture is as good."""
    form = {"model": (None, MODEL), "prompt": (None, "x"), "image": ("a.png", picture())}

    submitted = client.post("/v1/images/edits", files=form, headers=LATER)
    ended = client.get(submitted.headers["location"], headers={"prefer": "wait=20"})

    assert (202, 200) == (submitted.status_code, ended.status_code)


def test_what_is_fast_enough_is_answered_at_once(client: httpx2.Client) -> None:
    """With ``wait`` there is only a job where the result takes longer."""
    response = submit(client, {"prefer": "respond-async, wait=20"})

    assert 200 == response.status_code
    assert response.json()["data"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"n": 99}, 400, "invalid_value"),
        ({"model": "nobody"}, 404, "model_not_found"),
    ],
)
def test_wrong_requests_are_no_jobs(
    client: httpx2.Client, fields: dict[str, Any], status: int, code: str
) -> None:
    """What is wrong is refused at once, with its own status."""
    response = submit(client, **fields)

    assert (status, code) == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("more", [{}, {"idempotency-key": "k"}, {"prefer": "wait=1"}])
def test_a_limit_holds_for_jobs(
    upstream: Upstream, tmp_path: Path, more: Mapping[str, str]
) -> None:
    """Who is over a limit gets 429, not a job; who is not is told what is left."""
    hurried = Caller(name="hurried", limits=Limits(requests=1))
    what = setup(tmp_path, provider("near", upstream.base_url),
                 callers=(CallerKey(caller=hurried, key="key-1234"),))  # fmt: skip
    headers = {**LATER, "authorization": "Bearer key-1234"}
    with served(router_of(what)) as client:
        first = submit(client, headers)
        second = submit(client, {**headers, **more, "x-request-id": "second"})
        gone = client.get("/v1/images/jobs/second", headers=headers)

    assert (202, 429, 404) == (first.status_code, second.status_code, gone.status_code)
    assert "x-routercore-job" not in second.headers
    assert "0" == first.headers["x-ratelimit-remaining-requests"]
    assert 1 <= int(second.headers["retry-after"]) <= 60


def test_a_job_that_fails(client: httpx2.Client, upstream: Upstream) -> None:
    """A failed job has the status and the error that waiting would have got."""
    upstream.script.extend([error(500, "broken")] * 3)

    submitted = submit(client)
    ended = client.get(submitted.headers["location"], headers={"prefer": "wait=20"})

    assert ended.status_code >= 500
    assert {"message", "type", "param", "code"} <= ended.json()["error"].keys()
    assert ("failed", submitted.json()["id"]) == (ended.json()["status"], ended.json()["id"])


@pytest.mark.parametrize("model", ["test/refusing", "test/test"])
@pytest.mark.parametrize("more", [{}, {"idempotency-key": "k-1"}])
def test_what_ends_at_once_is_a_job_as_well(
    tmp_path: Path, model: str, more: Mapping[str, str]
) -> None:
    """However soon a call that was let in comes to something, its job is the answer."""
    router = Router.from_config({"store": {"url": f"file:{tmp_path}"}}, environ={})
    with served(router) as client:
        submitted = submit(client, {**LATER, **more}, model=model, size="64x64")
        place = submitted.headers["location"]
        polls = [client.get(place, headers={"prefer": "wait=20"}) for _ in range(3)]
        waited = submit(client, {}, model=model, size="64x64")

    assert (202, "respond-async") == (
        submitted.status_code, submitted.headers["preference-applied"],
    )  # fmt: skip
    assert place == submitted.json()["links"]["self"]
    assert {waited.status_code} == {poll.status_code for poll in polls}
    assert 1 == len({poll.content for poll in polls})
    assert waited.json().get("error") == polls[0].json().get("error")


def test_events_of_a_job(client: httpx2.Client, upstream: Upstream) -> None:
    """A job can be followed while it runs, and its events are there afterwards."""
    upstream.hold()
    place = submit(client).headers["location"]
    with client.stream("GET", f"{place}/events") as followed:
        upstream.release()
        live = followed.read().decode()

    assert ["image_generation.completed"] == [name for name, _ in events(live)]
    assert live == client.get(f"{place}/events").text


def test_partial_images_of_a_job(streaming: httpx2.Client, upstream: Upstream) -> None:
    """A streamed request that is answered later keeps its intermediate images for a follower."""
    upstream.script.append(upstream_stream("image_generation", 2))

    place = submit(streaming, stream=True, partial_images=2).headers["location"]
    names = [name for name, _ in events(streaming.get(f"{place}/events").text)]

    assert ["image_generation.partial_image"] * 2 + ["image_generation.completed"] == names
    assert streaming.get(place).json()["data"]


def test_events_of_a_failed_job(client: httpx2.Client, upstream: Upstream) -> None:
    """The last event of a failed job is its error."""
    upstream.script.extend([error(500, "broken")] * 3)

    place = submit(client).headers["location"]
    found = events(client.get(f"{place}/events").text)

    assert ["error"] == [name for name, _ in found]
    assert {"message", "type", "param", "code"} <= found[0][1]["error"].keys()


def test_cancel(client: httpx2.Client, upstream: Upstream) -> None:
    """Cancelling ends the work upstream; the job says so from then on."""
    upstream.hold()
    place = submit(client).headers["location"]
    upstream.wait_for_calls(1)

    cancelled = client.delete(place)
    upstream.wait_until_idle()
    polled = client.get(place)

    assert (200, "cancelled") == (cancelled.status_code, cancelled.json()["status"])
    assert (410, "job_cancelled") == (polled.status_code, polled.json()["error"]["code"])


def test_forget(client: httpx2.Client) -> None:
    """Deleting a job that has ended forgets its result."""
    place = submit(client).headers["location"]
    client.get(place, headers={"prefer": "wait=20"})

    deleted = client.delete(place)

    assert (200, True) == (deleted.status_code, deleted.json()["deleted"])
    assert 404 == client.get(place).status_code


def test_jobs_belong_to_their_key(upstream: Upstream, tmp_path: Path) -> None:
    """For another key the job does not exist."""
    keys = tuple(CallerKey(caller=Caller(name=name), key=f"key-of-{name}") for name in "ab")
    what = setup(tmp_path, provider("near", upstream.base_url), callers=keys)
    mine, other = ({"authorization": f"Bearer key-of-{name}"} for name in "ab")
    with served(router_of(what)) as client:
        place = submit(client, {**LATER, **mine}).headers["location"]
        got = [
            client.request(method, place + path, headers=other)
            for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", ""))
        ]
        own = client.get(place, headers={**mine, "prefer": "wait=20"})
        stranger = client.get(place)

    assert [(404, "not_found")] * 3 == [(r.status_code, r.json()["error"]["code"]) for r in got]
    assert (200, 401) == (own.status_code, stranger.status_code)


def test_a_submitted_call_outlives_its_client(client: httpx2.Client, upstream: Upstream) -> None:
    """Hanging up on a call that was submitted ends nothing."""
    upstream.hold()
    leave(client, upstream, **{"Prefer": "respond-async, wait=60", "Idempotency-Key": "gone-1"})
    upstream.release()

    assert submit(client, {"idempotency-key": "gone-1"}).json()["data"]
    assert 1 == upstream.calls
