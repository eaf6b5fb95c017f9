"""One key, one call: joined while it runs, replayed when it has ended, never paid for twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.test_jobs import LATER, URL, leave, submit
from tests.server.test_streams import events
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream, error, picture

from routercore.engine.setup import Caller, CallerKey, ServerSetup


def keyed(client: httpx2.Client, key: str, **fields: Any) -> httpx2.Response:
    return client.post(URL, json={"model": MODEL, "prompt": "x", **fields},
                       headers={"idempotency-key": key})  # fmt: skip


def test_equal_calls_at_once(client: httpx2.Client, upstream: Upstream) -> None:
    """Twenty clients with one key share one call and get the same bytes."""
    upstream.hold()
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(keyed, client, "together") for _ in range(20)]
        upstream.wait_for_calls(1)
        upstream.release()
        answers = [one.result() for one in waiting]

    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.content for answer in answers})
    assert 1 == upstream.calls


def test_replay(client: httpx2.Client, upstream: Upstream) -> None:
    """A repeated call gets the bytes of the first, and is told so."""
    first, again = keyed(client, "replay"), keyed(client, "replay")

    assert first.content == again.content
    assert (None, "true") == tuple(r.headers.get("idempotent-replayed") for r in (first, again))
    assert first.headers["x-routercore-cost"] == again.headers["x-routercore-cost"]
    assert 1 == upstream.calls


@pytest.mark.parametrize(
    "change", [{"prompt": "y"}, {"response_format": "url"}, {"user": "u"}, {"stream": True}]
)
def test_another_body(client: httpx2.Client, upstream: Upstream, change: dict[str, Any]) -> None:
    """A key that was used for another request is refused."""
    keyed(client, "mixed", prompt="one")

    response = keyed(client, "mixed", **{"prompt": "one", **change})

    body = response.json()["error"]
    assert (422, "idempotency_key_reused", "Idempotency-Key") == (
        response.status_code, body["code"], body["param"],
    )  # fmt: skip


def test_forms_are_known_by_what_they_say(client: httpx2.Client, upstream: Upstream) -> None:
    """Clients make a new boundary for every try: the request is the same."""
    form = {"model": (None, MODEL), "prompt": (None, "x"), "image": ("a.png", picture())}

    first, again = (
        client.post("/v1/images/edits", files=form, headers={"idempotency-key": "form"})
        for _ in range(2)
    )
    other = client.post("/v1/images/edits", files={**form, "image": ("a.png", picture(96, 96))},
                        headers={"idempotency-key": "form"})  # fmt: skip

    assert first.content == again.content
    assert 422 == other.status_code


def test_keys_are_each_callers_own(upstream: Upstream, tmp_path: Path) -> None:
    """Two callers may use the same key for different things."""
    keys = tuple(CallerKey(caller=Caller(name=name), key=f"key-of-{name}") for name in "ab")
    what = setup(tmp_path, provider("near", upstream.base_url), callers=keys)
    with served(router_of(what)) as client:
        answers = [
            submit(client, {"idempotency-key": "1", "authorization": f"Bearer key-of-{name}"},
                   prompt=name)
            for name in "ab"
        ]  # fmt: skip

    assert [200, 200] == [answer.status_code for answer in answers]
    assert 2 == upstream.calls


def test_a_call_that_cost_nothing_may_be_made_again(
    client: httpx2.Client, upstream: Upstream
) -> None:
    """After an error that is safe to repeat the key is free."""
    upstream.script.extend([error(429, "slow down")] * 3)

    failed, again = keyed(client, "again"), keyed(client, "again")

    assert 429 == failed.status_code
    assert 200 == again.status_code


def test_a_refusal_is_replayed(client: httpx2.Client, upstream: Upstream) -> None:
    """An error that must not be repeated is remembered."""
    refusal = error(400, "not this", type="image_generation_user_error", code="moderation_blocked")
    upstream.script.append(refusal)

    first, again = keyed(client, "refused"), keyed(client, "refused")

    assert (400, first.content) == (again.status_code, again.content)
    assert "false" == again.headers["x-should-retry"]
    assert 1 == upstream.calls


def test_a_client_that_hangs_up_finds_its_answer(client: httpx2.Client, upstream: Upstream) -> None:
    """The work goes on; whoever comes back with the key gets it, and it is paid for once."""
    upstream.hold()
    leave(client, upstream, **{"Idempotency-Key": "came-back"})
    upstream.release()

    assert 200 == keyed(client, "came-back").status_code
    assert 1 == upstream.calls


def test_the_same_job_by_the_same_key(client: httpx2.Client, upstream: Upstream) -> None:
    """A call that is submitted twice under one key is one job, and can also be waited for."""
    upstream.hold()
    headers = {**LATER, "idempotency-key": "job"}
    first, again = submit(client, headers), submit(client, headers)
    upstream.release()

    assert first.json()["id"] == again.json()["id"]
    assert keyed(client, "job").content == client.get(first.headers["location"]).content
    assert 1 == upstream.calls


def test_streams(client: httpx2.Client, upstream: Upstream) -> None:
    """A stream is joined and replayed from its first event."""
    first, again = (keyed(client, "stream", stream=True) for _ in range(2))

    assert ["image_generation.completed"] == [name for name, _ in events(first.text)]
    assert first.text == again.text
    assert 1 == upstream.calls


def test_a_stream_that_fails_at_once(client: httpx2.Client, upstream: Upstream) -> None:
    """An error before the first event has its own status here, too."""
    upstream.script.extend([error(500, "broken")] * 3)

    assert keyed(client, "stream-fails", stream=True).status_code >= 500


def test_ephemeral_results_are_not_kept(client: httpx2.Client, upstream: Upstream) -> None:
    """Once delivered, a b64_ephemeral result is gone; its key is not paid for again."""
    first, again = (keyed(client, "ephemeral", response_format="b64_ephemeral") for _ in range(2))
    submitted = submit(client, response_format="b64_ephemeral")

    assert 200 == first.status_code
    assert (410, "result_not_kept") == (again.status_code, again.json()["error"]["code"])
    place = f"/v1/images/jobs/{first.headers['x-routercore-job']}"
    assert {410} == {client.get(place + path).status_code for path in ("", "/events")}
    assert (200, None) == (submitted.status_code, submitted.headers.get("preference-applied"))


def test_what_is_too_large_is_not_kept(upstream: Upstream, tmp_path: Path) -> None:
    """Where results may take no room, a used key is still never paid for twice."""
    what = setup(tmp_path, provider("near", upstream.base_url), server=ServerSetup(max_job_bytes=1))
    with served(router_of(what)) as client:
        first, again = keyed(client, "large"), keyed(client, "large")

    assert (200, 410) == (first.status_code, again.status_code)
    assert 1 == upstream.calls


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_keys_that_are_none(client: httpx2.Client, key: str) -> None:
    """A key is short and printable."""
    response = keyed(client, key)

    assert (400, "Idempotency-Key") == (response.status_code, response.json()["error"]["param"])


def test_two_keys(client: httpx2.Client) -> None:
    """There is one key or none."""
    headers = [("idempotency-key", "a"), ("idempotency-key", "b")]

    assert (
        400 == client.post(URL, json={"model": MODEL, "prompt": "x"}, headers=headers).status_code
    )
