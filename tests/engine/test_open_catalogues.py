"""Names that no card lists, and names that only their provider answers to."""

from __future__ import annotations

import pytest

from routercore.engine.models import Catalogue
from routercore.engine.setup import ProviderSetup, RouterSetup
from routercore.provider import WILDCARD, ModelCard, Row, bearer
from routercore.values.errors import ModelNotFoundError

OPEN = Row(
    name="open",
    auth=bearer("K"),
    origins=("https://open.example/v1",),
    cards=(
        ModelCard(id="test/test", is_public=False),
        ModelCard(id="listed", aliases=("also",)),
        ModelCard(id=WILDCARD, max_n=7),
    ),
)
HOME = Row(name="home", auth=OPEN.auth, origins=OPEN.origins, cards=(ModelCard(id="test/test"),))
CATALOGUE = Catalogue(
    RouterSetup(providers=tuple(ProviderSetup(name=row.name, provider=row) for row in (OPEN, HOME)))
)


def served_by(model: str) -> list[str]:
    _, targets = CATALOGUE.find(model)
    return [target.name for target in targets]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("test/test", ["home:test/test"]),
        ("open:test/test", ["open:test/test"]),
        ("listed", ["open:listed"]),
        ("open:also", ["open:listed"]),
        ("open:vendor/new:free", ["open:vendor/new:free"]),
    ],
)
def test_names(model: str, expected: list[str]) -> None:
    """A bare name finds public cards alone; a provider's name before it finds anything it has."""
    assert expected == served_by(model)


def test_an_unlisted_model_takes_after_the_wildcard_card() -> None:
    """It has its own name everywhere, and the wildcard's capabilities."""
    _, (target,) = CATALOGUE.find("open:vendor/new")
    assert target.card == ModelCard(id="vendor/new", max_n=7)


def test_the_wildcard_is_no_model() -> None:
    """Nobody is served ``*``, and a bare name that nobody lists is unknown."""
    with pytest.raises(ModelNotFoundError):
        CATALOGUE.find(WILDCARD)
    with pytest.raises(ModelNotFoundError):
        CATALOGUE.find("vendor/new")


@pytest.mark.parametrize(
    "model",
    [
        "vendor/new?webhook=https://evil.example", "vendor/../../keys", "..", "vendor/./new",
        "vendor//new", "/new", "new/", "vendor%2F..%2Fkeys", "vendor/new#", "vendor\\..\\keys",
        "vendor/new\r\nx: y", "vendor/\x00",
    ],
)  # fmt: skip
def test_an_unlisted_name_cannot_lead_elsewhere(model: str) -> None:
    """A name that a caller makes up may become part of a URL, and says nothing there but itself."""
    with pytest.raises(ModelNotFoundError):
        CATALOGUE.find(f"open:{model}")


@pytest.mark.parametrize(
    "model",
    ["civitai:1@2", "@cf/vendor/model", "XL\\base (1.0) [abc].safetensors", "vendor/model:free"],
)
def test_names_as_vendors_make_them(model: str) -> None:
    """Signs that are in the names of models stay in them."""
    assert [f"open:{model}"] == served_by(f"open:{model}")
