"""Who may call, what they may use, and how much of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, card, provider, router_of, served, setup
from tests.upstreams import Upstream

from routercore import Router
from routercore.engine.setup import CacheSetup, Caller, CallerKey, Limits

URL = "/v1/images/generations"
BODY = {"model": MODEL, "prompt": "x"}
GUARDED = (
    ("POST", URL),
    ("POST", "/v1/images/edits"),
    ("POST", "/v1/images/estimate"),
    ("GET", "/v1/images/jobs/x"),
    ("GET", "/v1/images/jobs/x/events"),
    ("DELETE", "/v1/images/jobs/x"),
    ("GET", "/v1/credits"),
    ("POST", "/v1/images/variations"),
    ("POST", "/v1/auth/test"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/poster"),
    ("GET", "/v1/images/models"),
    ("GET", "/v2/models"),
    ("GET", "/v3/models/poster"),
    ("DELETE", "/files/x"),
)
KEYS = (
    CallerKey(caller=Caller(name="all"), key="rc-all"),
    CallerKey(
        caller=Caller(name="hashed", models=("other*",)),
        hash=hashlib.sha256(b"rc-hashed").hexdigest(),
    ),
    CallerKey(caller=Caller(name="few", limits=Limits(requests=20, images=100)), key="rc-few"),
    CallerKey(caller=Caller(name="three", limits=Limits(images=3)), key="rc-three"),
    CallerKey(
        caller=Caller(name="seldom", limits=Limits(requests=1, requests_per=3600.0)),
        key="rc-seldom",
    ),
)


@pytest.fixture(scope="module")
def keyed(world: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with Upstream() as upstream:
        what = setup(
            tmp_path_factory.mktemp("images"),
            provider("near", upstream.base_url, card(), card("other/model")),
            callers=KEYS,
        )
        with served(router_of(what)) as client:
            yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "rc-all")],
        [("authorization", "Basic rc-all")],
        [("authorization", "Bearer rc-wrong")],
        [("authorization", "Bearer ' OR 1=1 --")],
        [("authorization", "Bearer %")],
        [("authorization", "Bearer *")],
        [("authorization", b"Bearer \xff\xfe")],
        [("authorization", "Bearer " + "x" * 10_000)],
        [("authorization", "Bearer rc-all"), ("authorization", "Bearer rc-all")],
        [("x-api-key", "rc-all")],
    ],
)
def test_wrong_keys(keyed: httpx2.Client, headers: list[tuple[str, str]]) -> None:
    """Without exactly one known key every path that does something is a 401."""
    for method, path in GUARDED:
        response = keyed.request(method, path, headers=headers)
        assert (401, "invalid_api_key") == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_right_keys(keyed: httpx2.Client, scheme: str) -> None:
    """The scheme's case does not matter."""
    headers = {"authorization": f"{scheme} rc-all"}

    tested = keyed.post("/v1/auth/test", headers=headers).json()
    assert {"success": True, "name": "all", "credits": None} == tested
    assert 200 == keyed.post(URL, json=BODY, headers=headers).status_code


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    "key",
    ["12345678", "sk-" + "a1" * 32, "e30.e30." + "x" * 120, "x" * 512, "two words", "schlüssel"],
)
def test_forms_of_a_key(tmp_path: Path, key: str, encoding: str) -> None:
    """Any text of 8 to 512 characters is a key, in clear, as its hash, or in a variable."""
    forms = ({"key": key}, {"hash": hashlib.sha256(key.encode()).hexdigest()}, {"key": "${KEY}"})
    headers = {b"authorization": b"Bearer " + key.encode(encoding)}
    for form in forms:
        config = {"keys": {"team": form}, "store": {"url": f"file:{tmp_path}"}}
        with served(Router.from_config(config, environ={"KEY": key})) as client:
            told = client.post("/v1/auth/test", headers=headers).json()
        assert "team" == told.get("name"), told


def test_open_paths(keyed: httpx2.Client) -> None:
    """Health and the API's description need no key."""
    assert {"status": "ok"} == keyed.get("/health").json()
    described = [keyed.get(path) for path in ("/openapi.json", "/.well-known/openapi.yaml")]
    assert [200, 200] == [answer.status_code for answer in described]


def test_models_of_a_key(keyed: httpx2.Client) -> None:
    """A key sees, and gets, only the models that are its."""
    headers = bearer("rc-hashed")

    listed = keyed.get("/v1/models", headers=headers).json()["data"]
    assert ["other/model"] == [model["id"] for model in listed]
    for name in ("poster", "near:poster"):
        assert 404 == keyed.get(f"/v1/models/{name}", headers=headers).status_code
    assert 404 == keyed.post(URL, json=BODY, headers=headers).status_code


