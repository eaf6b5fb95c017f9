"""Loading plugins: what is wrong with one is said of that one, in words that help its author."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from routercore.config import load
from routercore.plugins import PluginChoice, PluginError, load_plugins
from routercore.provider import (
    FixedSizes,
    ModelCard,
    NoAuth,
    RatioSizes,
    Row,
    SizeRange,
    hookimpl,
    usd,
)


class Bare:
    """A provider's name, and nothing of a provider."""

    name = "bare"


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        (hookimpl(lambda: None), "it contributes nothing"),
        (lambda: [Bare()], "it contributes nothing"),
        (hookimpl(lambda: [Bare()]), "Bare is no provider: it lacks api_version, "),
        (hookimpl(lambda: [Bare]), "Bare is a class; contribute a provider made of it: Bare()"),
    ],
)
def test_a_plugin_without_a_provider_says_why(hook: Any, problem: str) -> None:
    """Whether the hook is not marked, returns nothing, or something else than providers."""
    plugin = SimpleNamespace(routercore_providers=hook)
    report = load_plugins(extra=[("odd", plugin)]).reports[-1]
    assert ("odd", True) == (report.name, (report.problem or "").startswith(problem)), report


def test_a_plugin_may_have_nothing_to_contribute() -> None:
    """An empty list is an answer; what is conditional need not fail."""
    plugin = SimpleNamespace(routercore_providers=hookimpl(lambda: [*()]))
    report = load_plugins(extra=[("empty", plugin)]).reports[-1]
    assert (None, ()) == (report.problem, report.providers)


class Declares(Row):
    """A row that declares whatever it is told."""

    __slots__ = ()

    def catalogue(self) -> Any:
        return self.extra["catalogue"]


def declaring(*catalogue: Any, name: Any = "odd") -> Any:
    row = Declares(name=name, auth=NoAuth(), origins=("http://127.0.0.1:9",),
                   extra={"catalogue": catalogue})  # fmt: skip
    return SimpleNamespace(routercore_providers=hookimpl(lambda: [row]))


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (declaring({"id": "m"}), "the catalogue of provider 'odd' has a dict where a ModelCard"),
        (declaring(None), "the catalogue of provider 'odd' has a NoneType where a ModelCard"),
        (declaring(ModelCard(id="")), "the catalogue of provider 'odd' has a card whose id is ''"),
        (declaring(ModelCard(id="m"), name="a:b"), "the name 'a:b' of a provider is empty, or no"),
        (declaring(ModelCard(id="m"), name=None), "the name None of a provider is empty, or no"),
    ],
)
def test_a_plugin_that_declares_nonsense_is_reported_by_name(plugin: Any, problem: str) -> None:
    """What is no card, or cannot be asked for, breaks one plugin, not the router."""
    loaded = load_plugins(extra=[("odd", plugin)])
    report = loaded.reports[-1]
    assert ("odd", True) == (report.name, (report.problem or "").startswith(problem)), report
    assert "test" in loaded.providers
    assert not {"odd", "a:b"} & set(loaded.providers)


class Etch:
    """A careful provider; each test has it with one careless member."""

    name = "etch"
    api_version = 1
    auth: Any = NoAuth()
    origins: Any = ("http://127.0.0.1:8078",)

    def catalogue(self) -> Any:
        return [ModelCard(id="etch-1")]

    def generate(self, task: Any) -> Any:
        yield

    def classify(self, response: Any) -> Any:
        return None


def etch(**members: Any) -> Any:
    provider = type("Careless", (Etch,), members)()
    return SimpleNamespace(routercore_providers=hookimpl(lambda: [provider]))


