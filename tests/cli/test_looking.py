"""``routercore plan``, ``models``, ``providers`` and ``plugins``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.cli.conftest import Run


def test_a_plan_has_order_prices_and_rejections(run: Run) -> None:
    """The cheapest comes first, with its price; who cannot do it is named with the parameter."""
    ran = run("plan", "fox", "-m", "priced", "--size", "1024x1024")
    assert 0 == ran.code
    assert ran.text.index("backup:test/test") < ran.text.index("backup:test/paid")
    assert "$0.04" in ran.text

    rejected = run("plan", "fox", "--size", "9999x9999")
    assert 2 == rejected.code
    assert "0 of 3 targets" in rejected.text
    assert "cannot make 9999x9999" in rejected.text


def test_a_plan_as_json(run: Run) -> None:
    """Targets in order with low, expected and high price, and rejections by parameter."""
    plan = run("plan", "fox", "-m", "priced", "--json").json
    assert "cost" == plan["strategy"]
    assert ["backup:test/test", "backup:test/paid"] == [one["target"] for one in plan["targets"]]
    assert "0.04" == plan["targets"][1]["price"]["expected"]
    rejected = run("plan", "fox", "--size", "9999x9999", "--json").json["rejected"]
    assert ["size"] == [reason["param"] for reason in rejected[0]["reasons"]]


def test_a_plan_is_what_happens(run: Run) -> None:
    """The live run follows the order of the plan."""
    arguments = ("fox", "-m", "poster", "--size", "64x64", "--json")
    planned = [one["target"] for one in run("plan", *arguments).json["targets"]]
    tried = [one["target"] for one in run("generate", *arguments).json["attempts"]]
    assert planned == list(dict.fromkeys(tried))


def test_models_are_listed_once_with_prices(run: Run) -> None:
    """Each model has one row with all who serve it; a configured one has its targets."""
    rows = run("models", "--json").json["models"]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    by_name = {row["name"]: row for row in rows}
    poster = by_name["poster"]
    assert (True, ["placard"]) == (poster["configured"], poster["aliases"])
    assert {"primary", "backup", "test"} == {
        target["provider"] for target in by_name["test/paid"]["targets"]
    }
    assert "0.04" == by_name["test/paid"]["targets"][0]["price_1024x1024"]["expected"]


def test_a_model_of_an_idle_provider(run: Run, folder: Path) -> None:
    """Who would serve it is named with what is missing, by its name and behind the provider's."""
    (folder / "routercore.toml").write_text("[providers.test]\nenabled = false\n")
    for command in ("plan", "generate"):
        for model in ("test/test", "test:test/test"):
            ran = run(command, "fox", "-m", model)
            assert 2 == ran.code
            assert "test would: enabled = false in the configuration" in ran.err


def test_models_can_be_searched(run: Run) -> None:
    """A part of a name, or a pattern, picks models; none is said so."""
    assert "poster" in run("models", "post").text
    assert "test/paid" not in run("models", "post").text
    assert "test/paid" in run("models", "*/pai?").text
    assert "no model of that name" in run("models", "nothing-like-it").err


def test_providers_say_what_they_need(run: Run, folder: Path) -> None:
    """Enabled ones with their keys counted, never shown; the others with what is missing."""
    (folder / "routercore.toml").write_text(
        '[providers.primary]\nplugin = "test"\napi_key = "sk-canary"\n'
        "[providers.test]\nenabled = false\n"
    )
    ran = run("providers", "--json")
    rows = {row["name"]: row for row in ran.json["providers"]}
    assert (True, 1) == (rows["primary"]["enabled"], rows["primary"]["keys"])
    assert "enabled = false in the configuration" == rows["test"]["why_not"]
    assert "canary" not in ran.text + run("providers").text
    assert "switched off" in run("providers").text


def test_plugins_say_what_they_bring(run: Run) -> None:
    """The built-in plugins are listed like any others."""
    rows = {row["name"]: row for row in run("plugins", "--json").json["plugins"]}
    assert ["test"] == rows["providers"]["providers"]
    assert "fallback" in rows["strategies"]["strategies"]
    assert "round_robin" in run("plugins").text


