"""The recorded exchanges and the cards of the imagerouter plugin."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from routercore.provider import (
    AnySize,
    FixedSizes,
    HttpResponse,
    ModelCard,
    Operation,
    Provider,
    Size,
)
from routercore.testing.flows import play
from routercore.testing.transcripts import replay
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import Basis, Estimate, estimate
from routercore_imagerouter import IMAGEROUTER, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(IMAGEROUTER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert provider.name == "imagerouter"


def discovered(listing: Any) -> dict[str, ModelCard]:
    """The cards of a model list, and the claim that it was asked for beside the API's root."""
    reply = HttpResponse(status=200, body=json.dumps(listing).encode())
    flow = IMAGEROUTER.discover(IMAGEROUTER.origins[0])
    played = play(IMAGEROUTER, flow, [reply])
    (request,) = played.requests
    assert request.url == "https://api.imagerouter.io/v1/models?type=image&limit=1000"
    return {card.id: card for card in played.result}


FLUX = {
    "aliases": ["flux-2"],
    "output": ["image"],
    "supported_params": {"quality": False, "edit": True, "mask": False},
    "sizes": ["1024x1024", "1536x1024"],
    "release_date": "2025-11-25",
    "providers": [
        {
            "id": "runware",
            "pricing": {
                "type": "post_generation",
                "range": {"min": 0.02, "average": 0.03, "max": 0.05},
            },
        }
    ],
}
VIDEO = {"output": ["video"], "pricing": {"type": "fixed", "value": 0.4}}


@pytest.mark.parametrize(
    "listing",
    [
        {"bfl/flux-2": FLUX, "some/video": VIDEO},
        [{"id": "bfl/flux-2", **FLUX}, {"id": "some/video", **VIDEO}],
        {"data": [{"id": "bfl/flux-2", **FLUX}, {"id": "some/video", **VIDEO}]},
    ],
    ids=["object", "list", "data"],
)
def test_discovery_reads_labels_sizes_and_prices(listing: Any) -> None:
    """A listed model's card says what its labels say, whatever the shape of the list."""
    cards = discovered(listing)
    assert list(cards) == ["bfl/flux-2"]
    card = cards["bfl/flux-2"]
    assert card.operations == {Operation.GENERATE, Operation.EDIT}
    assert card.qualities == ()
    assert card.sizes == FixedSizes(("1024x1024", "1536x1024"))
    assert card.released == date(2025, 11, 25)
    assert card.aliases == ("flux-2",)


def test_a_listed_range_of_prices_makes_an_estimate_with_ends() -> None:
    """An average with a least and a most is an estimate, not a price of a table."""
    card = discovered({"bfl/flux-2": FLUX})["bfl/flux-2"]
    guess = estimate(card, Settings(prompt="a heron", size=Size(1024, 1024), n=2))
    expected = Estimate(
        low=Decimal("0.04"),
        expected=Decimal("0.06"),
        high=Decimal("0.10"),
        basis=Basis.ESTIMATE,
    )
    assert expected == guess


@pytest.mark.parametrize(
    ("pricing", "expected"),
    [
        ({"pricing": {"type": "fixed", "value": 0.04}}, Decimal("0.04")),
        ({"pricing": {"type": "fixed", "value": 0}}, Decimal(0)),
        ({"price": {"min": 0.01, "average": 0.02, "max": 0.03}}, Decimal("0.02")),
        ({"pricing": {"type": "calculated", "range": {}}}, None),
        ({"pricing": "free"}, None),
        ({"pricing": {"value": -1}}, None),
        ({}, None),
    ],
)
def test_listed_prices(pricing: Any, expected: Decimal | None) -> None:
    """A price is read in every known shape; one that is not there is unknown, never zero."""
    card = discovered({"a/b": {"sizes": ["custom"], "release_date": "soon", **pricing}})["a/b"]
    assert expected == estimate(card, Settings(prompt="a heron", quality="low")).expected
    assert card.sizes == AnySize()
    assert card.released is None


@pytest.mark.parametrize(
    ("id", "sizes", "expected"),
    [
        ("a/b:free", ["custom"], "1024x1024"),
        ("a/b:free", ["1024x1024", "1536x1536"], "1024x1024"),
        ("a/b:free", ["1536x1536"], "1024x1024"),
        ("a/b", ["custom"], "1536x1536"),
        ("a/b", ["1024x1024", "1536x1536"], "1536x1536"),
    ],
)
def test_free_models_draw_small(id: str, sizes: list[str], expected: str) -> None:
    """A free model is asked for no more than its service lets it draw, and that is told."""
    card = discovered({id: {"output": ["image"], "sizes": sizes}})[id]
    request = ImageRequest(model=id, prompt="a heron", size=Size(1536, 1536))
    found = check(card, request, date(2026, 11, 21))
    assert isinstance(found, Fit)
    assert (expected, expected != "1536x1536") == (str(found.request.size), bool(found.warnings))


def test_a_free_variant_is_a_model_of_its_own() -> None:
    """It has its whole name and no other, and costs nothing; the paid model is not called so."""
    paid = {"output": ["image"], "pricing": {"type": "fixed", "value": 0.04}}
    free = {"output": ["image"], "pricing": {"type": "fixed", "value": 0}}
    cards = discovered({"a/b": paid, "a/b:free": free})
    assert {"a/b": ("a/b",), "a/b:free": ("a/b:free",)} == {
        id: card.names for id, card in cards.items()
    }
    costs = [estimate(card, Settings(prompt="a heron")).expected for card in cards.values()]
    assert [Decimal("0.04"), Decimal(0)] == costs


def test_the_free_model_costs_nothing_and_is_not_found_by_its_bare_name() -> None:
    """``test/test`` without a provider is the embedded one, and no prompt leaves the machine."""
    card = discovered({"test/test": {"output": ["image"]}})["test/test"]
    assert not card.is_public
    assert estimate(card, Settings(prompt="a heron")).expected == Decimal(0)
