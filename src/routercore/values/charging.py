"""What a provider's options do to the price that a model card declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from routercore.values.catalogue import ModelCard
from routercore.values.money import TOKEN_UNITS

COUNTS = frozenset(
    {"n", "numimages", "numoutputs", "numberresults", "batchsize", "samples", "maximages",
     "candidatecount"}
)  # fmt: skip
"""The vendors' words for how many pictures, which may also lie deeper."""
SIZES = frozenset({"width", "height", "imagesize", "megapixels"})
"""Their words for how large, by which many of them bill; ``image_size`` may also lie deeper."""
KINDS = SIZES | {"model", "size", "quality", "resolution"}
"""What prices go by, where an operator's option says it past the settings of requests."""
THOUGHTS = frozenset({"thinkingconfig", "thinkinglevel", "thinkingbudget", "reasoning"})
"""What makes a model think: counted, where it is billed by the token, and in no estimate."""
NOTHING = (None, False, 0, "disabled", "none", "off")
"""Values by which an option is as good as not given."""


def as_charged(card: ModelCard, options: Mapping[str, object]) -> ModelCard:
    """The card with the prices that hold where ``options`` are sent along.

    Where nobody can tell what an option does to the price, there is none, so that the vendor's own
    word alone is believed; where it can only multiply pictures, the price has an upper end.
    """
    if not options or not any(price.usd for price in card.prices):
        return card
    most = 1
    charged = {plain(name): factor for name, factor in card.charged_options.items()}
    for depth, name, value in _named(options):
        if value in NOTHING:
            continue
        if name in charged:
            factor = charged[name]
            if factor is None:
                return replace(card, prices=())
            most *= factor
        elif name in COUNTS and isinstance(value, int) and value > 0:
            most *= value
        elif name in COUNTS | THOUGHTS or (name in KINDS and (not depth or name == "imagesize")):
            card = _by_tokens(card)
    return _up_to(card, most)


def plain(name: str) -> str:
    """A name without what vendors spell differently: ``numberResults``, ``number_results``."""
    return name.lower().replace("-", "").replace("_", "")


def _by_tokens(card: ModelCard) -> ModelCard:
    """Without the prices of pictures; what is counted stays counted."""
    return replace(card, prices=tuple(one for one in card.prices if one.per in TOKEN_UNITS))


def _up_to(card: ModelCard, most: int) -> ModelCard:
    if most == 1:
        return card
    prices = (replace(one, high=(one.high or one.usd) * Decimal(most)) for one in card.prices)
    return replace(card, prices=tuple(prices))


def _named(options: Mapping[str, object], depth: int = 0) -> Iterator[tuple[int, str, object]]:
    """Every option and everything inside it: how deep it lies, its plain name and its value."""
    for name, value in options.items():
        yield depth, plain(str(name)), value
        for inner in value if isinstance(value, list | tuple) else (value,):
            if isinstance(inner, Mapping):
                yield from _named(inner, depth + 1)
