"""Configuration: what a right document comes to."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from tests.config.kit import Plugin, built, problems

from routercore.config import build, load, parse, schema
from routercore.engine.setup import BucketSetup, LedgerSetup, ProxySetup, StoreSetup
from routercore.plugins import load_plugins
from routercore.provider import Row, bearer, hookimpl
from routercore.routing.policy import Hedge
from routercore.values.accounts import Prompts
from routercore.values.errors import ConfigError
from routercore.values.ledger import Budget, Period


def test_budgets_and_the_ledger() -> None:
    """Budgets of keys, providers and the router, and where the ledger is, come through."""
    setup = built(
        {
            "router": {"budget": {"usd": "100.5", "per": "month"}},
            "providers": {"beta": {"budget": {"usd": 5, "per": "total"}}},
            "keys": {"team": {"key": "team-secret", "budget": {"usd": 0.25, "per": "day"}}},
            "ledger": {"url": "sqlite:///ledger.db", "prompts": "full", "retention": "30d",
                       "unknown_price": "0.2"},
        }
    )  # fmt: skip
    beta = next(one for one in setup.providers if one.name == "beta")
    assert Budget(100_500_000, Period.MONTH) == setup.budget
    assert Budget(5_000_000, Period.TOTAL) == beta.budget
    assert Budget(250_000, Period.DAY) == setup.callers[0].caller.budget
    expected = LedgerSetup(url="sqlite:///ledger.db", prompts=Prompts.FULL,
                           retention=30 * 86_400.0, unknown_price=Decimal("0.2"))  # fmt: skip
    assert expected == setup.ledger


def test_prompts_are_hashed_unless_configured() -> None:
    """A ledger keeps no prompt that nobody asked it to keep."""
    assert Prompts.HASH == built({"ledger": {"url": "sqlite:///ledger.db"}}).ledger.prompts
    assert Prompts.HASH == built({}).ledger.prompts


def test_several_keys() -> None:
    """All keys of a provider come through, in their order."""
    setup = built({"providers": {"alpha": {"api_keys": ["k-2", "k-1", "k-3"]}}})
    alpha = next(one for one in setup.providers if one.name == "alpha")
    assert ("k-2", "k-1", "k-3") == alpha.keys


def test_a_bucket_as_the_store() -> None:
    """Everything about a bucket comes through, its secrets from the environment."""
    table = {"url": "s3://pictures/of/cats/", "endpoint": "https://minio.test:9000/",
             "region": "eu-west-1", "access_key_id": "AKIA", "secret_access_key": "${S3_KEY}",
             "session_token": "${S3_TOKEN}", "presigned": True, "timeout": "5s"}  # fmt: skip
    setup = built({"store": table}, S3_KEY="s3-secret", S3_TOKEN="s3-token")

    bucket = BucketSetup(
        name="pictures", prefix="of/cats", endpoint="https://minio.test:9000", region="eu-west-1",
        access_key_id="AKIA", secret_access_key="s3-secret", session_token="s3-token",
        presigned=True,
    )  # fmt: skip
    assert StoreSetup(bucket=bucket, timeout=5.0) == setup.store
    assert "s3-secret" not in repr(setup)
    assert "s3-token" not in repr(setup)


def test_a_proxy() -> None:
    """Its URL and what is reached without it come through; without a table there is none."""
    table = {"url": "http://me:${PASSWORD}@proxy.example:3128", "direct": ["*.internal"]}
    setup = built({"proxy": table}, PASSWORD="s3cret")

    expected = ProxySetup("http://me:s3cret@proxy.example:3128", ("*.internal",))
    assert (expected, None) == (setup.proxy, built({}).proxy)
    assert "s3cret" not in repr(setup)


def test_a_key_stays_with_its_vendor() -> None:
    """A usual variable's key is not sent to another base URL unless it is written there."""
    elsewhere = {"providers": {"alpha": {"base_url": "https://gateway.example/v1"}}}
    [problem] = problems(elsewhere, ALPHA_KEY="k-1")
    assert "ALPHA_KEY is not sent to another base_url by itself" in problem
    for keys, expected in (({"api_key": "${ALPHA_KEY}"}, ("k-1",)), ({"api_keys": []}, ())):
        document = {"providers": {"alpha": {**elsewhere["providers"]["alpha"], **keys}}}
        [alpha] = [p for p in built(document, ALPHA_KEY="k-1").providers if p.name == "alpha"]
        assert expected == alpha.keys
    same_origin = {"providers": {"alpha": {"base_url": "https://api.example.com/v2"}}}
    [alpha] = [p for p in built(same_origin, ALPHA_KEY="k-1").providers if p.name == "alpha"]
    assert ("k-1",) == alpha.keys


def test_a_provider_that_is_off_needs_nothing() -> None:
    """Its variables may be missing; targets that name it say that it is off."""
    off = {"alpha": {"enabled": False, "api_key": "${NOBODY}"}}
    assert "alpha" not in {p.name for p in built({"providers": off}).providers}
    [problem] = problems({"providers": off, "models": {"m": {"targets": ["alpha:ink"]}}})
    assert "models.m.targets.0: the provider 'alpha' is switched off by enabled = false" == problem


