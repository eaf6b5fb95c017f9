"""Configuration: every mistake at once, each with its place and what would be right."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.config import build, load, parse, schema
from routercore.config.text import amount_of_bytes, duration, rate
from routercore.engine.setup import BucketSetup, LedgerSetup, RouterSetup, StoreSetup
from routercore.plugins import load_plugins
from routercore.provider import ModelCard, Row, bearer, hookimpl
from routercore.routing.policy import Hedge
from routercore.values.accounts import Prompts
from routercore.values.errors import ConfigError
from routercore.values.ledger import Budget, Period


class Plugin:
    """Two providers of the tests' own."""

    @hookimpl
    def routercore_providers(self) -> list[Row]:
        cards = (ModelCard(id="ink", aliases=("india-ink",)),)
        origin = ("https://api.example.com/v1",)
        return [
            Row(name="alpha", auth=bearer("ALPHA_KEY"), origins=origin, cards=cards),
            Row(name="beta", auth=bearer("BETA_KEY", optional=True), origins=origin, cards=cards),
        ]


def built(document: Mapping[str, Any], **environ: str) -> RouterSetup:
    return load(document, environ, [("tests", Plugin())]).setup


def problems(document: Mapping[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        built(document, **environ)
    return list(caught.value.problems)


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


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"ledger": {"url": "mysql://host/db"}}, "ledger.url: expected 'sqlite:///FILE'"),
        ({"ledger": {"prompts": "some"}}, "ledger.prompts"),
        ({"router": {"budget": {"usd": 0, "per": "day"}}}, "router.budget.usd"),
        ({"router": {"budget": {"usd": 1, "per": "year"}}}, "router.budget.per"),
        ({"router": {"budget": {"usd": 1}}}, "router.budget.per: it is missing"),
    ],
)
def test_mistaken_budgets_are_told(document: dict[str, Any], place: str) -> None:
    """A budget or ledger that cannot be meant is a mistake with its place."""
    (problem,) = problems(document)
    assert place in problem


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"ruoter": {}}, "ruoter: there is no such setting; did you mean 'router'?"),
    (
        {"router": {"deadlin": "1s"}},
        "router.deadlin: there is no such setting; did you mean 'deadline'?",
    ),
    (
        {"router": {"deadline": "soon"}},
        "router.deadline: expected a duration such as '90s', '2m' or '500ms'",
    ),
    (
        {"router": {"deadline": True}},
        "router.deadline: expected a duration such as '90s', '2m' or '500ms'",
    ),
    (
        {"router": {"strategy": "costs"}},
        "router.strategy: there is no strategy 'costs'; did you mean 'cost'?",
    ),
    (
        {"providers": {"alhpa": {}}},
        "providers.alhpa: there is no provider 'alhpa', no installed plugin has it; "
        "did you mean 'alpha'?",
    ),
    (
        {"providers": {"alpha": {}}},
        "providers.alpha: it has no api_key, and ALPHA_KEY is not set",
    ),
    (
        {"providers": {"alpha": {"api_keys": ["same-key", "same-key"]}}},
        "providers.alpha.api_keys: one key is there twice",
    ),
    (
        {"providers": {"beta": {"base_url": "ftp://x"}}},
        "providers.beta.base_url: expected a URL such as 'https://api.example.com/v1'",
    ),
    (
        {"providers": {"beta": {"limits": {"requests": "fast"}}}},
        "providers.beta.limits.requests: expected a rate of one or more, such as '50/min' or '5/s'",
    ),
    (
        {"models": {"m": {"targets": ["alpha:ink"]}}},
        "models.m.targets.0: the provider 'alpha' is not enabled; set ALPHA_KEY, or add "
        "[providers.alpha]",
    ),
    (
        {"providers": {"beta": {}}, "models": {"m": {"targets": ["beta:ikn"]}}},
        "models.m.targets.0: the provider 'beta' has no model 'ikn'; did you mean 'beta:ink'?",
    ),
    (
        {"providers": {"beta": {}}, "models": {"m": {"targets": ["bta:ink"]}}},
        "models.m.targets.0: there is no provider 'bta'; did you mean 'beta'?",
    ),
    (
        {"models": {"m": {"targets": ["test:test/test"], "fallback_models": ["nn"]}, "n": {}}},
        "models.n.targets: no provider serves 'n' by itself",
    ),
    (
        {"models": {"m": {"targets": [{"target": "test:test/test", "weight": 0}]}}},
        "models.m.targets.0.weight: it should be greater than 0",
    ),
    (
        {"keys": {"a": {"hash": "beef"}}},
        "keys.a.hash: expected a SHA-256 in hexadecimal, as `routercore keys hash` prints it",
    ),
    ({"keys": {"a": {}}}, "keys.a: expected either key or hash"),
    (
        {"keys": {"a": {"key": "long-enough"}, "b": {"key": "long-enough"}}},
        "keys.b: 'a' has the same key",
    ),
    ({"cache": {}}, "cache.ttl: it is missing"),
    ({"store": {"url": "ftp://x"}}, "store.url: expected 'file:DIRECTORY' or 's3://BUCKET/PREFIX'"),
    (
        {"store": {"url": "s3://Bucket"}},
        "store.url: expected 'file:DIRECTORY' or 's3://BUCKET/PREFIX'",
    ),
    ({"store": {"region": "eu-west-1"}}, "store: region is for url = 's3://BUCKET'"),
    (
        {"store": {"url": "file:x", "presigned": True}},
        "store: presigned is for url = 's3://BUCKET'",
    ),
    (
        {"store": {"url": "s3://pictures", "access_key_id": "AKIA"}},
        "store: access_key_id and secret_access_key go together",
    ),
    (
        {"store": {"url": "s3://pictures", "open": True, "presigned": True}},
        "store: URLs are either open or presigned",
    ),
    (
        {"providers": {"beta": {"api_key": "${NOBODY}"}}},
        "providers.beta.api_key: the environment variable NOBODY is not set",
    ),
]


