"""The body of an image request, as it may be written, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from routercore.values.bounds import BOUNDS
from routercore.values.images import format_named
from routercore.values.sizes import Size

MAX_PROMPT = 32_000
MAX_IMAGES = 16
MAX_NAME = 256
"""Characters of a model's name."""
NARROWER: Mapping[str, int] = {"n": 10}
"""What one HTTP request may ask for at most, where a program may ask for more."""
MAX_REFERENCE = 70 * 1024 * 1024
"""Characters of a data URL: an image of 50 MB in base64."""


def _number(value: object) -> object:
    """Forms, and some clients' JSON, have numbers as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _flag(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _known(*words: str) -> BeforeValidator:
    """Words of OpenAI in any case; a provider's own, which may be told apart by it, as they are."""

    def lower(value: object) -> object:
        return value.lower() if isinstance(value, str) and value.lower() in words else value

    return BeforeValidator(lower)


def _size(value: str) -> str:
    if value != "auto":
        Size.parse(value)
    return value


def _format(value: object) -> object:
    return format_named(value) if isinstance(value, str) else value


def _bounds(name: str) -> tuple[int, int]:
    low, high = BOUNDS[name]
    return low, min(high, NARROWER.get(name, high))


def _within(name: str) -> Any:
    low, high = _bounds(name)
    return Field(ge=low, le=high)


def _written(name: str) -> WithJsonSchema:
    """A number, or the same as text."""
    low, high = _bounds(name)
    digits = len(str(high))
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": low, "maximum": high},
                {"type": "string", "pattern": f"^[0-9]{{1,{digits}}}$"},
            ]
        }
    )


_FLAG = WithJsonSchema(
    {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}
)
Flag = Annotated[bool, BeforeValidator(_flag), _FLAG]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._ -]+$")]
Quality = Annotated[Word, _known("auto", "low", "medium", "high", "xhigh", "max", "standard", "hd")]
Style = Annotated[Word, _known("vivid", "natural")]
Lower = BeforeValidator(_lower)
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Reference = Annotated[str, StringConstraints(min_length=1)]


Number = BeforeValidator(_number)
Count = Annotated[int, Number, _within("n"), _written("n")]
Percent = Annotated[int, Number, _within("output_compression"), _written("output_compression")]
Partials = Annotated[int, Number, _within("partial_images"), _written("partial_images")]
Frames = Annotated[int, Number, _within("frame_count"), _written("frame_count")]
Milliseconds = Annotated[int, Number, _within("frame_duration_ms"), _written("frame_duration_ms")]
Seed = Annotated[int, Number, _within("seed"), _written("seed")]


class ImageReference(BaseModel):
    """An image in a JSON body: a URL, a ``data:`` URL, or the id of a file."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    image_url: Reference | None = None
    file_id: str | None = None


Picture = Reference | ImageReference
Overlay = Picture | Annotated[list[Picture], Field(max_length=1)]
"""A list of one is what ImageRouter's clients make of it."""


class SvgReasoning(BaseModel):
    """How long a model thinks about a drawing."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    effort: (
        Annotated[Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"], Lower] | None
    ) = None


class Svg(BaseModel):
    """Who draws, where the result is an SVG."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    model: Word
    reasoning: SvgReasoning | None = None


class ImageBody(BaseModel):
    """An image request: OpenAI's parameters, and the ones of this router below them."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT)]
    model: Name | None = None
    n: Count | None = None
    size: (
        Annotated[
            str,
            StringConstraints(max_length=32, pattern=r"^(auto|[0-9]{1,6} ?[xX×*] ?[0-9]{1,6})$"),
            Lower,
            AfterValidator(_size),
        ]
        | None
    ) = None
    quality: Quality | None = None
    background: Annotated[Literal["transparent", "opaque", "auto"], Lower] | None = None
    moderation: Annotated[Literal["low", "auto"], Lower] | None = None
    output_format: (
        Annotated[
            Literal["png", "webp", "jpeg", "gif", "svg", "auto"],
            BeforeValidator(_format),
            WithJsonSchema({"enum": ["png", "webp", "jpeg", "jpg", "gif", "svg", "auto"]}),
        ]
        | None
    ) = None
    output_compression: Percent | None = None
    response_format: Annotated[Literal["url", "b64_json", "b64_ephemeral"], Lower] | None = None
    style: Style | None = None
    stream: Flag | None = None
    partial_images: Partials | None = None
    user: Annotated[str, StringConstraints(max_length=512)] | None = None
    safety_identifier: Annotated[str, StringConstraints(max_length=512)] | None = None
    complexity: Annotated[Literal["low", "medium", "high"], Lower] | None = None
    frame_count: Frames | None = None
    frame_duration_ms: Milliseconds | None = None
    svg: Svg | None = None
    input_fidelity: Annotated[Literal["high", "low"], Lower] | None = None
    images: Annotated[list[Picture], Field(max_length=MAX_IMAGES)] | None = None
    image: Picture | Annotated[list[Picture], Field(max_length=MAX_IMAGES)] | None = None
    mask: Overlay | None = None
    markup: Overlay | None = None

    seed: Seed | None = None
    negative_prompt: Annotated[str, StringConstraints(max_length=MAX_PROMPT)] | None = None
    aspect_ratio: (
        Annotated[
            str,
            StringConstraints(pattern=r"^(auto|[0-9]{1,4}:[0-9]{1,4})$"),
            Lower,
        ]
        | None
    ) = None
    resolution: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^(auto|0?\.[1-9][0-9]?[kK]|[1-9][0-9]?(\.[0-9]{1,2})?[kK]|[1-9][0-9]{2,4})$"
            ),
            Lower,
        ]
        | None
    ) = None
    strict: Flag | None = None
    max_price: Annotated[
        Decimal,
        Field(ge=0, le=10_000, strict=False, allow_inf_nan=False),
        WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 10_000},
                                  {"type": "string", "pattern": r"^\d{1,4}(\.\d{1,9})?$"}]}),
    ] | None = None  # fmt: skip
    provider_options: dict[str, dict[str, Any]] | None = None
