"""Prices, estimates and costs: ``Decimal`` US dollars, and unknown is never zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from routercore.values.amounts import in_dollars, plain
from routercore.values.headers import size_of
from routercore.values.images import Settings
from routercore.values.scaling import parse_size, scaled
from routercore.values.sizes import (
    FixedSizes,
    InputSize,
    RatioSizes,
    Size,
    SizeRange,
    Sizes,
    nearest_ratio,
    tier_of,
)

if TYPE_CHECKING:
    from routercore.values.catalogue import ModelCard

MILLION = Decimal(1_000_000)
BILLED_MEGAPIXEL = 1024 * 1024
"""Vendors that bill by megapixels count 1024x1024 as one (BFL and fal, November 2026)."""
CHARACTERS_PER_TOKEN = 4
"""A rough average for prompts; prompt tokens are a hundredth of an image's price or less."""
TOKENS_PER_INPUT_IMAGE = 1_536
"""What OpenAI's models count for a picture of 1024x1536 or larger, the most of any input."""


class Per(StrEnum):
    """What a price is for. Several lines with different units add up."""

    IMAGE = "image"
    MEGAPIXEL = "megapixel"
    """Each megapixel of each image delivered, rounded up to a whole one."""
    EXTRA_MEGAPIXEL = "extra_megapixel"
    """Each megapixel of an image beyond its first, rounded up."""
    PIXEL = "pixel"
    INPUT_IMAGE = "input_image"
    INPUT_MEGAPIXEL = "input_megapixel"
    """Each megapixel of input, rounded up for each image."""
    TEXT_IN = "text_in"
    """A million tokens of prompt."""
    IMAGE_IN = "image_in"
    """A million tokens of input image."""
    TEXT_OUT = "text_out"
    """A million tokens of text (or thought) in the answer."""
    IMAGE_OUT = "image_out"
    """A million tokens of image in the answer."""


TOKEN_UNITS = frozenset({Per.TEXT_IN, Per.IMAGE_IN, Per.TEXT_OUT, Per.IMAGE_OUT})
OUTPUT_UNITS = frozenset({Per.IMAGE, Per.MEGAPIXEL, Per.PIXEL})


@dataclass(frozen=True, slots=True)
class Price:
    """One line of a price list. A condition left out holds for every value.

    Where several lines of one unit fit a request, the one with most conditions counts.
    """

    usd: Decimal
    per: Per = Per.IMAGE
    size: str | None = None
    quality: str | None = None
    tier: str | None = None
    operation: str | None = None
    low: Decimal | None = None
    """The least and the most it may come to, where the vendor only says about what it costs."""
    high: Decimal | None = None

    @property
    def conditions(self) -> int:
        return sum(x is not None for x in (self.size, self.quality, self.tier, self.operation))


def usd(
    amount: str, per: Per | str = Per.IMAGE, *, size: str | None = None,
    quality: str | None = None, tier: str | None = None, operation: str | None = None,
) -> Price:  # fmt: skip
    """Shorthand for a price list's line: ``usd("0.04", size="1024x1024", quality="high")``."""
    return Price(Decimal(amount), Per(per), size, quality, tier, operation)


