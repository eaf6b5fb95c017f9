"""With two upstreams, losing one loses no request."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, card, provider, route, router_of, served, setup
from tests.upstreams import Answer, Upstream, error

from routercore import Router
from routercore.engine.clock import SystemClock
from routercore.values.money import usd

URL = "/v1/images/generations"


class LeapingClock(SystemClock):
    """The machine's clock, and what a test puts on top."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(deadline - self.monotonic())


def ask(client: httpx2.Client, number: int) -> httpx2.Response:
    return client.post(URL, json={"model": MODEL, "prompt": f"picture {number}"})


def test_the_first_dies_and_returns(tmp_path: Path) -> None:
    """Killing the first of two upstreams mid-run loses nothing; brought back, it is used again."""
    with Upstream() as first, Upstream() as second:
        what = setup(
            tmp_path,
            provider("first", first.base_url),
            provider("second", second.base_url),
            routes=(route("first", "second"),),
        )
        clock = LeapingClock()
        with served(router_of(what, clock=clock)) as client, ThreadPoolExecutor(8) as pool:
            before = list(pool.map(lambda n: ask(client, n), range(8)))
            first.hold()
            during = [pool.submit(ask, client, n) for n in range(8)]
            first.wait_for_calls(16)
            first.kill()
            during_answers = [one.result() for one in during]
            after = list(pool.map(lambda n: ask(client, n), range(8)))
            first.reset()
            first.start()
            clock.ahead += 600
            returned = [ask(client, n) for n in range(8)]

    names = [
        [answer.headers.get("x-routercore-provider", answer.text) for answer in answers]
        for answers in (before, during_answers, after, returned)
    ]
    assert [["first"] * 8, ["second"] * 8, ["second"] * 8, ["first"] * 8] == names
    assert {"2"} == {answer.headers["x-routercore-attempts"] for answer in during_answers}


def test_an_upstream_without_credit(tmp_path: Path) -> None:
    """Its request is made elsewhere, and so are the next ones, which it is not asked for."""
    with Upstream() as first, Upstream() as second:
        first.script.extend([error(402, "Insufficient credits")] * 5)
        what = setup(
            tmp_path,
            provider("first", first.base_url),
            provider("second", second.base_url),
            routes=(route("first", "second"),),
        )
        with served(router_of(what)) as client:
            answers = [ask(client, number) for number in range(3)]

        assert (1, 3) == (first.calls, second.calls)
    assert ["second"] * 3 == [answer.json()["provider"] for answer in answers]


@pytest.mark.parametrize(
    ("said", "told"), [("0.2", "1"), ("7", "7"), ("7.5", "8"), ("3600", "60"), (None, None)]
)
def test_when_to_come_again(tmp_path: Path, said: str | None, told: str | None) -> None:
    """Retry-After is what the upstream says, in whole seconds from 1 to 60; else there is none."""
    headers = {} if said is None else {"retry-after": said}
    with Upstream() as upstream:
        upstream.script.append(Answer(429, {"error": {"message": "slow down"}}, headers))
        near = provider("near", upstream.base_url)
        with served(router_of(setup(tmp_path, near, max_attempts=1))) as client:
            response = ask(client, 1)

    assert (429, told) == (response.status_code, response.headers.get("retry-after"))


def test_everybody_fails(tmp_path: Path) -> None:
    """When all fail, the error has every attempt, and what may have been paid is not repeated."""
    with Upstream() as first, Upstream() as second:
        first.script.extend([error(503, "overloaded")] * 5)
        second.script.extend([error(500, "boom")] * 5)
        what = setup(
            tmp_path,
            provider("first", first.base_url),
            provider("second", second.base_url),
            routes=(route("first", "second"),),
        )
        with served(router_of(what)) as client:
            response = ask(client, 1)

    assert response.status_code in (502, 503)
    assert "false" == response.headers["x-should-retry"]
    assert "first:poster" in response.json()["error"]["message"]
    assert "second:poster" in response.json()["error"]["message"]
    assert int(response.headers["x-routercore-attempts"]) >= 2


