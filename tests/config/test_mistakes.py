"""Configuration: every mistake at once, each with its place and what would be right."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.config.kit import problems

from routercore.config import load, parse
from routercore.provider import hookimpl
from routercore.testing.providers import ScriptedProvider
from routercore.values.catalogue import ModelCard
from routercore.values.errors import ConfigError


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
        {"router": {"hedge": {"after": "20s", "max_extra": 1}}},
        "router.hedge: there is no such setting; it belongs to a model, in [models.NAME]",
    ),
    (
        {"models": {"art": {"targets": ["test:test/test"], "max_attempts": 2}}},
        "models.art.max_attempts: there is no such setting; it holds for all models, in [router]",
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
        {"server": {"default_model": "test/tst"}},
        "server.default_model: no enabled provider serves the model 'test/tst'; did you mean"
        " 'test/test', 'test:test/test', 'test/slow'?",
    ),
    (
        {"providers": {"test": {"api_key": "first-key", "api_keys": ["second-key"]}}},
        "providers.test.api_keys: there is api_key as well; keep one of the two",
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
        {"providers": {"beta": {"limits": {"concurrency": "x"}}}},
        "providers.beta.limits.concurrency: it should be a whole number",
    ),
    ({"providers": {"beta": {"options": 5}}}, "providers.beta.options: it should be a table"),
    (
        {"providers": {"beta": {"enabled": "?"}}},
        "providers.beta.enabled: it should be true or false",
    ),
    ({"server": {"port": 99_999}}, "server.port: it should be at most 65535"),
    ({"server": {"port": 0.5}}, "server.port: it should be a whole number"),
    (
        {"keys": {"a": {"hash": "beef"}}},
        "keys.a.hash: expected a SHA-256 in hexadecimal, as `routercore keys hash` prints it",
    ),
    ({"keys": {"a": {}}}, "keys.a: expected either key or hash"),
    (
        {"providers": {"beta": {"limits": {"requests": "5/0s"}}}},
        "providers.beta.limits.requests: expected a rate over more than no time, such as '50/min'",
    ),
    (
        {
            "models": {
                "a": {"targets": ["test:test/test"], "aliases": ["b"]},
                "b": {"targets": ["test:test/test"]},
            }
        },
        "models.a.aliases: 'b' is a name of the model 'b'",
    ),
    (
        {"models": {"a": {"targets": ["test:test/test"], "aliases": ["a"]}}},
        "models.a.aliases: 'a' is a name of the model 'a'",
    ),
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
    assert [":3", ":6", ":14", ":17"] == found


def test_plugins_are_not_loaded_on_a_misunderstanding() -> None:
    """Where the choice of plugins is wrong, nothing is loaded and that alone is reported first."""
    document = {"plugins": {"deny": "talkative"}, "models": {"m": {"targets": ["nobody:x"]}}}
    assert ["plugins.deny: it should be a list"] == problems(document)


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


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128", "socks5://proxy.example:1080", "http://proxy.example", "http://:3128",
        "http://me:canary@proxy.example:port", "http://proxy.example:3128/path", "",
        "http://me:p[canary]word@proxy.example:3128", "http://proxy.example:99999",
    ],
)  # fmt: skip
def test_a_proxy_that_is_none(url: str) -> None:
    """A proxy has a host and a port, and what is wrong with it is told without its password."""
    [problem] = problems({"proxy": {"url": url}})
    expected = "expected 'http://HOST:PORT', or with 'USER:PASSWORD@' before the host"
    assert f"proxy.url: {expected}" == problem


def test_no_variable_is_in_a_message() -> None:
    """Where a message would repeat a value from the environment, the variable stands for it."""
    [problem] = problems({"models": {"m": {"targets": ["${WHO}:x"]}}}, WHO="canary-provider")
    assert "models.m.targets.0: there is no provider '${WHO}'" == problem


def test_one_key_for_two_callers_in_clear_and_hashed() -> None:
    """They are seen to be the same."""
    digest = hashlib.sha256(b"long-enough").hexdigest()
    keys = {"a": {"key": "long-enough"}, "b": {"hash": digest}}
    assert ["keys.b: 'a' has the same key"] == problems({"keys": keys})


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


def test_a_circle_that_others_lead_to() -> None:
    """Only the models of the circle are told of it, and looking for it comes to an end."""
    targets = ["test:test/test"]
    models = {
        "in": {"targets": targets, "fallback_models": ["a"]},
        "a": {"targets": targets, "fallback_models": ["b"]},
        "b": {"targets": targets, "fallback_models": ["a"]},
    }
    assert {"models.a.fallback_models", "models.b.fallback_models"} == {
        problem.partition(": ")[0] for problem in problems({"models": models})
    }


def test_a_target_of_a_provider_that_is_wrong_itself() -> None:
    """Its own table says what is wrong; what follows from that is not told."""
    document = {
        "providers": {"spare": {"plugin": 7}},
        "models": {"m": {"targets": ["spare:ink"]}},
    }
    assert ["providers.spare.plugin"] == [
        problem.partition(": ")[0] for problem in problems(document)
    ]


def test_a_provider_whose_plugin_is_broken() -> None:
    """It is said what is wrong with the plugin, not that there is none."""
    broken = SimpleNamespace(routercore_providers=hookimpl(lambda: [7]))
    with pytest.raises(ConfigError, match=r"providers\.odd: .*its plugin is broken: int is no"):
        load({"providers": {"odd": {}}}, {}, [("odd", broken)])


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (
            hookimpl(lambda: SimpleNamespace()),
            "routercore_providers returns one SimpleNamespace, not",
        ),
        (lambda: [7], "it contributes nothing"),
        (hookimpl(lambda: [7]), "int is no provider: it lacks "),
    ],
)
@pytest.mark.parametrize("name", ["mine", "routercore-kiln"])
def test_what_is_broken_is_told_beside_a_provider_that_is_not_there(
    hook: Any, why: str, name: str
) -> None:
    """Whoever looks for a provider learns which plugin might have brought it, and what it has."""
    broken = SimpleNamespace(routercore_providers=hook)
    with pytest.raises(ConfigError) as caught:
        load({"providers": {"kiln": {}}}, {}, [(name, broken)])
    [problem] = caught.value.problems
    assert "providers.kiln: there is no provider 'kiln', " in problem
    assert f"plugin{' ' + repr(name) if name == 'mine' else ''} is broken: {why}" in problem


def test_every_mistake_in_a_card_is_told() -> None:
    """Each with its field's place, and with a name that there is."""
    cards = [{"id": "m", "qualites": ["low"], "operations": ["generat"], "max_n": 0}]
    place = "providers.test.cards.0"
    assert [
        f"{place}.qualites: a card has no field 'qualites'; did you mean 'qualities'?",
        f"{place}.operations: there is no 'generat' here; did you mean 'generate'?",
        f"{place}.max_n: 0 is less than 1",
    ] == problems({"providers": {"test": {"cards": cards}}})


