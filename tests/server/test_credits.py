"""What a key has spent and may still spend."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream, error

from routercore import Router
from routercore.engine.clock import SystemClock
from routercore.engine.setup import Caller, CallerKey, LedgerSetup
from routercore.values.errors import ConfigError
from routercore.values.ledger import Budget, Period

BUDGETS = {
    "day": Budget(50_000, Period.DAY),
    "week": Budget(50_000, Period.WEEK),
    "month": Budget(50_000, Period.MONTH),
    "total": Budget(50_000, Period.TOTAL),
    "free": None,
}
KEYS = tuple(
    CallerKey(caller=Caller(name=name, budget=budget), key=f"key-of-{name}")
    for name, budget in BUDGETS.items()
)


@pytest.fixture
def keyed(upstream: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a server whose keys have budgets of five cents."""
    with served(router_of(setup(tmp_path, provider("near", upstream.base_url), callers=KEYS))) as c:
        yield c


def headers(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer key-of-{name}"}


def ask(client: httpx2.Client, name: str, **fields: object) -> httpx2.Response:
    body = {"model": MODEL, "prompt": "x", **fields}
    return client.post("/v1/images/generations", json=body, headers=headers(name))


class Calendar(SystemClock):
    """The machine's clock, on another day."""

    def __init__(self, moment: str) -> None:
        self.turn(moment)

    def turn(self, moment: str) -> None:
        self.moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.mark.parametrize(
    ("name", "last", "next"),
    [
        ("day", "2026-01-01T23:59:59", "2026-01-02T00:00:00"),
        ("week", "2026-01-04T23:59:59", "2026-01-05T00:00:00"),
        ("month", "2026-01-31T23:59:59", "2026-02-01T00:00:00"),
        ("total", "2027-01-01T00:00:00", None),
    ],
)
def test_a_budget_begins_again(
    upstream: Upstream, tmp_path: Path, name: str, last: str, next: str | None
) -> None:
    """Used up on New Year's Day, a budget stays so until its period is over, and no longer."""
    clock = Calendar("2026-01-01T12:00:00")
    what = setup(tmp_path, provider("near", upstream.base_url), callers=KEYS)
    with served(router_of(what, clock=clock)) as client:
        assert 200 == ask(client, name, n=2).status_code
        clock.turn(last)
        assert 402 == ask(client, name).status_code
        if next is not None:
            clock.turn(next)
            assert 200 == ask(client, name).status_code


def test_calls_at_the_same_time_keep_to_a_budget(keyed: httpx2.Client, upstream: Upstream) -> None:
    """Of twenty calls at once for which a budget has room for two, two are made."""
    upstream.hold()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, keyed, "total") for _ in range(20)]
        refused = list(islice(as_completed(asked, timeout=60), 18))
        upstream.release()
        made = [one for one in asked if one not in refused]

        assert {402} == {one.result().status_code for one in refused}
        assert [200, 200] == [one.result().status_code for one in made]
    assert 2 == upstream.calls


@pytest.mark.parametrize("prefix", ["/v1", "/v1/openai"])
def test_credits(keyed: httpx2.Client, prefix: str) -> None:
    """What was spent and what is left add up, to the hundredth of a cent."""
    ask(keyed, "day", n=2)

    told = keyed.get(f"{prefix}/credits", headers=headers("day")).json()
    tested = keyed.post(f"{prefix}/auth/test", headers=headers("day")).json()

    assert "0.0100" == tested["credits"]
    assert {
        "remaining_credits": "0.0100",
        "credit_usage": "0.0400",
        "total_deposits": "0.0500",
    } == told


@pytest.mark.parametrize("name", ["day", "week", "month", "total"])
def test_by_key(keyed: httpx2.Client, name: str) -> None:
    """A key sees its own limit, the period that it holds for, and nothing of anybody else's."""
    ask(keyed, name)
    ask(keyed, "free", n=2)

    (told,) = keyed.get("/v1/credits?by_api_key=true", headers=headers(name)).json()["api_keys"]

    assert (name, "0.0200", "0.0500", name, "0.0200") == tuple(
        told[field]
        for field in ("name", "credit_usage", "spend_limit", "spend_limit_period", "period_spend")
    )
    if name == "total":
        assert told["period_start"] is None
        return
    start, now = datetime.fromisoformat(told["period_start"]), datetime.now(UTC)
    assert 0 <= (now - start).days <= {"day": 0, "week": 6, "month": 30}[name]
    assert (0, 0) == (start.hour, start.minute)


def test_without_a_budget(keyed: httpx2.Client) -> None:
    """A key without a budget has spent something and has no end of credit."""
    ask(keyed, "free")

    told = keyed.get("/v1/credits?by_api_key=true", headers=headers("free")).json()

    assert (None, "0.0200", None) == (
        told["remaining_credits"], told["credit_usage"], told["total_deposits"],
    )  # fmt: skip
    assert told["api_keys"][0]["spend_limit"] is None


