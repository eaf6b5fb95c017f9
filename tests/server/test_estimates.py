"""What a request would cost, asked over a socket; nobody upstream hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL, card, provider, route, router_of, served, setup
from tests.upstreams import Upstream, picture

from routercore.engine.setup import Caller, CallerKey, Limits
from routercore.routing.plan import UnknownPrice
from routercore.values.images import Operation
from routercore.values.ledger import Budget
from routercore.values.money import usd

URL = "/v1/images/estimate"
RANGE = card(prices=(usd("0.01", quality="low"), usd("0.20", quality="high")))
KEYS = (
    CallerKey(
        caller=Caller(name="team", limits=Limits(requests=1), budget=Budget(20_000)), key="rc-team"
    ),
    CallerKey(caller=Caller(name="other", models=("nothing",)), key="rc-other"),
)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx2.Client, Upstream]]:
    """A server with a plain price, a range and a price that nobody knows."""
    dark = card(prices=(), operations=frozenset({Operation.GENERATE}))
    with Upstream() as upstream:
        what = setup(
            tmp_path_factory.mktemp("images"),
            provider("plain", upstream.base_url),
            provider("range", upstream.base_url, RANGE),
            provider("dark", upstream.base_url, dark),
            routes=(route("plain", "range", "dark"),),
        )  # fmt: skip
        with served(router_of(what)) as client:
            yield client, upstream


def ask(client: httpx2.Client, **fields: Any) -> Any:
    return client.post(URL, json={"model": MODEL, "prompt": "x", **fields})


def prices(row: dict[str, Any]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("low", "expected", "high", "basis"))


@pytest.mark.parametrize("prefix", ["/v1", "/v1/openai"])
def test_every_candidate_has_a_price(three: tuple[httpx2.Client, Upstream], prefix: str) -> None:
    """Low, expected and high for each, in the order of trying; unknown is null."""
    client, upstream = three
    body = {"model": MODEL, "prompt": "x", "n": 2}
    told = client.post(f"{prefix}/images/estimate", json=body).json()

    assert ("image.estimate", "generate", 2, "USD") == (
        told["object"], told["operation"], told["n"], told["currency"],
    )  # fmt: skip
    assert [
        ("plain:poster", 0.04, 0.04, 0.04, "table"),
        ("range:poster", 0.02, 0.4, 0.4, "estimate"),
        ("dark:poster", None, None, None, "unknown"),
    ] == [(one["target"], *prices(one)) for one in told["targets"]]
    assert (prices(told["targets"][0]), None) == (prices(told), told["at_most"])
    assert [] == told["rejected"]
    assert 0 == upstream.calls


def test_max_price_and_what_cannot_be_done(three: tuple[httpx2.Client, Upstream]) -> None:
    """The dearer, the unknown and the unable are among the rejected, each with its reason."""
    client, upstream = three
    told = ask(client, max_price="0.03", image=picture_url()).json()

    assert ["plain:poster"] == [one["target"] for one in told["targets"]]
    assert "edit" == told["operation"]
    assert {"range:poster": ["max_price"], "dark:poster": ["image"]} == {
        one["target"]: [reason["param"] for reason in one["reasons"]] for one in told["rejected"]
    }
    assert 0 == upstream.calls


def picture_url() -> str:
    import base64

    return "data:image/png;base64," + base64.b64encode(picture()).decode()


def test_a_form_with_pictures(three: tuple[httpx2.Client, Upstream]) -> None:
    """The same form as an edit's is read."""
    client, _ = three
    told = client.post(
        URL, data={"model": MODEL, "prompt": "x"}, files={"image": ("a.png", picture())}
    ).json()
    assert ("edit", 0.02) == (told["operation"], told["expected"])


def test_nobody_can_do_it(three: tuple[httpx2.Client, Upstream]) -> None:
    """An estimate without a target is empty and says why, and its price is unknown."""
    told = ask(three[0], size="9999x9999", strict=True).json()
    assert ([], None, "unknown") == (told["targets"], told["expected"], told["basis"])
    assert 3 == len(told["rejected"])


def test_wrong_requests(three: tuple[httpx2.Client, Upstream]) -> None:
    """What an image request is refused for, an estimate is, too."""
    assert 404 == ask(three[0], model="nothing").status_code
    wrong = ask(three[0], qualty="high")
    assert (400, "unknown_parameter") == (wrong.status_code, wrong.json()["error"]["code"])


def test_the_declared_policy_on_unknown_prices(tmp_path: Path) -> None:
    """``exclude`` names the target among the rejected, and ``error`` refuses."""
    for policy, status in ((UnknownPrice.EXCLUDE, 200), (UnknownPrice.ERROR, 400)):
        with Upstream() as upstream:
            what = setup(
                tmp_path,
                provider("plain", upstream.base_url),
                provider("dark", upstream.base_url, card(prices=())),
                routes=(route("plain", "dark", unknown_price=policy),),
            )
            with served(router_of(what)) as client:
                told = ask(client)
        assert status == told.status_code
        if status == 400:
            assert "price_unknown" == told.json()["error"]["code"]
        else:
            assert ["dark:poster"] == [one["target"] for one in told.json()["rejected"]]


def test_an_estimate_costs_nothing(tmp_path: Path) -> None:
    """It needs a key and uses up neither limit nor budget; what it tells is what is then paid."""
    with Upstream() as upstream:
        what = setup(tmp_path, provider("near", upstream.base_url), callers=KEYS)
        with served(router_of(what)) as client:
            assert 401 == ask(client).status_code
            client.headers["authorization"] = "Bearer rc-other"
            assert 404 == ask(client).status_code
            client.headers["authorization"] = "Bearer rc-team"
            told = [ask(client).json()["expected"] for _ in range(3)]
            assert 0.02 == ask(client).json()["at_most"]
            assert 0 == upstream.calls
            body = {"model": MODEL, "prompt": "x"}
            paid = client.post("/v1/images/generations", json=body).json()["cost"]
    assert [paid] * 3 == told
    assert Decimal("0.02") == Decimal(str(paid))
