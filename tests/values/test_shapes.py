"""Cards and sizes hold what their fields say, or are refused where they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from routercore.provider import (
    FixedSizes,
    Form,
    ModelCard,
    Operation,
    Per,
    Price,
    RatioSizes,
    SizeRange,
    usd,
)

COMMA = "a tuple of one has a comma: "
ONE: Any = "512x512"
NOT_TEXTS = f"not a tuple of texts; {COMMA}"


def priced(*fields: Any) -> Price:
    """A price, of whatever it is told."""
    return Price(*fields)


def as_pattern(said: str) -> str:
    """The words as they are; a dollar sign at the end stands for the end."""
    return re.escape(said.removesuffix("$")) + "$" * said.endswith("$")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": 7}, "card 7: id is 7, not a text"),
        ({"sizes": ("512x512",)}, "sizes is a tuple, not one of AnySize, InputSize, FixedSizes"),
        ({"sizes": FixedSizes}, "sizes is the class FixedSizes, not one of"),
        ({"prices": usd("0.04")}, f"prices is a Price, not a tuple of prices; {COMMA}(…,)"),
        ({"prices": "0.04"}, "prices is '0.04', not a tuple of prices$"),
        ({"prices": ("0.04",)}, "prices has an entry that is '0.04', not one of Price"),
        ({"prices": (priced("1"),)}, "an entry that is a price whose usd is '1', not a Decimal"),
        ({"prices": (priced(Decimal(1), "picture"),)}, "whose per is 'picture', not one of"),
        ({"qualities": "high"}, f"qualities is 'high', not a tuple of texts; {COMMA}('high',)"),
        ({"aliases": (None,)}, "aliases has an entry that is None, not a text"),
        ({"forms": Form.URL}, "forms is 'url', not a tuple of forms"),
        ({"forms": ("ftp",)}, "forms has an entry that is 'ftp', not one of 'url', 'base64'"),
        ({"operations": "edit"}, "operations is 'edit', not a frozenset of operations"),
        ({"operations": {"paint"}}, "operations has an entry that is 'paint', not one of 'gen"),
        ({"operation_sizes": FixedSizes(())}, "operation_sizes is a FixedSizes, not a dict"),
        ({"operation_sizes": {Operation.GENERATE: "any"}}, "an entry that is 'any', not one of"),
        ({"accepts": "user"}, "accepts is 'user', not a frozenset of texts"),
        ({"max_n": "4"}, "max_n is '4', not a whole number"),
        ({"max_n": True}, "max_n is True, not a whole number"),
        ({"seed": "no"}, "seed is 'no', not True or False"),
        ({"latency": "soon"}, "latency is 'soon', not a number"),
        ({"mask": "grey"}, "mask is 'grey', not one of 'alpha', 'white', 'black'"),
        ({"shutdown": "2027-01-01"}, "shutdown is '2027-01-01', not a date"),
        ({"shutdown": datetime(2027, 1, 1)}, "shutdown is a datetime, not a date"),
        ({"max_n": "4", "seed": 1}, "seed is 1, not True or False; max_n is '4', not a whole"),
    ],
)
def test_a_card_refuses_what_a_field_cannot_hold(fields: Any, said: str) -> None:
    """Each field is named with what it has and what it takes, all of them at once."""
    with pytest.raises(ValueError, match=as_pattern(said)):
        ModelCard(**{"id": "m", **fields})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FixedSizes(ONE), f"FixedSizes: sizes is '512x512', {NOT_TEXTS}('512x512',)"),
        (
            lambda: RatioSizes(ratios=ONE),
            f"RatioSizes: ratios is '512x512', {NOT_TEXTS}('512x512',)",
        ),
        (lambda: SizeRange(max_edge=ONE), "SizeRange: max_edge is '512x512', not a whole number"),
    ],
)
def test_sizes_refuse_what_a_field_cannot_hold(make: Callable[[], Any], said: str) -> None:
    """A forgotten comma is told with the comma."""
    with pytest.raises(ValueError, match=as_pattern(said)):
        make()


def test_what_a_card_may_be_written_with() -> None:
    """Lists for tuples, sets for frozensets and words for members of an enumeration do as well."""
    fields: dict[str, Any] = {"qualities": ["low"], "operations": {"edit"}, "forms": ["url"],
                              "mask": "white", "prices": [Price(Decimal(1), Per.IMAGE)],
                              "shutdown": date(2027, 1, 1), "latency": 3}  # fmt: skip
    written = ModelCard(id="m", **fields)
    assert (["low"], {Operation.EDIT}) == (written.qualities, written.operations)