def sized(sizes: Any) -> dict[str, Any]:
    return {"catalogue": lambda self: [ModelCard(id="m", sizes=sizes)]}


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"auth": "MS_KEY"}, "the auth of provider 'etch' is a str, which cannot sign; write "
                             'bearer("MS_KEY"), Header("MS_KEY", "x-key") or NoAuth()'),
        ({"auth": "sk-canary"}, 'is a str, which cannot sign; write bearer("YOUR_API_KEY"), '),
        ({"auth": None}, "is a NoneType, which cannot sign; write bearer"),
        ({"auth": NoAuth}, "is the class NoAuth; write NoAuth()"),
        ({"auth": NoAuth(("A", "B"))}, "names a tuple where the name of one variable belongs"),
        ({"origins": "https://x.example"}, "origins of provider 'etch' is a str, not a tuple of "
                                           'URLs; write ("https://x.example",)'),
        ({"origins": {"https://x.example"}}, "origins of provider 'etch' is a set, not a tuple"),
        ({"origins": ("x.example",)}, "has the origin 'x.example', which is no URL"),
        ({"origins": ("http://[x",)}, "has the origin 'http://[x', which is no URL"),
        ({"origins": (None,)}, "has the origin None, which is no URL"),
        ({"classify": {}}, "classify of provider 'etch' is no method"),
        ({"catalogue": lambda self: ModelCard(id="m")}, "is a ModelCard, not a list of cards"),
        ({"catalogue": lambda self: 1 / 0}, "the catalogue of provider 'etch' cannot be had: Zero"),
        ({"catalogue": lambda self: [ModelCard(id="m", prices=usd("0.04"))]},
         "ValueError: card 'm': prices is a Price, not a tuple of prices; a tuple of one has a c"),
        (sized(FixedSizes(("large",))), "card 'm' in the catalogue of provider 'etch': its sizes "
                                        "cannot be read: 'large' is not a size"),
        (sized(FixedSizes(())), "its list of sizes is empty"),
        (sized(RatioSizes(ratios=())), "its list of ratios is empty"),
        (sized(RatioSizes(ratios=("wide",))), "its sizes cannot be read: 'wide' is not a ratio"),
        (sized(SizeRange(multiple_of=0)), "its sizes cannot be read: "),
    ],
)  # fmt: skip
def test_a_careless_member_breaks_one_plugin(members: Any, problem: str) -> None:
    """It is named with a cure, and what lists, enables and asks providers goes on for others."""
    configured = load({}, {}, [("odd", etch(**members))])
    report = configured.contributions.reports[-1]
    assert ("odd", True) == (report.name, problem in (report.problem or "")), report
    assert "canary" not in (report.problem or "")
    assert "test" in [provider.name for provider in configured.setup.providers]


def test_the_careful_provider_loads() -> None:
    """So that what the careless ones are refused for is their one member."""
    assert "etch" in load_plugins(extra=[("fine", etch())]).providers


class Nameless:
    """Ranks, and cannot be asked for."""

    def rank(self, *_: Any) -> tuple[Any, ...]:
        return ()


class Named(Nameless):
    """What a strategy, or an observer, must be at the least."""

    def __init__(self, name: str, mark: int = 0) -> None:
        self.name, self.mark = name, mark

    def notify(self, event: Any) -> None:
        pass


def plugin(hook: str, *things: Any) -> Any:
    return SimpleNamespace(**{f"routercore_{hook}": hookimpl(lambda: list(things))})


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (plugin("strategies", Nameless()), "Nameless is no strategy: it lacks a name or rank()"),
        (plugin("observers", Nameless()), "Nameless is no observer: it lacks notify()"),
        (
            plugin("providers", Row(name="odd", auth=NoAuth(), origins=(), cards=())),
            "provider 'odd' names no origin",
        ),
        (
            plugin(
                "providers",
                Row(name="odd", auth=NoAuth(), origins=("http://x",), cards=(), api_version=99),
            ),
            "provider 'odd' is written for version 99 of the interface; this routercore supports ",
        ),
    ],
)
def test_what_a_plugin_contributes_can_be_used(odd: Any, problem: str) -> None:
    """Else it is said what is missing, and nothing of that plugin is used."""
    report = load_plugins(extra=[("odd", odd)]).reports[-1]
    assert ("odd", True) == (report.name, (report.problem or "").startswith(problem)), report


def test_a_name_that_two_plugins_claim() -> None:
    """It is a mistake that names both, until the operator has chosen."""
    mine, theirs = Named("wise", 1), Named("wise", 2)
    extra = [("mine", plugin("strategies", mine)), ("theirs", plugin("strategies", theirs))]
    with pytest.raises(PluginError) as refused:
        load_plugins(extra=extra)
    assert all(name in str(refused.value) for name in ("wise", "mine", "theirs"))

    chosen = load_plugins(PluginChoice(prefer={"wise": "theirs"}), extra=extra)
    assert theirs is chosen.strategies["wise"]


def test_plugins_that_are_denied() -> None:
    """What is denied is not used, even where it is allowed as well."""
    extra = [("odd", plugin("strategies", Named("wise")))]
    both = PluginChoice(allow=frozenset({"odd"}), deny=frozenset({"odd"}))
    for choice, expected in ((PluginChoice(), True), (both, False)):
        assert expected == ("wise" in load_plugins(choice, extra=extra).strategies)
