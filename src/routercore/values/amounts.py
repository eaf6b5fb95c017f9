"""Amounts of money, and numbers of things, as people write them."""

from __future__ import annotations

from decimal import Decimal


def plain(usd: Decimal) -> str:
    """Cents at least, and whatever else there is, never an exponent.

    >>> plain(Decimal("0.1"))
    '0.10'
    >>> plain(Decimal("0.0000070"))
    '0.000007'
    """
    whole, _, fraction = f"{usd.normalize():f}".partition(".")
    return f"{whole}.{fraction:0<2}"


def in_dollars(usd: Decimal | None) -> str:
    """An amount with its sign, for people; one that nobody knows is said to be unknown.

    >>> in_dollars(Decimal(1))
    '$1.00'
    >>> in_dollars(None)
    'unknown'
    """
    return "unknown" if usd is None else f"${plain(usd)}"


def number_of(count: int, noun: str) -> str:
    """So many of a thing.

    >>> number_of(1, "image"), number_of(0, "image")
    ('1 image', '0 images')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