def test_a_broken_plugin_is_shown(run: Run, folder: Path) -> None:
    """One that cannot be imported is named with the reason; everything else works."""
    info = folder / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[routercore]\nbroken = broken_plugin\n")
    (folder / "site" / "broken_plugin.py").write_text("raise ImportError('no such luck')\n")
    env = {"PYTHONPATH": str(folder / "site")}
    ran = run("plugins", env=env)
    assert "ImportError: no such luck" in ran.text
    assert 0 == run("generate", "fox", "--size", "64x64", env=env).code
    assert "the plugin broken is broken" in run("config", "check", env=env).err


def test_models_are_priced_as_they_are_asked(say: Run, folder: Path) -> None:
    """Options of the configuration that change what is charged change the list as they do plans."""
    with (folder / "routercore.toml").open("a") as config:
        config.write(
            "[providers.luma]\napi_key = 'x'\n"
            "[providers.several]\nplugin = 'luma'\napi_key = 'x'\noptions = {num_images = 3}\n"
            "[models.one]\ntargets = ['luma:photon-flash-1']\n"
            "[models.two]\ntargets = ["
            "{ target = 'luma:photon-flash-1', options = {num_images = 2} }]\n"
            "[models.three]\ntargets = ['several:photon-flash-1']\n"
        )
    rows = {row["name"]: row for row in say("models", "--json").json["models"]}
    highest = []
    for name in ("one", "two", "three"):
        (listed,) = rows[name]["targets"]
        (planned,) = say("plan", "x", "-m", name, "--size", "1024x1024", "--json").json["targets"]
        price = listed["price_1024x1024"]
        assert {key: planned["price"][key] for key in price} == price
        highest.append(Decimal(price["high"]))
    assert [highest[0] * times for times in (1, 2, 3)] == highest


SECRETS = """
[providers.vendor]
plugin = "openai"
api_keys = ["${VENDOR_KEY}", "${SECOND_KEY}"]

[providers.openai]

[store]
secret = "${STORE_KEY}"

[models.drawn]
targets = ["vendor:gpt-image-2", "openai:gpt-image-2"]

[keys.team-a]
key = "${TEAM_A_KEY}"

[keys.team-b]
hash = "${TEAM_B_KEY}"
"""


def test_what_asks_nobody_needs_no_secrets(folder: Path, say: Run) -> None:
    """Plans, prices and the ledger are told where no key is set; nothing is made or checked so."""
    config = folder / "routercore.toml"
    config.write_text(config.read_text() + SECRETS)

    planned = say("plan", "fox", "-m", "drawn", "--json")
    others = [say("estimate", "fox", "-m", "drawn"), say("usage"), say("log"),
              say("ledger", "audit"), say("ledger", "reconcile")]  # fmt: skip
    refused = [say("config", "check"), say("generate", "fox", "-m", "poster"), say("serve")]

    names = [one["target"] for one in planned.json["targets"]]
    assert ["vendor:gpt-image-2", "openai:gpt-image-2"] == names
    assert [0] * 5 == [ran.code for ran in others]
    unset = "keys.team-a.key: the environment variable TEAM_A_KEY is not set"
    assert [True] * 3 == [ran.code != 0 and unset in ran.err for ran in refused]


def test_what_is_no_secret_has_to_be_set(folder: Path, say: Run) -> None:
    """Where the ledger is must be known, and a key that may not go there is a mistake as ever."""
    config = folder / "routercore.toml"
    elsewhere = '[providers.openai]\nbase_url = "https://elsewhere.example/v1"\n'
    config.write_text(config.read_text() + elsewhere + '[ledger]\nurl = "${LEDGER_KEY}"\n')

    ran = say("log")

    assert 4 == ran.code
    assert "ledger.url: the environment variable LEDGER_KEY is not set" in ran.err
    assert "OPENAI_API_KEY is not sent to another base_url by itself" in ran.err