@pytest.mark.parametrize(("document", "problem"), MISTAKES, ids=lambda x: str(x)[:40])
def test_a_mistake_is_named_with_its_place(document: dict[str, Any], problem: str) -> None:
    """Each mistake says where it is, what was expected, and the nearest valid name."""
    assert problem in problems(document)


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


def test_every_mistake_is_reported_at_once() -> None:
    """One run shows all of them."""
    document = {"router": {"deadlin": 1, "max_attempts": 0}, "cache": {}, "keys": {"a": {}}}
    assert 4 == len(problems(document))


def test_mistakes_of_structure_and_of_names_come_together() -> None:
    """What is wrong in itself does not hide what is only wrong once plugins are known."""
    document = {
        "router": {"deadline": "soon", "strategy": "costs"},
        "providers": {"beta": {"limits": {"requests": "fast"}}, "alhpa": {}},
        "models": {
            "m": {"targets": [7, {"target": "beta:ink", "weight": 0}, "beta:ikn", "bta:ink"]},
            "n": {"targets": ["test:test/test"], "fallback_models": ["o"], "on_refusal": "stopp"},
        },
        "keys": {"a": {"hash": "beef"}, "b": {"key": "${NOBODY}"}},
    }
    places = {problem.partition(": ")[0] for problem in problems(document)}
    assert {
        "router.deadline", "router.strategy", "providers.beta.limits.requests",
        "providers.alhpa", "models.m.targets.0", "models.m.targets.1.weight",
        "models.m.targets.2", "models.m.targets.3", "models.n.fallback_models.0",
        "models.n.on_refusal", "keys.a.hash", "keys.b.key",
    } == places  # fmt: skip


def test_a_mistake_has_no_consequences() -> None:
    """What is missing only because it was wrong is not reported as missing."""
    document = {
        "providers": {"alpha": {"api_key": 7}},
        "models": {"m": {"targets": [{"target": "ink"}]}},
        "keys": {"a": {"key": "short"}},
    }
    assert ["keys.a.key", "models.m.targets.0.target", "providers.alpha.api_key"] == sorted(
        problem.partition(": ")[0] for problem in problems(document)
    )


def test_a_mistake_in_a_file_has_its_line(tmp_path: Path) -> None:
    """Tables, dotted keys and lists of tables are found; what is inside a value by its key."""
    path = tmp_path / "routercore.toml"
    path.write_text(
        "# mine\n[router]\nmax_attempts = 0\n\n"
        '[models."a.b"]\ntargets = [\n  "test:test/test",\n  "nobody:x",\n]\n\n'
        "[[providers.test.cards]]\nid = 'fine'\n[[providers.test.cards]]\nid = 7\n"
        "[providers.test]\noptions.latency = 0\nenabled = 'perhaps'\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    found = [
        problem.removeprefix(str(path)).partition(": ")[0] for problem in caught.value.problems
    ]
    assert [":3", ":6", ":13", ":17"] == found


def test_plugins_are_not_loaded_on_a_misunderstanding() -> None:
    """Where the choice of plugins is wrong, nothing is loaded and that alone is reported first."""
    document = {"plugins": {"deny": "talkative"}, "models": {"m": {"targets": ["nobody:x"]}}}
    assert ["plugins.deny: it should be a valid tuple"] == problems(document)


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


