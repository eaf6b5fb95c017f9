"""Callers who join a call under way: it is paid for once, and each is told what it paid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.test_jobs import LATER, URL
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream

from routercore.engine.setup import CacheSetup

CALLERS = 6
BODY = {"model": MODEL, "prompt": "a heron"}


def together(client: httpx2.Client, upstream: Upstream, **options: Any) -> list[httpx2.Response]:
    """The answers to equal requests that were under way at one time."""
    upstream.hold()
    with ThreadPoolExecutor(CALLERS) as pool:
        asked = [pool.submit(client.post, URL, **options) for _ in range(CALLERS)]
        upstream.wait_for_calls(1)
        upstream.release()
        return [one.result() for one in asked]


def spent(client: httpx2.Client) -> str:
    credits: str = client.get("/v1/credits").json()["credit_usage"]
    return credits


def test_callers_who_share_a_call_by_the_cache(upstream: Upstream, tmp_path: Path) -> None:
    """One answer has the cost; every other says that it joined or found it, and cost nothing."""
    what = setup(tmp_path, provider("near", upstream.base_url), cache=CacheSetup(ttl=60))
    with served(router_of(what)) as client:
        answers = together(client, upstream, json=BODY)
        assert "0.0200" == spent(client)
    told = sorted((a.headers["x-routercore-cost"], a.json()["cost"]) for a in answers)
    assert [("0", 0.0)] * (CALLERS - 1) + [("0.02", 0.02)] == told
    paying = [a for a in answers if a.headers["x-routercore-cache"] == "miss"]
    assert ["0.02"] == [a.headers["x-routercore-cost"] for a in paying]
    assert {0, 1} == {a.json()["attempts"] for a in answers}
    assert 1 == upstream.calls


def test_callers_who_share_a_call_by_its_key(upstream: Upstream, tmp_path: Path) -> None:
    """All have the bytes of one call; all but the one that began it are told that they have."""
    with served(router_of(setup(tmp_path, provider("near", upstream.base_url)))) as client:
        answers = together(client, upstream, json=BODY, headers={"idempotency-key": "k"})
        assert "0.0200" == spent(client)
    assert 1 == len({a.content for a in answers})
    assert {"0.02"} == {a.headers["x-routercore-cost"] for a in answers}
    marks = [a.headers.get("idempotent-replayed") for a in answers]
    assert (1, CALLERS - 1) == (marks.count(None), marks.count("true"))


@pytest.mark.parametrize(
    ("body", "headers", "status"), [({"stream": True}, {}, 200), ({}, LATER, 202)]
)
def test_every_answer_says_that_it_joined(
    client: httpx2.Client, upstream: Upstream, body: dict[str, Any], headers: Any, status: int
) -> None:
    """A stream or a job that an earlier request began says so as plain answers do."""
    headers = {**headers, "idempotency-key": f"joined-{status}"}
    if status == 202:
        upstream.hold()
        answers = [client.post(URL, json={**BODY, **body}, headers=headers) for _ in range(2)]
        upstream.wait_for_calls(1)
        upstream.release()
    else:
        answers = together(client, upstream, json={**BODY, **body}, headers=headers)
    assert {status} == {a.status_code for a in answers}
    marks = [a.headers.get("idempotent-replayed") for a in answers]
    assert (1, len(answers) - 1) == (marks.count(None), marks.count("true"))
    assert 1 == len({a.headers["x-routercore-job"] for a in answers})
    assert 1 == upstream.calls