def usd_table(quality_by_size: dict[str, dict[str, str]]) -> tuple[Price, ...]:
    """Per-image prices of a table ``{size: {quality: amount}}``."""
    return tuple(
        usd(amount, size=size, quality=quality)
        for size, row in quality_by_size.items()
        for quality, amount in row.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as an upstream counted them."""

    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0

    @property
    def input_tokens(self) -> int:
        return self.text_in + self.image_in

    @property
    def output_tokens(self) -> int:
        return self.text_out + self.image_out

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            text_in=self.text_in + other.text_in,
            image_in=self.image_in + other.image_in,
            text_out=self.text_out + other.text_out,
            image_out=self.image_out + other.image_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgUsage:
    """Tokens of the model that wrote a drawing, which are counted beside those of the image."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: SvgUsage) -> SvgUsage:
        return SvgUsage(
            model=other.model or self.model,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
        )


class Basis(StrEnum):
    """Where an amount comes from."""

    CACHE = "cache"
    """Nothing was paid: the pictures were made for another request."""
    REPORTED = "reported"
    """The vendor's answer said so."""
    TOKENS = "tokens"
    """Counted tokens times the price list."""
    TABLE = "table"
    """The price list had this very case."""
    ESTIMATE = "estimate"
    """Computed from neighbouring cases of the price list."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a request may cost at one target, before it runs; ``None`` where nobody knows."""

    low: Decimal | None = None
    expected: Decimal | None = None
    high: Decimal | None = None
    basis: Basis = Basis.UNKNOWN

    @property
    def is_known(self) -> bool:
        return self.expected is not None

    def __str__(self) -> str:
        if self.high is None or self.high == self.low:
            return "free" if self.expected == 0 else in_dollars(self.expected)
        return f"~{in_dollars(self.expected)} ({plain(self.low or Decimal(0))}–{plain(self.high)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was paid; ``usd`` is ``None``, never zero, where that is unknown."""

    usd: Decimal | None
    basis: Basis

    def __add__(self, other: Cost) -> Cost:
        if self.usd is None or other.usd is None:
            return Cost(usd=None, basis=Basis.UNKNOWN)
        if not self.usd or not other.usd:  # Nothing was paid, which makes no sum less certain.
            return self if self.usd else other
        weakest = max(self.basis, other.basis, key=list(Basis).index)
        return Cost(usd=self.usd + other.usd, basis=weakest)


UNKNOWN_COST = Cost(usd=None, basis=Basis.UNKNOWN)
FREE = Cost(usd=Decimal(0), basis=Basis.REPORTED)
SHARED = Cost(usd=Decimal(0), basis=Basis.CACHE)


def estimate(card: ModelCard, settings: Settings) -> Estimate:
    """What ``settings`` may cost by the card's price list. Pure.

    A quality or size left to the model makes a range: ``low`` to ``high`` over what it may pick,
    ``expected`` for the card's defaults.
    """
    cases = list(_cases(card, settings))
    amounts = [amount for amount, _ in cases]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(cases):
        return Estimate()
    expected, basis = _default_case(card, settings)
    if expected is None:
        expected, basis = max(known), Basis.ESTIMATE
    low, high = _bound(card, settings, "low"), _bound(card, settings, "high")
    if len({*known, *low, *high}) > 1:
        basis = Basis.ESTIMATE
    return Estimate(
        low=min([*known, *low]), expected=expected, high=max([*known, *high]), basis=basis
    )


def settle(card: ModelCard, settings: Settings, usage: Usage | None, reported: Decimal | None,
           *, delivered: int) -> Cost:  # fmt: skip
    """What an answer with ``delivered`` images cost: as reported, by tokens, or by the table."""
    if reported is not None:
        return Cost(usd=reported, basis=Basis.REPORTED)
    if usage is not None and (by_tokens := token_cost(card.prices, usage)) is not None:
        return Cost(usd=by_tokens, basis=Basis.TOKENS)
    guess = estimate(card, replace(settings, n=delivered))
    return Cost(usd=guess.expected, basis=guess.basis)


def token_cost(prices: Iterable[Price], usage: Usage) -> Decimal | None:
    """Price counted tokens; ``None`` where the list lacks a kind of token that was used."""
    rates = {price.per: price.usd for price in prices if price.per in TOKEN_UNITS}
    total = Decimal(0)
    for unit in TOKEN_UNITS:
        count = getattr(usage, unit.value)
        if count and unit not in rates:
            return None
        total += rates.get(unit, Decimal(0)) * count / MILLION
    return total if rates and usage.output_tokens else None


def billed_size(card: ModelCard, settings: Settings) -> Size | None:
    """The pixels that the settings lead to, or ``None`` if that is left to the model."""
    if settings.size is not None:
        return settings.size
    sizes = card.sizes_of(settings.operation)
    if isinstance(sizes, InputSize) and settings.images:
        return size_of(settings.images[0].data)
    if isinstance(sizes, RatioSizes) and (settings.aspect_ratio or settings.resolution):
        ratio = settings.aspect_ratio or sizes.default_ratio
        return sizes.expected(ratio, settings.resolution or sizes.default_tier)
    return None


def _cases(card: ModelCard, settings: Settings) -> Iterator[tuple[Decimal | None, Basis]]:
    """The price for every size and quality that the settings leave open."""
    qualities = [settings.quality] if settings.quality or not card.qualities else [*card.qualities]
    size = billed_size(card, settings)
    for open_size in [size] if size else _default_sizes(card.sizes_of(settings.operation)):
        for quality in qualities:
            yield _case(card, settings, open_size, quality)


def _default_case(card: ModelCard, settings: Settings) -> tuple[Decimal | None, Basis]:
    size = billed_size(card, settings) or _default_sizes(card.sizes_of(settings.operation))[0]
    return _case(card, settings, size, settings.quality or card.default_quality)


def _bound(card: ModelCard, settings: Settings, end: str) -> list[Decimal]:
    """The cases at the low or the high end of the prices, if any price has ends."""
    ends = [getattr(price, end) for price in card.prices]
    if all(amount is None for amount in ends):
        return []
    prices = [
        price if amount is None else replace(price, usd=amount)
        for price, amount in zip(card.prices, ends, strict=True)
    ]
    bounded = replace(card, prices=tuple(prices))
    return [amount for amount, _ in _cases(bounded, settings) if amount is not None]


def _default_sizes(sizes: Sizes) -> list[Size | None]:
    if isinstance(sizes, FixedSizes):
        return [Size.parse(text) for text in sizes.sizes]
    if isinstance(sizes, SizeRange):
        return [Size.parse(sizes.default)]
    if isinstance(sizes, RatioSizes):
        return [sizes.expected(sizes.default_ratio, sizes.default_tier)]
    return [None]


def _case(
    card: ModelCard, settings: Settings, size: Size | None, quality: str | None
) -> tuple[Decimal | None, Basis]:
    """The price of ``settings`` for one size and quality."""
    tier = _tier(card, settings, size)
    fits = [
        price
        for price in card.prices
        if price.quality in (None, quality)
        and price.tier in (None, tier)
        and price.operation in (None, settings.operation.value)
    ]
    output, basis = _output_price(fits, size)
    if output is None:
        return None, Basis.UNKNOWN
    calls = math.ceil(settings.n / card.max_n_of(settings.output_format))  # Each has the inputs.
    inputs, inputs_basis = _input_price(fits, settings)
    return settings.n * output + calls * inputs, max(basis, inputs_basis, key=list(Basis).index)


def _output_price(prices: Sequence[Price], size: Size | None) -> tuple[Decimal | None, Basis]:
    """The price of one image."""
    exact = [price for price in prices if price.size in (None, size and str(size))]
    best = _most_specific(exact)
    total, basis = Decimal(0), Basis.TABLE
    if OUTPUT_UNITS.isdisjoint(best):
        scaled = _scaled(prices, size)
        if scaled is None:
            return None, Basis.UNKNOWN
        total, basis = scaled, Basis.ESTIMATE
    for unit, price in best.items():
        if unit in OUTPUT_UNITS or unit is Per.EXTRA_MEGAPIXEL:
            if unit is not Per.IMAGE and size is None:
                return None, Basis.UNKNOWN
            total += price.usd * _count(unit, size)
    return total, basis


def _count(unit: Per, size: Size | None) -> int:
    if unit is Per.IMAGE or size is None:
        return 1
    if unit is Per.PIXEL:
        return size.pixels
    return math.ceil(size.pixels / BILLED_MEGAPIXEL) - (unit is Per.EXTRA_MEGAPIXEL)


def _scaled(prices: Sequence[Price], size: Size | None) -> Decimal | None:
    listed = {
        parse_size(price.size): price.usd
        for price in prices
        if price.per is Per.IMAGE and price.size
    }
    return scaled(listed, size) if listed and size is not None else None


def _input_price(prices: Sequence[Price], settings: Settings) -> tuple[Decimal, Basis]:
    """What the prompt and the input images add."""
    best, total, basis = _most_specific(prices), Decimal(0), Basis.TABLE
    if Per.TEXT_IN in best:
        tokens = math.ceil(len(settings.prompt) / CHARACTERS_PER_TOKEN)
        total += best[Per.TEXT_IN].usd * tokens / MILLION
    if Per.IMAGE_IN in best:
        tokens = TOKENS_PER_INPUT_IMAGE * len(settings.images)
        total += best[Per.IMAGE_IN].usd * tokens / MILLION
    if Per.INPUT_IMAGE in best:
        total += best[Per.INPUT_IMAGE].usd * len(settings.images)
    if Per.INPUT_MEGAPIXEL in best:
        sizes = [size_of(image.data) for image in settings.images]
        # One that is not fetched yet is taken for a megapixel, which is said to be a guess.
        total += best[Per.INPUT_MEGAPIXEL].usd * sum(_count(Per.MEGAPIXEL, s) for s in sizes)
        basis = Basis.ESTIMATE if None in sizes else Basis.TABLE
    return total, basis


def _most_specific(prices: Iterable[Price]) -> dict[Per, Price]:
    return {price.per: price for price in sorted(prices, key=lambda price: price.conditions)}


def _tier(card: ModelCard, settings: Settings, size: Size | None) -> str | None:
    """The resolution tier that a request falls into, for prices that go by tier."""
    if settings.resolution:
        return settings.resolution
    sizes = card.sizes_of(settings.operation)
    if not isinstance(sizes, RatioSizes) or not sizes.tiers:
        return None
    if size is None:
        return sizes.default_tier or sizes.tiers[0]
    return nearest_tier(sizes, size)


def nearest_tier(sizes: RatioSizes, size: Size) -> str | None:
    """The tier whose area is closest to ``size``, or ``None`` where there are no tiers."""
    return tier_of(sizes, size.pixels) if sizes.tiers else None


def fit_ratio(sizes: RatioSizes, size: Size) -> tuple[str, str | None]:
    """The ratio and tier that come closest to ``size``."""
    return nearest_ratio(size.ratio, sizes.ratios), nearest_tier(sizes, size)