def test_models_of_a_key_as_configured(tmp_path: Path) -> None:
    """The patterns are those that the configuration has for the key."""
    keys = {"team": {"key": "key-of-team", "models": ["test/pa*"]}}
    config = {"keys": keys, "store": {"url": f"file:{tmp_path}"}}
    headers = bearer("key-of-team")
    with served(Router.from_config(config, environ={})) as client:
        listed = client.get("/v1/models", headers=headers).json()["data"]
        made = [
            client.post(URL, json={"model": name, "prompt": "x", "size": "64x64"}, headers=headers)
            for name in ("test/paid", "test/test")
        ]

    assert ["test/paid"] == [model["id"] for model in listed]
    assert [200, 404] == [answer.status_code for answer in made]


def test_a_promise_kept_exactly(keyed: httpx2.Client) -> None:
    """Of 200 requests at once on a key with 20 a minute, 20 pass; the rest know when to return."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda _: keyed.post(URL, json=BODY, headers=bearer("rc-few")), range(200))
        )

    assert Counter({200: 20, 429: 180}) == Counter(answer.status_code for answer in answers)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "rate_limit_exceeded" == refused.json()["error"]["code"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert ("20", "0") == (
        refused.headers["x-ratelimit-limit-requests"],
        refused.headers["x-ratelimit-remaining-requests"],
    )
    assert re.fullmatch(r"[1-5]?\ds|1m0s", refused.headers["x-ratelimit-reset-requests"])
    passed = [answer for answer in answers if answer.status_code == 200]
    left = sorted(int(answer.headers["x-ratelimit-remaining-requests"]) for answer in passed)
    assert list(range(20)) == left
    assert "100" == passed[0].headers["x-ratelimit-limit-images"]


def test_images_of_a_minute(keyed: httpx2.Client) -> None:
    """Images count one by one, however few requests they come in."""
    body = {**BODY, "n": 2}
    answers = [keyed.post(URL, json=body, headers=bearer("rc-three")) for _ in range(2)]

    assert [200, 429] == [answer.status_code for answer in answers]
    assert ["1", "1"] == [one.headers["x-ratelimit-remaining-images"] for one in answers]
    assert 200 == keyed.post(URL, json=BODY, headers=bearer("rc-three")).status_code


def test_once_an_hour(keyed: httpx2.Client) -> None:
    """However long a limit holds, clients come again within the minute that all of them obey."""
    answers = [keyed.post(URL, json=BODY, headers=bearer("rc-seldom")) for _ in range(2)]

    assert [200, 429] == [answer.status_code for answer in answers]
    assert "60" == answers[1].headers["retry-after"]


def test_equal_requests_share_one_call(tmp_path: Path) -> None:
    """20 equal requests at once, with the cache on, make one upstream call and 20 answers."""
    with Upstream() as upstream:
        what = setup(tmp_path, provider("near", upstream.base_url), cache=CacheSetup(ttl=60))
        upstream.hold()
        with served(router_of(what)) as client, ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(client.post, URL, json=BODY) for _ in range(20)]
            upstream.wait_for_calls(1)
            upstream.release()
            answers = [one.result() for one in asked]
            again = client.post(URL, json=BODY)

        assert 1 == upstream.calls
    assert [200] * 20 == [answer.status_code for answer in answers]
    states = Counter(answer.headers["x-routercore-cache"] for answer in answers)
    assert 1 == states["miss"]
    assert 19 == states["joined"] + states["hit"]
    assert "hit" == again.headers["x-routercore-cache"]
    assert (0, "cache") == (again.json()["cost"], again.json()["cost_basis"])
    assert 0 == again.json()["cost"]


def test_ephemeral_images_are_not_cached(tmp_path: Path) -> None:
    """What is to leave no trace is made anew each time."""
    with Upstream() as upstream:
        what = setup(tmp_path, provider("near", upstream.base_url), cache=CacheSetup(ttl=60))
        body = {**BODY, "response_format": "b64_ephemeral"}
        with served(router_of(what)) as client:
            states = [client.post(URL, json=body).headers["x-routercore-cache"] for _ in range(2)]
        assert 2 == upstream.calls
    assert ["bypass", "bypass"] == states
    assert [] == list(tmp_path.rglob("*.png"))
