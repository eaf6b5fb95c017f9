"""Model cards: what one provider declares about one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import get_args

from routercore.values import shapes
from routercore.values.images import Operation
from routercore.values.money import Per, Price
from routercore.values.shapes import check_shapes, misshapen, optional, several, table, words
from routercore.values.sizes import AnySize, Sizes


class MaskPolarity(StrEnum):
    """Which part of a mask is edited, as the vendor wants it. Callers always use ``ALPHA``."""

    ALPHA = "alpha"
    """Fully transparent pixels."""
    WHITE = "white"
    BLACK = "black"


class Form(StrEnum):
    """How an upstream hands an image over."""

    URL = "url"
    BASE64 = "base64"
    BYTES = "bytes"


PLAIN_SETTINGS = frozenset(
    {"user", "safety_identifier", "style", "moderation", "complexity", "frame_count",
     "frame_duration_ms", "svg", "markup", "input_fidelity"}
)  # fmt: skip
"""Settings that a card allows by listing their names in ``accepts``."""
OF_EDITS = frozenset({"input_fidelity", "markup"})
"""Those among them that speak of an input image."""
IN_ONE_PIECE = frozenset({"gif", "svg"})
"""Formats that no model streams."""


WILDCARD = "*"
"""The id of a card that stands for every model that its provider does not list."""


_AMOUNT = optional(shapes.amount)
_TEXT = optional(shapes.text)
_TEXTS = several(shapes.text, "texts")
_PRICE = {
    "usd": shapes.amount, "per": shapes.word(Per), "size": _TEXT, "quality": _TEXT,
    "tier": _TEXT, "operation": _TEXT, "low": _AMOUNT, "high": _AMOUNT,
}  # fmt: skip


def _price(value: object) -> str | None:
    if not isinstance(value, Price):
        return shapes.a(Price)(value)
    return next((f"is a price whose {problem}" for problem in misshapen(value, _PRICE)), None)


_SIZES = shapes.a(*get_args(Sizes))
_OPERATION = shapes.word(Operation)
_SHAPES: Mapping[str, shapes.Shape] = {
    **dict.fromkeys(("id", "name", "price_source"), shapes.text),
    **dict.fromkeys(("default_quality", "successor"), _TEXT),
    **dict.fromkeys(
        ("aliases", "qualities", "formats", "backgrounds", "styles", "fidelities"), _TEXTS
    ),
    **dict.fromkeys(
        ("is_public", "by_chat", "choose_format", "compression", "prompt", "seed",
         "negative_prompt"), shapes.flag
    ),
    **dict.fromkeys(("max_n", "max_images", "partial_images"), shapes.whole),
    **dict.fromkeys(("price_date", "released", "shutdown"), optional(shapes.day)),
    **dict.fromkeys(("accepts", "generate_only", "unverified"), words(shapes.text, "texts")),
    "operations": words(_OPERATION, "operations"),
    "sizes": _SIZES,
    "operation_sizes": table(_OPERATION, _SIZES),
    "forms": several(shapes.word(Form), "forms"),
    "url_lifetime": optional(shapes.number),
    "format_max_n": table(shapes.text, shapes.whole),
    "max_prompt": optional(shapes.whole),
    "mask": optional(shapes.word(MaskPolarity)),
    "latency": shapes.number,
    "prices": several(_price, "prices"),
    "charged_options": table(shapes.text, optional(shapes.whole)),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model at one provider, as data. What is not declared is not offered."""

    id: str
    """The model's name in the provider's API.

    ``*`` declares an open catalogue: asked for ``provider:anything`` that no other card names, the
    router uses this card, :meth:`named` ``anything``.
    """
    name: str = ""
    """The model's public name, the same at every provider; ``id`` unless given."""
    aliases: tuple[str, ...] = ()
    is_public: bool = True
    """False for a model that is only found as ``provider:model``, never by its bare name."""
    by_chat: bool = False
    """True for a model that a compatible service offers through chat completions alone."""
    operations: frozenset[Operation] = frozenset({Operation.GENERATE})
    sizes: Sizes = field(default_factory=AnySize)
    operation_sizes: Mapping[Operation, Sizes] = field(default_factory=dict)
    """Rules for operations that have another one than ``sizes``, such as an edit that keeps the
    size of its picture."""
    qualities: tuple[str, ...] = ()
    """Accepted words, cheapest first; empty where quality cannot be chosen."""
    default_quality: str | None = None
    """What ``auto`` usually means; for estimates."""
    formats: tuple[str, ...] = ("png",)
    """Formats that can be asked for; the first is the default. The engine converts to others."""
    choose_format: bool = True
    """False where the vendor takes no format: what comes is ``formats[0]``."""
    compression: bool = False
    backgrounds: tuple[str, ...] = ()
    forms: tuple[Form, ...] = (Form.BASE64,)
    url_lifetime: float | None = None
    """Seconds that a result URL can be read."""
    max_n: int = 1
    """Images of one call; more are split over several calls."""
    format_max_n: Mapping[str, int] = field(default_factory=dict)
    """Another ``max_n`` for some formats: ``{"svg": 1}``."""
    prompt: bool = True
    """False for a tool that takes no words, such as one that enlarges a picture."""
    max_prompt: int | None = None
    """Characters."""
    max_images: int = 0
    """Input images."""
    mask: MaskPolarity | None = None
    seed: bool = False
    negative_prompt: bool = False
    partial_images: int = 0
    """The most intermediate images of a stream; 0 where the model does not stream."""
    accepts: frozenset[str] = frozenset()
    """Further settings that are passed on, out of ``PLAIN_SETTINGS``."""
    generate_only: frozenset[str] = frozenset()
    """Those of ``accepts`` that an edit does not take."""
    styles: tuple[str, ...] = ()
    """Accepted words of ``style``, where it is restricted."""
    fidelities: tuple[str, ...] = ()
    """Accepted words of ``input_fidelity``, where it is restricted."""
    latency: float = 15.0
    """Seconds that a call typically takes."""
    prices: tuple[Price, ...] = ()
    charged_options: Mapping[str, int | None] = field(default_factory=dict)
    """Options of the provider that change what is charged, at any depth: how many times the price
    it may come to, or ``None`` where the declared prices then say nothing. How many, how large and
    which model need no mention."""
    price_source: str = ""
    price_date: date | None = None
    released: date | None = None
    shutdown: date | None = None
    """The day after which the vendor no longer serves the model."""
    successor: str | None = None
    """What to use instead of a model that is, or will be, shut down."""
    unverified: frozenset[str] = frozenset()
    """Fields of this card that rest on facts nobody could verify; tolerated both ways."""

    def __post_init__(self) -> None:
        check_shapes(f"card {self.id!r}", self, _SHAPES)
        if unknown := self.accepts - PLAIN_SETTINGS:
            raise ValueError(f"card {self.id!r} accepts unknown settings: {sorted(unknown)}")
        if strange := set(self.operation_sizes) - self.operations:
            names = ", ".join(sorted(strange))
            raise ValueError(f"card {self.id!r} has sizes for what it does not do: {names}")
        if not self.name:
            object.__setattr__(self, "name", self.id)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a caller may call it: public name, id and aliases."""
        return tuple(dict.fromkeys((self.name, self.id, *self.aliases)))

    def sizes_of(self, operation: Operation) -> Sizes:
        """The sizes that an operation can have."""
        return self.operation_sizes.get(operation, self.sizes)

    def max_n_of(self, output_format: str | None) -> int:
        """The images of one call, in a format that is asked for."""
        return self.format_max_n.get(output_format or "", self.max_n)

    def accepts_of(self, operation: Operation) -> frozenset[str]:
        """The settings out of ``accepts`` that an operation can have."""
        if operation is Operation.GENERATE:
            return self.accepts - OF_EDITS
        return self.accepts - self.generate_only

    def partial_images_of(self, output_format: str | None) -> int:
        """The most intermediate images of a stream, in a format that is asked for."""
        return 0 if output_format in IN_ONE_PIECE else self.partial_images

    def named(self, id: str) -> ModelCard:
        """A copy for another model of the same kind."""
        return replace(self, id=id, name=id, aliases=())

    @property
    def instead(self) -> str:
        """The end of a sentence on its shutdown: what to use, where there is a successor."""
        return f"; use {self.successor!r}" if self.successor else ""

    def is_retired(self, today: date) -> bool:
        return self.shutdown is not None and today > self.shutdown
