"""Cards declared as plain data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from routercore.provider import (
    AnySize,
    FixedSizes,
    Form,
    InputSize,
    MaskPolarity,
    ModelCard,
    Operation,
    Per,
    Price,
    RatioSizes,
    SizeRange,
    card_from,
)
from routercore.provider.cards import read_card


def test_a_whole_card() -> None:
    """Every kind of field is read from the values that TOML has."""
    declared = {
        "id": "sdxl",
        "name": "sdxl-1.0",
        "operations": ["generate", "inpaint"],
        "sizes": ["1024×1024", "512x512"],
        "qualities": ["fast", "fine"],
        "forms": ["url", "base64"],
        "url_lifetime": 60,
        "choose_format": False,
        "max_n": 4,
        "mask": "white",
        "accepts": ["user"],
        "prices": [{"usd": "0.002"}, {"usd": 0.5, "per": "text_in"}],
        "shutdown": date(2027, 1, 1),
        "released": "2025-01-01",
        "successor": "flux",
    }
    expected = ModelCard(
        id="sdxl",
        name="sdxl-1.0",
        operations=frozenset({Operation.GENERATE, Operation.INPAINT}),
        sizes=FixedSizes(("1024x1024", "512x512")),
        qualities=("fast", "fine"),
        forms=(Form.URL, Form.BASE64),
        url_lifetime=60.0,
        choose_format=False,
        max_n=4,
        mask=MaskPolarity.WHITE,
        accepts=frozenset({"user"}),
        prices=(Price(Decimal("0.002")), Price(Decimal("0.5"), Per.TEXT_IN)),
        shutdown=date(2027, 1, 1),
        released=date(2025, 1, 1),
        successor="flux",
    )
    assert expected == card_from(declared)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"min_edge": 256, "multiple_of": 8}, SizeRange(min_edge=256, multiple_of=8)),
        (
            {"ratios": ["1:1", "16:9"], "tiers": ["1K"]},
            RatioSizes(ratios=("1:1", "16:9"), tiers=("1K",)),
        ),
    ],
)
def test_sizes_as_a_table(sizes: Any, expected: Any) -> None:
    """A table is a range, or ratios where it has some."""
    assert expected == card_from({"id": "m", "sizes": sizes}).sizes


def test_sizes_of_an_operation() -> None:
    """A table has a rule for each operation with one of its own; words stand for the plain ones."""
    card = card_from(
        {
            "id": "m",
            "operations": ["generate", "edit", "inpaint"],
            "sizes": ["1024x1024"],
            "operation_sizes": {"edit": ["512x512"], "inpaint": "input"},
        }
    )
    rules = [card.sizes_of(operation) for operation in Operation]
    assert [FixedSizes(("1024x1024",)), FixedSizes(("512x512",)), InputSize()] == rules
    assert AnySize() == card_from({"id": "m", "sizes": "any"}).sizes


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "needs an 'id'"),
        ({"id": "m", "colour": 1}, "no field 'colour'"),
        ({"id": "m", "max_n": "four"}, "'max_n' of the card 'm'"),
        ({"id": "m", "max_n": True}, "'max_n'"),
        ({"id": "m", "max_n": -1}, "'max_n'"),
        ({"id": "m", "max_n": 0}, "'max_n'"),
        ({"id": "m", "formats": []}, "'formats'"),
        ({"id": "m", "sizes": []}, "'sizes'"),
        ({"id": "m", "sizes": "large"}, "expected any or input"),
        ({"id": "m", "operation_sizes": {"paint": "any"}}, "'operation_sizes'"),
        ({"id": "m", "operation_sizes": {"generate": []}}, "'operation_sizes'"),
        ({"id": "m", "operation_sizes": {"edit": "input"}}, "what it does not do: edit"),
        ({"id": "m", "sizes": {"ratios": []}}, "'sizes'"),
        ({"id": "m", "sizes": {"multiple_of": 0}}, "'sizes'"),
        ({"id": "m", "sizes": {"max_edge": "1024"}}, "'sizes'"),
        ({"id": "m", "sizes": {"default": "big"}}, "'sizes'"),
        ({"id": "m", "prices": [{"usd": "1", "size": "big"}]}, "'prices'"),
        ({"id": "m", "latency": "soon"}, "'latency'"),
        ({"id": "m", "name": 3}, "'name'"),
        ({"id": "m", "operations": ["paint"]}, "'operations'"),
        ({"id": "m", "operations": "generate"}, "'operations'"),
        ({"id": "m", "sizes": ["big"]}, "'sizes'"),
        ({"id": "m", "sizes": {"ratios": ["wide"]}}, "'sizes'"),
        ({"id": "m", "sizes": {"smallest": 3}}, "'sizes'"),
        ({"id": "m", "prices": [{"per": "image"}]}, "'prices'"),
        ({"id": "m", "prices": [{"usd": "1", "colour": "x"}]}, "'prices'"),
        ({"id": "m", "seed": "yes"}, "'seed'"),
        ({"id": "m", "shutdown": "soon"}, "'shutdown'"),
        ({"id": "m", "accepts": ["colour"]}, "'accepts' of the card 'm': there is no 'colour'"),
        ({"id": "m", "sizes": {"ratios": ["1:1"], "default_ratio": "wide"}}, "'sizes'"),
        ({"id": "m", "sizes": {"ratios": ["1:1"], "tiers": 1}}, "'sizes'"),
        ({"id": "m", "prices": [{"usd": "1", "quality": 3}]}, "whose quality is 3, not a text"),
    ],
)
def test_mistakes_are_named(declared: Any, message: str) -> None:
    """A wrong field is refused by name."""
    with pytest.raises(ValueError, match=message):
        card_from(declared)


def test_every_mistake_is_told_at_once() -> None:
    """Each by its field, with the nearest name that there is, and in words of no programming."""
    declared = {
        "qualites": ["low"],
        "operations": ["generat", "edti", "paint"],
        "sizes": {"max_egde": 512},
        "prices": [{"usd": "1", "pre": "image"}, {"usd": "1", "per": "imagee"}],
        "accepts": ["stile"],
        "mask": "whit",
        "max_n": "4",
    }
    mistakes = read_card(declared)
    assert isinstance(mistakes, list)
    assert {
        (): "a card needs an 'id', the model's name at the provider",
        ("qualites",): "a card has no field 'qualites'; did you mean 'qualities'?",
        ("operations",): "there is no 'generat' here; did you mean 'generate'?; "
        "there is no 'edti' here; did you mean 'edit'?; "
        "there is no 'paint' here; did you mean 'inpaint'?",
        ("sizes",): "there is no 'max_egde' here; did you mean 'max_edge'?",
        ("prices",): "there is no 'pre' here; did you mean 'per'?; "
        "there is no 'imagee' here; did you mean 'image'?",
        ("accepts",): "there is no 'stile' here; did you mean 'style'?",
        ("mask",): "there is no 'whit' here; did you mean 'white'?",
        ("max_n",): "it should be a whole number, not '4'",
    } == dict(mistakes)
    with pytest.raises(ValueError, match=r"'qualities'\?; 'operations' of the card None: there"):
        card_from(declared)
