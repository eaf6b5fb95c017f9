"""Options of a provider's own: what is wrong with them is told before any request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from tests.config.kit import built, problems

from routercore.config import load
from routercore.provider import NoAuth, Option, Row, hookimpl, wrong_options
from routercore.values.errors import ConfigError


def configured(options: dict[str, Any], plugin: str = "test", **more: Any) -> dict[str, Any]:
    return {"providers": {"one": {"plugin": plugin, "options": options, **more}}}


def of_target(target: str, options: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    plugin, _, model = target.partition(":")
    targets = [{"target": f"one:{model}", "options": options}]
    return {**configured(own, plugin, api_keys=[]), "models": {"poster": {"targets": targets}}}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"fail": "overloded"}, "not 'overloded'; did you mean 'overloaded'?"),
        ({"fail": ["ok", "xyz"]}, "or a list of these, not 'xyz'"),
        ({"latncy": 1}, "is none of the test provider's options; did you mean 'latency'?"),
        ({"latency": "1s"}, "takes seconds from 0 to 3600, not '1s'"),
        ({"fail_rate": 3}, "takes a number from 0 to 1, not 3"),
        ({"refuse": "yes"}, "takes true or false, not 'yes'"),
    ],
)
def test_a_script_that_cannot_be_played(options: dict[str, Any], problem: str) -> None:
    """The test provider's scripts are checked with the configuration, each option at its place."""
    (told,) = problems(configured(options))
    (name,) = options
    assert told.startswith(f"providers.one.options.{name}: ")
    assert told.endswith(problem)


def test_all_wrong_options_are_told_at_once() -> None:
    """Each wrong option of a provider and of a target is told, besides what else is wrong."""
    document = of_target("test:test/test", {"images": -1}, {"fail": "x", "job": 1})
    document["router"] = {"deadlin": "1s"}
    assert [
        "models.poster.targets.0.options.images",
        "providers.one.options.fail",
        "providers.one.options.job",
        "router.deadlin",
    ] == sorted(told.partition(": ")[0] for told in problems(document))


class Careless(Row):
    """Trips over what it should check, and is its own plugin."""

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        raise KeyError(*options.values())

    @hookimpl
    def routercore_providers(self) -> list[Row]:
        return [self]


def test_a_provider_that_cannot_check_them() -> None:
    """It is told with its place like any other problem, and no value of theirs is repeated."""
    careless = Careless(name="careless", auth=NoAuth(), origins=("https://api.example.com",))
    document = {"providers": {"careless": {"options": {"token": "canary"}}}}
    with pytest.raises(ConfigError) as caught:
        load(document, {}, [("careless", careless)])
    assert (
        "providers.careless.options: 'careless' cannot check them (KeyError);"
        " that is a mistake in its plugin",
    ) == tuple(caught.value.problems)


def test_a_target_does_not_repeat_what_its_provider_says() -> None:
    """What is wrong in a provider's table is told there alone."""
    document = of_target("test:test/test", {"latency": 1}, {"fail": "x"})
    assert ["providers.one.options.fail"] == [t.partition(": ")[0] for t in problems(document)]


GRAPH = {"6": {"inputs": {"text": ""}}}