def test_books_that_cannot_be_read(upstream: Upstream, tmp_path: Path) -> None:
    """Where the database answers no question it is 503, with the four keys and no more."""
    file = tmp_path / "books.db"
    what = setup(tmp_path, provider("near", upstream.base_url), callers=KEYS,
                 ledger=LedgerSetup(url=f"sqlite:///{file}"))  # fmt: skip
    with served(router_of(what)) as client:
        ask(client, "day")
        with closing(sqlite3.connect(file)) as other, other:
            other.execute("ALTER TABLE routercore_balances RENAME TO elsewhere")
        told = client.get("/v1/credits", headers=headers("day"))

    assert (503, "ledger_unavailable") == (told.status_code, told.json()["error"]["code"])
    assert {"message", "type", "param", "code"} == told.json()["error"].keys()
    assert "routercore_balances" not in told.text


def test_a_budget_that_is_used_up(keyed: httpx2.Client, upstream: Upstream) -> None:
    """Beyond its budget a key gets 402 before anything is sent; a failure cost it nothing."""
    upstream.script.extend([error(429, "slow down")] * 3)
    failed = ask(keyed, "day", n=2)
    upstream.reset()
    first, second = ask(keyed, "day", n=2), ask(keyed, "day", n=2)

    assert (429, 200, 402) == (failed.status_code, first.status_code, second.status_code)
    told = second.json()["error"]
    assert ("budget_exceeded", "insufficient_quota") == (told["code"], told["type"])
    assert "false" == second.headers["x-should-retry"]
    assert ("1", None) == (
        first.headers["x-routercore-attempts"], second.headers.get("x-routercore-attempts"),
    )  # fmt: skip
    assert 1 == upstream.calls


def test_what_a_budget_keeps_from_being_sent_is_no_attempt(
    upstream: Upstream, tmp_path: Path
) -> None:
    """A target that a provider's budget has no room for was passed over, and not tried."""
    poor = provider("poor", upstream.base_url, budget=Budget(1))
    what = setup(tmp_path, poor, provider("near", upstream.base_url))
    with served(router_of(what)) as client:
        answer = client.post("/v1/images/generations", json={"model": MODEL, "prompt": "x"})

    assert ("near", 1) == (answer.json()["provider"], answer.json()["attempts"])
    assert "1" == answer.headers["x-routercore-attempts"]
    assert 1 == upstream.calls


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("2026-01-01", 401),
        ("2026-01-01T00:00:00+02:00", 401),
        (date(2026, 1, 1), 401),
        (date(9000, 1, 1), 200),
        ("9000-01-01T12:00:00Z", 200),
    ],
)
def test_a_key_that_has_expired(tmp_path: Path, written: object, status: int) -> None:
    """From its day on a key is as good as none; until then it says when that will be."""
    keys = {"team": {"key": "key-of-team", "expires": written}}
    config = {"keys": keys, "store": {"url": f"file:{tmp_path}"}}
    with served(Router.from_config(config, environ={})) as client:
        told = client.get("/v1/credits?by_api_key=true", headers=headers("team"))

    assert status == told.status_code
    if status == 401:
        said = told.json()["error"]
        assert "invalid_api_key" == said["code"]
        assert said["message"].startswith("This API key expired on 2026-01-01 at 00:00 ")
    if status == 200:
        assert told.json()["api_keys"][0]["expires_at"].startswith("9000-01-01T")


def test_hours_of_a_key(tmp_path: Path) -> None:
    """Outside its hours a key is known, and not let in."""
    hours = f"{datetime.now(UTC) - timedelta(hours=2):%H:%M}-{datetime.now(UTC):%H:%M}"
    keys = {
        "past": {"key": "key-of-past", "hours": hours},
        "rest": {"key": "key-of-rest", "hours": "-".join(reversed(hours.split("-")))},
    }
    config = {"keys": keys, "store": {"url": f"file:{tmp_path}"}}
    with served(Router.from_config(config, environ={})) as client:
        past, rest = (client.get("/v1/models", headers=headers(name)) for name in keys)

    assert (403, 200) == (past.status_code, rest.status_code)
    error = past.json()["error"]
    assert ("key_not_allowed_now", "invalid_request_error") == (error["code"], error["type"])
    assert hours.replace("-", " to ") + " UTC" in error["message"]


@pytest.mark.parametrize("written", ["always", "8-18", "25:00-26:00", "08:00-08:00",
                                     "08:00-18:00 Nowhere/Town", 8])  # fmt: skip
def test_hours_that_are_none(written: object) -> None:
    """Hours are two times of day, and perhaps a zone that this machine knows."""
    with pytest.raises(ConfigError, match=r"keys\.team\.hours"):
        Router.from_config({"keys": {"team": {"key": "key-of-team", "hours": written}}})


@pytest.mark.parametrize("written", ["soon", "2026-01-01T00:00:00", 7])
def test_an_expiry_that_is_no_moment(written: object) -> None:
    """An end is a day, or a moment with its zone."""
    with pytest.raises(ConfigError, match=r"keys\.team\.expires"):
        Router.from_config({"keys": {"team": {"key": "key-of-team", "expires": written}}})


def test_wrong_questions(keyed: httpx2.Client) -> None:
    """A key is needed, and a flag is true or false."""
    odd = keyed.get("/v1/credits?by_api_key=maybe", headers=headers("day"))

    assert 401 == keyed.get("/v1/credits").status_code
    assert (400, "by_api_key") == (odd.status_code, odd.json()["error"]["param"])