LASTING = [
    error(401, "no such key"),
    error(402, "no credit"),
    error(403, "not for this key"),
    error(404, "no such model"),
    error(429, "no credit", code="insufficient_quota"),
]


@pytest.mark.parametrize("answer", LASTING, ids=lambda one: str(one.status))
def test_what_only_a_person_can_mend_is_not_asked_again(tmp_path: Path, answer: Answer) -> None:
    """A bad key, an empty account and a missing model make no client wait, now or while the key
    rests; once mended, the same idempotency key is free."""
    with Upstream() as upstream:
        upstream.script.extend([answer] * 2)
        what = setup(tmp_path, provider("near", upstream.base_url))
        clock, headers = LeapingClock(), {"idempotency-key": "one"}
        with served(router_of(what, clock=clock)) as client:
            body = {"model": MODEL, "prompt": "x"}
            failed = [client.post(URL, json=body, headers=headers) for _ in range(2)]
            upstream.script.clear()
            clock.ahead += 600
            mended = client.post(URL, json=body, headers=headers)

    assert [(503, "provider_unavailable", "false", None)] * 2 == [
        (one.status_code, one.json()["error"]["code"], one.headers["x-should-retry"],
         one.headers.get("retry-after"))
        for one in failed
    ]  # fmt: skip
    assert 200 == mended.status_code


def test_one_that_may_recover_is_worth_asking_again(tmp_path: Path) -> None:
    """Beside a bad key that rests for minutes, the wait is that of the target that may recover."""
    with Upstream() as first, Upstream() as second:
        first.script.append(error(401, "no such key"))
        second.script.extend([Answer(503, {}, {"retry-after": "9"})] * 9)
        near, far = provider("near", first.base_url), provider("far", second.base_url)
        what = setup(tmp_path, near, far, routes=(route("near", "far"),), deadline=5.0)
        with served(router_of(what)) as client:
            answers = [ask(client, number) for number in range(2)]

    for answer in answers:
        assert 503 == answer.status_code
        assert "x-should-retry" not in answer.headers
        assert 1 <= int(answer.headers["retry-after"]) <= 9


def test_a_free_variant_never_steps_in(tmp_path: Path) -> None:
    """A model and its ``:free`` variant are two: neither is asked for the other's picture."""
    cards = (card("vendor/model"), card("vendor/model:free", prices=(usd("0"),)))
    with Upstream() as upstream:
        what = setup(tmp_path, provider("near", upstream.base_url, *cards))
        with served(router_of(what)) as client:
            for one in cards:
                upstream.script.extend([error(429, "slow down")] * 3)
                answer = client.post(URL, json={"model": one.id, "prompt": "x"})
                assert 429 == answer.status_code
                assert {one.id} == {asked.json["model"] for asked in upstream.received}
                upstream.reset()
            costs = [
                client.post(URL, json={"model": one.id, "prompt": "x"}).json()["cost"]
                for one in cards
            ]
    assert [0.02, 0] == costs