def test_chat_is_for_those_who_speak_it() -> None:
    """A card by chat is refused where the provider is no service of the compatible kind."""
    cards = [{"id": "m", "by_chat": True}]
    found = problems({"providers": {"test": {"cards": cards}}})
    assert any("'test' does not speak chat completions" in problem for problem in found), found


def test_a_setting_like_no_other() -> None:
    """Where none has a name near to it, all that there are are told."""
    [problem] = problems({"cache": {"ttl": "1h", "zzzzzzzz": 1}})
    names = "max_bytes, only_seeded, ttl"
    assert f"cache.zzzzzzzz: there is no such setting; it takes {names}" == problem


@pytest.mark.parametrize(
    ("patterns", "doubts"),
    [
        (["*"], []),
        (["test/*", "test:test/test", "poster", "placard"], []),
        (["poster", "postr"], ["no model is named 'postr'; did you mean 'poster'?"]),
        (["nobody-*"], ["no model is named 'nobody-*'"]),
        (["any:whatever/it-is", "any:vendor/*"], []),
        (["one:whatever/it-is"], ["no model is named 'one:whatever/it-is'"]),
    ],
)
def test_patterns_that_match_no_model(patterns: list[str], doubts: list[str]) -> None:
    """They are no mistake, for models may come later; what is likely one is told with its place."""
    plugin = SimpleNamespace(routercore_providers=hookimpl(lambda: [
        ScriptedProvider(name="any", cards=(ModelCard(id="*"),)),
        ScriptedProvider(name="one", cards=(ModelCard(id="ink"),)),
    ]))  # fmt: skip
    document = {
        "providers": {"any": {"api_keys": []}, "one": {"api_keys": []}},
        "models": {"poster": {"targets": ["test:test/test"], "aliases": ["placard"]}},
        "keys": {"a": {"key": "longer-than-eight", "models": patterns}},
    }
    loaded = load(document, {}, [("them", plugin)])
    place = f"keys.a.models.{len(patterns) - 1}"
    assert [f"{place}: {doubt}" for doubt in doubts] == list(loaded.warnings)


def test_a_key_that_has_expired() -> None:
    """It is no mistake, and told with its place; one that is still good is not."""
    keys = {
        "old": {"key": "longer-than-eight", "expires": "2020-01-01"},
        "new": {"key": "longer-than-that", "expires": "9000-01-01"},
    }
    loaded = load({"keys": keys}, {})
    assert ("keys.old.expires: the key has expired and lets nobody in",) == loaded.warnings