def test_variables_in_text() -> None:
    """``${NAME}`` is replaced wherever it stands, ``$${`` is a literal ``${``."""
    options = {"a": "x${WORD}z", "b": ["$${WORD}"], "c": "$5 {WORD}"}
    setup = built({"providers": {"beta": {"options": options}}}, WORD="y")
    [beta] = [provider for provider in setup.providers if provider.name == "beta"]
    assert {"a": "xyz", "b": ["${WORD}"], "c": "$5 {WORD}"} == beta.options


def test_the_example_is_right() -> None:
    """docs/examples/routercore.toml passes the check, with its variables set."""
    path = Path(__file__).parents[2] / "docs" / "examples" / "routercore.toml"
    variables = re.findall(r"\$\{(\w+)\}", path.read_text())
    setup = load(path, {name: f"value-of-{name}" for name in variables}).setup
    assert ["studio", "test"] == [provider.name for provider in setup.providers]
    assert {"poster", "draft"} == {route.name for route in setup.routes}
    assert ["team-a", "team-b"] == [key.caller.name for key in setup.callers]
    assert (3600.0, 2**29) == (setup.cache.ttl, setup.cache.max_bytes)


def test_providers_without_configuration() -> None:
    """Enabled are ``test`` and those whose usual variable is set, nobody else."""
    assert ["test"] == [p.name for p in built({}).providers if p.name in ("alpha", "beta", "test")]
    setup = built({}, ALPHA_KEY="k-1")
    [alpha] = [provider for provider in setup.providers if provider.name == "alpha"]
    assert ("k-1",) == alpha.keys


def test_a_provider_under_another_name() -> None:
    """``plugin`` names the provider, the table names the deployment."""
    setup = built({"providers": {"spare": {"plugin": "alpha", "api_key": "${KEY}"}}}, KEY="k-2")
    [spare] = [provider for provider in setup.providers if provider.name == "spare"]
    assert ("alpha", ("k-2",)) == (spare.provider.name, spare.keys)


def test_parsing_and_building_apart() -> None:
    """Programs that bring their own plugins can do both steps themselves."""
    contributions = load_plugins(extra=[("tests", Plugin())])
    document = parse({"providers": {"alpha": {"api_key": "k"}}}, {})
    assert "alpha" in {p.name for p in build(document, contributions, {}).providers}
    with pytest.raises(ConfigError, match="max_attempts"):
        parse({"router": {"max_attempts": 0}}, {})


def test_terms_come_from_the_router_unless_a_model_has_its_own() -> None:
    """``[router]`` lays down what ``[models.NAME]`` leaves out."""
    targets = ["test:test/test"]
    document = {
        "router": {"strategy": "cost", "on_unknown": "fail", "max_exposure": 0.5},
        "models": {
            "a": {
                "targets": targets,
                "max_exposure": "0.25",
                "on_lost_result": "failover",
                "hedge": {"after": "20s", "max_extra": 0.05},
            },
            "b": {"targets": targets, "strategy": "weighted"},
        },
    }
    routes = {route.name: route for route in built(document).routes}
    assert ("cost", "weighted") == (routes["a"].strategy, routes["b"].strategy)
    assert "fail" == routes["b"].on_unknown
    assert (Hedge(20.0, Decimal("0.05")), None) == (routes["a"].hedge, routes["b"].hedge)
    assert ["failover", "stop"] == [routes[name].on_lost_result for name in "ab"]
    assert [Decimal("0.25"), Decimal("0.5")] == [routes[name].max_exposure for name in "ab"]


def test_spreading_is_a_term() -> None:
    """``spread`` is off, can be laid down for all models, and is each model's own to say."""
    targets = ["test:test/test"]
    models = {"a": {"targets": targets}, "b": {"targets": targets, "spread": False}}
    off = built({"models": models}).routes
    on = built({"models": models, "router": {"spread": True}})
    assert [("a", False), ("b", False)] == [(route.name, route.spread) for route in off]
    assert [("a", True), ("b", False)] == [(route.name, route.spread) for route in on.routes]
    assert on.defaults.spread


def test_the_schema_names_every_section() -> None:
    """Editors can complete all of it."""
    names = {
        "router",
        "proxy",
        "server",
        "store",
        "ledger",
        "providers",
        "models",
        "keys",
        "cache",
        "state",
        "plugins",
    }
    assert names == set(schema()["properties"])


class Nowhere:
    """A provider whose customers have addresses of their own."""

    @hookimpl
    def routercore_providers(self) -> list[Row]:
        origins = ("https://resource.gamma.invalid/v1",)
        return [Row(name="gamma", auth=bearer("GAMMA_KEY"), origins=origins)]


def test_a_provider_without_a_usual_address_needs_one() -> None:
    """A key in the environment does not send prompts to an address that nobody chose."""
    environ = {"GAMMA_KEY": "k-3"}
    contributions = load_plugins(extra=[("tests", Nowhere())])
    setup = build(parse({}, environ), contributions, environ)
    assert "gamma" not in [provider.name for provider in setup.providers]
    with pytest.raises(ConfigError, match=r"providers\.gamma\.base_url: it is missing"):
        build(parse({"providers": {"gamma": {}}}, environ), contributions, environ)
    there = {"providers": {"gamma": {"base_url": "https://mine.example"}}}
    [gamma] = [
        one
        for one in build(parse(there, environ), contributions, environ).providers
        if one.name == "gamma"
    ]
    assert ("k-3",) == gamma.keys
