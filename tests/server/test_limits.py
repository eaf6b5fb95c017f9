"""Requests and images of a minute, of callers' keys and of keys for upstreams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream

from routercore import Router
from routercore.engine.setup import Limits

URL = "/v1/images/generations"
DEADLINE = 3.0
"""Seconds: a minute is not waited for."""


@pytest.mark.parametrize("what", ["requests", "images"])
@pytest.mark.parametrize("whose", ["providers", "keys"])
def test_limits_of_the_configuration(tmp_path: Path, whose: str, what: str) -> None:
    """Of two calls for one image the second is over a limit of one, whosever limit it is."""
    config: dict[str, Any] = {
        "providers": {"test": {"plugin": "test"}},
        "keys": {"team": {"key": "key-of-team"}},
        "router": {"deadline": DEADLINE},
        "store": {"url": f"file:{tmp_path}"},
    }
    next(iter(config[whose].values()))["limits"] = {what: "1/min"}
    body = {"model": "test/test", "prompt": "x", "size": "64x64"}
    headers = {"authorization": "Bearer key-of-team"}
    with served(Router.from_config(config, environ={})) as client:
        answers = [client.post(URL, json=body, headers=headers) for _ in range(2)]

    assert [200, 429] == [answer.status_code for answer in answers]
    assert "rate_limit_exceeded" == answers[1].json()["error"]["code"]


@pytest.mark.parametrize("limits", [Limits(requests=1), Limits(images=1)])
def test_a_minute_of_each_key(tmp_path: Path, limits: Limits) -> None:
    """A provider's limits hold for each of its keys by itself."""
    with Upstream() as upstream:
        near = replace(provider("near", upstream.base_url, limits=limits), keys=("k1", "k2"))
        with served(router_of(setup(tmp_path, near, deadline=DEADLINE))) as client:
            body = {"model": MODEL, "prompt": "x"}
            statuses = [client.post(URL, json=body).status_code for _ in range(3)]

        assert {"Bearer k1", "Bearer k2"} == {
            request.headers["authorization"] for request in upstream.received
        }
    assert [200, 200, 429] == statuses