@pytest.mark.parametrize(
    ("plugin", "options", "problem"),
    [
        ("amazon-bedrock", {"inference_profile": 1}, "inference_profile: it takes text, not 1"),
        ("automatic1111", {"override_settings": "x"}, "override_settings: it takes a table"),
        ("azure-openai", {"deploymnt": "x"}, "there is no such option; did you mean 'deployment'?"),
        ("bytedance-seedream", {"sequential_image_generation": "on"}, "it takes auto, disabled"),
        ("cloudflare-workers-ai", {"account_id": 5}, "account_id: it takes text, not 5"),
        ("google", {"imageConfig": []}, "imageConfig: it takes a table"),
        ("huggingface", {"bill_to": True}, "bill_to: it takes text, not True"),
        ("luma", {"reference": "styl"}, "not 'styl'; did you mean 'style'?"),
        ("runware", {"deliveryMethod": "assync"}, "did you mean 'async'?"),
        ("sdcpp", {"strength": "much"}, "strength: it takes a number, not 'much'"),
        ("stability", {"search_prompt": 1}, "search_prompt: it takes text, not 1"),
        ("comfyui", {"workflow": "{"}, "workflow: the workflow is not JSON"),
        ("comfyui", {"workflow": {"nodes": []}}, "workflow: the workflow is in the editor's"),
        ("comfyui", {"slots": {"prompt": "text"}}, "not a node, a dot and an input"),
        ("comfyui", {"outputs": "9"}, "outputs: it takes a list of nodes"),
        (
            "comfyui",
            {"workflow": GRAPH, "slots": {"prompt": "7.text"}},
            "slots: slot 'prompt' leads to '7.text', and there is no such node",
        ),
        (
            "comfyui",
            {"workflow": GRAPH, "slots": {"steps": "6.steps"}, "step": 4},
            "step: the workflow has no slot for it; did you mean 'steps'?",
        ),
    ],
)
def test_what_a_plugin_reads_itself(plugin: str, options: dict[str, Any], problem: str) -> None:
    """Every plugin's own options are checked; the message has the place and what would be right."""
    base = {"base_url": "https://x.openai.azure.com/openai/v1"} if "azure" in plugin else {}
    (told,) = problems(configured(options, plugin, api_keys=[], **base))
    assert told.startswith("providers.one.options.")
    assert problem in told


@pytest.mark.parametrize("plugin", ["openai", "fal", "stability", "google", "test"])
def test_the_vendors_own_options_are_passed_on(plugin: str) -> None:
    """An option that no plugin declares is the vendor's to judge."""
    options: dict[str, Any] = {"latency": 1} if plugin == "test" else {"safety_tolerance": 5}
    setup = built(configured(options, plugin, api_keys=[]))
    assert options == dict(setup.providers[0].options)


def test_slots_and_workflow_may_come_apart() -> None:
    """A target may bring the slots for its provider's workflow; both are looked at together."""
    good = of_target("comfyui:workflow", {"slots": {"prompt": "6.text"}}, {"workflow": GRAPH})
    assert built(good).routes
    bad = of_target("comfyui:workflow", {"slots": {"prompt": "7.text"}}, {"workflow": GRAPH})
    (told,) = problems(bad)
    assert told.startswith("models.poster.targets.0.options.slots: slot 'prompt' leads to '7.text'")


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        (Option(), "x", None),
        (Option(), 1, "it takes text, not 1"),
        (Option(kinds=(float,)), 1, None),
        (Option(kinds=(float,)), True, "it takes a number, not True"),
        (Option(kinds=(int,)), 1.5, "it takes a whole number, not 1.5"),
        (Option(kinds=(int, str)), [], "it takes a whole number or text, not []"),
        (Option(kinds=(float,), at_least=0, at_most=1), -1, "it is at least 0, not -1"),
        (Option(kinds=(float,), at_least=0, at_most=1), 1.5, "it is at most 1, not 1.5"),
        (Option(kinds=(float,), at_least=0), float("nan"), "it is at least 0, not nan"),
        (Option(kinds=(list,)), (), None),
        (Option(kinds=(dict,)), {}, None),
        (Option(words=("low", "high")), "hihg", "it takes low, high, not 'hihg'; "
         "did you mean 'high'?"),
    ],
)  # fmt: skip
def test_what_an_option_takes(option: Option, value: object, problem: str | None) -> None:
    """A value is of the declared kind, among the words and within the bounds."""
    assert problem == option.problem(value)


def test_only_a_near_name_is_a_mistake() -> None:
    """A name like a declared one is a misspelling; any other belongs to the vendor."""
    found = list(wrong_options({"account_id": Option()}, {"acount_id": "x", "steps": 4}))
    assert [("acount_id", "there is no such option; did you mean 'account_id'?")] == found
