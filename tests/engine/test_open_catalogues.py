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