def test_images_spread_over_upstreams(tmp_path: Path) -> None:
    """Over sockets: two upstreams are asked at one time for half of the images each; the share of
    one that fails comes from the other, and the bill is that of all calls."""
    with Upstream() as first, Upstream() as second:
        what = setup(
            tmp_path,
            provider("first", first.base_url, card(max_n=2)),
            provider("second", second.base_url, card(max_n=2)),
            routes=(route("first", "second", spread=True),),
        )
        with served(router_of(what)) as client, ThreadPoolExecutor(1) as pool:
            first.hold()
            second.hold()
            body = {"model": MODEL, "prompt": "x", "n": 8}
            asked = pool.submit(client.post, URL, json=body)
            first.wait_for_calls(2)
            second.wait_for_calls(2)
            first.release()
            second.release()
            whole = asked.result().json()
            shown = client.post(URL, json={**body, "prompt": "z", "stream": True}).text
            second.script.extend([error(401, "no such key")] * 2)
            fallen = client.post(URL, json={**body, "prompt": "y"}).json()

    headers = asked.result().headers
    assert ("first,second", "poster") == (
        headers["x-routercore-provider"], headers["x-routercore-model"],
    )  # fmt: skip
    makers = ["first:poster"] * 4 + ["second:poster"] * 4
    assert makers == [one["target"] for one in whole["data"]]
    assert ("first,second", "first") == (whole["provider"], fallen["provider"])
    assert not any("target" in one for one in fallen["data"])
    events = [json.loads(line[6:]) for line in shown.split("\n") if line.startswith("data: ")]
    assert makers == [event["target"] for event in events]
    last = events[-1]
    assert ("first,second", "poster") == (last["provider"], last["model"])

    facts = ("cost", "attempts", "missing")
    assert (8, 0.16, 2, []) == (len(whole["data"]), *(whole[name] for name in facts))
    assert (8, 0.16, 3, []) == (len(fallen["data"]), *(fallen[name] for name in facts))
    assert (8, 6) == (first.calls, second.calls)


def test_a_fallback_model_serves_and_says_so(tmp_path: Path) -> None:
    """From the configuration to the answer: when every target of a model has failed, that of its
    fallback model serves, and a warning names it."""
    failing = {"plugin": "test", "options": {"fail": "quota"}}
    config = {
        "providers": {"broken": failing},
        "models": {
            "fine": {"targets": ["broken:test/test"], "fallback_models": ["plain"]},
            "plain": {"targets": ["test:test/test"]},
        },
        "store": {"url": f"file:{tmp_path}"},
    }
    body = {"model": "fine", "prompt": "x", "size": "64x64"}
    with served(Router.from_config(config, environ={})) as client:
        planned = client.post("/v1/images/estimate", json=body).json()
        answer = client.post(URL, json=body)

    assert [None, "plain"] == [one["via"] for one in planned["targets"]]
    assert ("fine", "test", 2) == tuple(answer.json()[f] for f in ("model", "provider", "attempts"))
    (warning,) = answer.json()["warnings"]
    assert ("model_fallback", "model", "plain") == (
        warning["code"], warning["param"], warning["delivered"],
    )  # fmt: skip
    assert "model_fallback" == answer.headers["x-routercore-warnings"]


def choices(times: int, targets: list[object], directory: Path, **terms: object) -> Counter[str]:
    """How often each of the providers ``dear`` and ``free`` serves a model of those terms."""
    config = {
        "providers": {"dear": {"plugin": "test"}, "free": {"plugin": "test"}},
        "models": {"fine": {"targets": targets, **terms}},
        "store": {"url": f"file:{directory}"},
    }
    body = {"model": "fine", "prompt": "x", "size": "64x64"}
    with served(Router.from_config(config, environ={})) as client:
        answers = [client.post(URL, json=body) for _ in range(times)]
    return Counter(answer.headers["x-routercore-provider"] for answer in answers)


def test_the_order_unless_configured(tmp_path: Path) -> None:
    """Where nothing is said the first provider serves everything, though another is cheaper."""
    targets: list[object] = ["dear:test/paid", "free:test/test"]

    assert {"dear": 4} == choices(4, targets, tmp_path)
    assert {"free": 4} == choices(4, targets, tmp_path, strategy="cost")
    with Upstream() as upstream:
        what = setup(tmp_path, provider("dear", upstream.base_url),
                     provider("free", upstream.base_url, card(prices=(usd("0"),))))  # fmt: skip
        with served(router_of(what)) as client:
            assert "dear" == ask(client, 1).headers["x-routercore-provider"]


def test_weights(tmp_path: Path) -> None:
    """Of two providers the one with three times the weight serves three times as often."""
    targets: list[object] = [
        {"target": "dear:test/test", "weight": 3}, {"target": "free:test/test", "weight": 1},
    ]  # fmt: skip
    served = choices(40, targets, tmp_path, strategy="weighted")

    assert 40 == served.total()
    assert 28 <= served["dear"] <= 32