def test_a_circle_by_way_of_an_alias() -> None:
    """An alias does not hide that a model falls back to itself."""
    targets = ["test:test/test"]
    models = {
        "a": {"targets": targets, "fallback_models": ["bee"]},
        "b": {"targets": targets, "fallback_models": ["a"], "aliases": ["bee"]},
    }
    assert "models.a.fallback_models: they lead back to 'a'" in problems({"models": models})


def test_fallback_models_must_not_go_in_circles() -> None:
    """A model that would fall back to itself, however far round, is refused."""
    targets = ["test:test/test"]
    models = {
        "a": {"targets": targets, "fallback_models": ["b"]},
        "b": {"targets": targets, "fallback_models": ["a"]},
    }
    assert "models.a.fallback_models: they lead back to 'a'" in problems({"models": models})


def test_no_secret_is_in_a_message() -> None:
    """A key of the wrong type is described without being shown."""
    found = problems({"keys": {"a": {"key": ["sk-secret-canary"]}}})
    assert not any("canary" in problem for problem in found)


def test_no_variable_is_in_a_message() -> None:
    """Where a message would repeat a value from the environment, the variable stands for it."""
    [problem] = problems({"models": {"m": {"targets": ["${WHO}:x"]}}}, WHO="canary-provider")
    assert "models.m.targets.0: there is no provider '${WHO}'" == problem


def test_one_key_for_two_callers_in_clear_and_hashed() -> None:
    """They are seen to be the same."""
    digest = hashlib.sha256(b"long-enough").hexdigest()
    keys = {"a": {"key": "long-enough"}, "b": {"hash": digest}}
    assert ["keys.b: 'a' has the same key"] == problems({"keys": keys})


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


def test_a_provider_has_no_colon_in_its_name() -> None:
    """``spare:two`` could not be asked for: ``provider:model`` splits at the first colon."""
    document = {"providers": {"spare:two": {"plugin": "alpha", "api_key": "k-2"}}}
    [problem] = problems(document)
    assert "spare:two" in problem
    assert "a name has no colon" in problem


def test_a_card_for_what_a_provider_cannot_send() -> None:
    """A configured card cannot promise a setting that would be dropped on the way."""
    cards = [{"id": "sdxl", "seed": True, "sizes": {"ratios": ["1:1"]}}]
    document = {"providers": {"alpha": {"api_key": "k-2", "cards": cards}}}
    found = problems(document)
    assert 2 == len(found), found
    assert "cards" in found[0]
    assert "'alpha' has no field to send seed in" in found[0]
    assert "'alpha' has no field to send aspect_ratio in" in found[1]


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


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    """The message names the file and the line."""
    path = tmp_path / "routercore.toml"
    path.write_text("[router\n")
    with pytest.raises(ConfigError, match=r"routercore\.toml is not TOML: .*line 1"):
        parse(path, {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        parse(tmp_path / "none.toml", {})


def test_the_schema_names_every_section() -> None:
    """Editors can complete all of it."""
    names = {
        "router",
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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("1.5m", 90.0), ("500ms", 0.5), ("2h", 7200.0), (3, 3.0), ("1d", 86_400.0)],
)
def test_durations(text: object, seconds: float) -> None:
    """Units from milliseconds to days; a bare number is seconds."""
    assert seconds == duration(text)


@pytest.mark.parametrize(
    ("text", "count"), [("512MiB", 2**29), ("20MB", 20_000_000), (7, 7), ("1 GiB", 2**30)]
)
def test_amounts_of_bytes(text: object, count: int) -> None:
    """Decimal and binary units; a bare number is bytes."""
    assert count == amount_of_bytes(text)


@pytest.mark.parametrize("text", ["0", "0.1", "0.4B", "9" * 400, "20 MB/s"])
def test_no_amounts_of_bytes(text: str) -> None:
    """Less than a byte, and more than can be, is no amount."""
    with pytest.raises(ValueError, match="expected an amount of bytes"):
        amount_of_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50/min", (50.0, 60.0)), ("5/s", (5.0, 1.0)), ("20/10s", (20.0, 10.0)),
     ("1000 per day", (1000.0, 86_400.0))],
)  # fmt: skip
def test_rates(text: str, expected: tuple[float, float]) -> None:
    """So many in so long."""
    assert expected == rate(text)


@given(st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.floats(), st.none()))
def test_readers_return_or_raise_value_error(value: object) -> None:
    """Whatever stands there, a reader gives something positive or says that it is wrong."""
    for reader in (duration, amount_of_bytes):
        with contextlib.suppress(ValueError):
            assert reader(value) > 0


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
