"""Plugins that want one name: told by ``routercore plugins``, and settled by a setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Plug, Run

INK = """
from routercore.provider import Generated, ModelCard, NoAuth, RawImage, classify_status, hookimpl

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><text>{0}</text></svg>"

class Ink:
    name, api_version, auth, origins = "ink", 1, NoAuth(), ("http://ink.invalid",)
    classify = staticmethod(classify_status)

    def catalogue(self):
        return [ModelCard(id="blot", formats=("svg",))]

    def generate(self, task):
        yield from ()
        return Generated(images=(RawImage(data=SVG),))

@hookimpl
def routercore_providers():
    return [Ink()]
"""


@pytest.fixture(autouse=True)
def _two_inks(plug: Plug) -> None:
    plug("inkone", INK.format("one"), distribution="ink-one")
    plug("inktwo", INK.format("two"), distribution="ink-two")


CLASH = (
    "the provider 'ink' is claimed by ink-one and ink-two; set [plugins.prefer] ink = \"ink-one\""
)


def test_a_clash_is_shown_with_the_plugins(run: Run) -> None:
    """Both are listed, the clash names both and the setting, and the command ends with four."""
    ran = run("plugins")
    assert (4, True) == (ran.code, CLASH in ran.err), ran.err
    assert ["ink-one", "ink-two"] == sorted(
        word for word in ran.text.split() if word.startswith("ink-")
    )
    told = run("plugins", "--json")
    assert (4, True) == (told.code, told.json["clashes"][0].startswith(CLASH))
    assert 2 == sum(row["providers"] == ["ink"] for row in told.json["plugins"])


def test_a_clash_stops_whatever_needs_the_providers(run: Run) -> None:
    """With the same words; nobody guesses which of the two is meant."""
    ran = run("generate", "fox")
    assert (4, True) == (ran.code, CLASH in ran.err)


@pytest.mark.parametrize(
    ("setting", "word"),
    [("[plugins.prefer]\nink = 'ink-two'", "two"), ("[plugins]\ndeny = ['ink-two']", "one")],
)
def test_a_setting_resolves_it(run: Run, folder: Path, setting: str, word: str) -> None:
    """The preferred one, or the one that is not denied, serves under the name."""
    (folder / "routercore.toml").write_text(f"{setting}\n[providers.ink]\n")
    assert 0 == run("plugins").code
    ran = run("generate", "fox", "-m", "ink:blot", "-o", "fox.svg")
    assert 0 == ran.code, ran.err
    assert f"<text>{word}</text>" in (folder / "fox.svg").read_text()


def test_mistakes_elsewhere_do_not_hide_the_plugins(run: Run, folder: Path) -> None:
    """An unset variable is told of; the plugins are listed all the same."""
    (folder / "routercore.toml").write_text(
        '[plugins.prefer]\nink = "ink-one"\n[keys.team]\nkey = "${NO_SUCH_KEY_HERE}"\n'
    )
    ran = run("plugins")
    assert (0, True) == (ran.code, "inkone" in ran.text)
    said = "keys.team.key: the environment variable NO_SUCH_KEY_HERE is not set"
    assert f"warning: the configuration is wrong: routercore.toml:4: {said}\n" == ran.err
    assert [f"routercore.toml:4: {said}"] == run("plugins", "--json").json["mistakes"]


def test_a_mistake_about_plugins_stops_the_list(run: Run, folder: Path) -> None:
    """Nobody loads plugins that an operator may have meant to forbid."""
    (folder / "routercore.toml").write_text('[plugins]\nallow = ["${NO_SUCH_KEY_HERE}"]\n')
    ran = run("plugins")
    assert (4, True) == (ran.code, "NO_SUCH_KEY_HERE is not set" in ran.err)
