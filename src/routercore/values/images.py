"""What is asked for and what comes back: requests, tasks, input images, results."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routercore.values.sizes import Size

if TYPE_CHECKING:
    from routercore.values.catalogue import ModelCard
    from routercore.values.events import AttemptRecord
    from routercore.values.faults import Failure
    from routercore.values.money import Cost, SvgUsage, Usage

MAX_INPUT_BYTES = 50 * 1024 * 1024
"""Of one picture that a caller of the server sends, or that anybody refers to by a URL."""


class Operation(StrEnum):
    """What a request wants done."""

    GENERATE = "generate"
    """A picture from a prompt."""
    EDIT = "edit"
    """A picture from a prompt and one or more pictures."""
    INPAINT = "inpaint"
    """An edit confined to a mask."""


class ResponseFormat(StrEnum):
    """The form in which a caller wants images over HTTP."""

    URL = "url"
    B64_JSON = "b64_json"
    B64_EPHEMERAL = "b64_ephemeral"
    """Base64 that leaves no trace in store, log or cache."""


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture that the caller brings: bytes, or an https URL that the engine fetches.

    Providers always see bytes: the engine resolves a URL, through its address guard, first. It
    leaves the ``url`` there, for vendors that take nothing else.
    """

    data: bytes = field(default=b"", repr=False)
    media_type: str = "image/png"
    filename: str = "image.png"
    url: str | None = None

    @classmethod
    def open(cls, path: str | Path) -> InputImage:
        """Read a picture from a file; its kind is told from its first bytes.

        Raises:
            OSError: the file cannot be read.
        """
        path = Path(path)
        return cls.of(path.read_bytes(), filename=path.name)

    @classmethod
    def of(cls, data: bytes, *, filename: str = "") -> InputImage:
        """Wrap bytes; their kind is told from the first of them."""
        kind = sniff_format(data) or "png"
        return cls(data, MEDIA_TYPES[kind], filename or f"image.{kind}")

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes (or of the URL), in hexadecimal."""
        return hashlib.sha256(self.data or (self.url or "").encode()).hexdigest()

    @property
    def base64(self) -> str:
        """The bytes in base64, without a prefix."""
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_url(self) -> str:
        """The bytes as ``data:image/png;base64,…``."""
        return f"data:{self.media_type};base64,{self.base64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a caller can ask of a picture, whoever makes it.

    ``None`` means: not asked for; the provider's default, which is what ``auto`` means everywhere.
    """

    prompt: str
    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    """In OpenAI's polarity: fully transparent pixels are edited. The engine converts."""
    markup: InputImage | None = None
    """A transparent PNG laid over the first image; excludes a mask."""
    n: int = 1
    size: Size | None = None
    aspect_ratio: str | None = None
    """Such as ``16:9``; an alternative to ``size``."""
    resolution: str | None = None
    """A tier such as ``2K``; goes with ``aspect_ratio``."""
    quality: str | None = None
    output_format: str | None = None
    """``png``, ``jpeg``, ``webp``, ``gif``, ``svg``."""
    output_compression: int | None = None
    """0 to 100, for jpeg and webp."""
    background: str | None = None
    """``transparent`` or ``opaque``."""
    moderation: str | None = None
    style: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    input_fidelity: str | None = None
    complexity: str | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    svg: Mapping[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    partial_images: int | None = None
    """How many intermediate pictures a stream should carry, 0 to 3."""

    @property
    def operation(self) -> Operation:
        if self.mask is not None:
            return Operation.INPAINT
        return Operation.EDIT if self.images else Operation.GENERATE

    @property
    def width(self) -> int | None:
        """Of the size that was asked for, in pixels."""
        return self.size.width if self.size else None

    @property
    def height(self) -> int | None:
        """Of the size that was asked for, in pixels."""
        return self.size.height if self.size else None

    def asked(self) -> dict[str, Any]:
        """The settings that were asked for, by name, without the prompt, images and ``n``."""
        plain = {"prompt", "images", "mask", "n"}
        names = [f.name for f in fields(Settings) if f.name not in plain]
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest(Settings):
    """One request of a caller."""

    model: str
    response_format: ResponseFormat | None = None
    strict: bool = False
    """Refuse a target that could only do the request adapted, instead of adapting."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of one provider alone, by the provider's name."""
    max_price: Any = None
    """A ``Decimal`` of US dollars: targets that may cost more are not tried."""

    def __post_init__(self) -> None:
        if isinstance(self.output_format, str):
            object.__setattr__(self, "output_format", format_named(self.output_format))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Settings):
    """What a provider is asked to do: a request, already fitted to one of its model cards."""

    card: ModelCard
    base_url: str
    """Where the API lives, without a trailing slash: ``origins[0]`` or what is configured."""
    stream: bool = False
    idempotency_key: str = ""
    """The same for every exchange of one attempt; for vendors that honour one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The caller's settings for this provider alone."""

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return self.card.id

    def url(self, path: str) -> str:
        """``base_url`` with ``path`` behind it."""
        return f"{self.base_url}/{path.lstrip('/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """One setting that was not honoured to the letter, or what else a caller should know of
    what was delivered; for machines and for people."""

    code: str
    """Such as ``size_adapted``."""
    param: str
    message: str
    requested: str | None = None
    delivered: str | None = None
    usd: Any = None
    """A ``Decimal`` of US dollars, where the warning is of money."""


PAID_MAYBE = "paid_maybe"
"""The code of the warning that more may have been paid than is known: ``cost`` is unknown then."""
PAID_LOST = "paid_lost"
"""The code of the warning that a part of ``cost`` was paid for attempts that brought nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """One image as an upstream gave it: exactly one of ``data``, ``base64``, ``url`` is set."""

    data: bytes | None = field(default=None, repr=False)
    base64: str | None = field(default=None, repr=False)
    """Standard base64 or a ``data:`` URL; the engine decodes it, providers never do."""
    url: str | None = None
    expires_in: float | None = None
    """Seconds that ``url`` can be read."""
    seed: int | None = None
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a flow returns."""

    images: tuple[RawImage, ...]
    usage: Usage | None = None
    svg_usage: SvgUsage | None = None
    cost_usd: Any = None
    """A ``Decimal`` of US dollars that the vendor itself reported, or ``None``."""
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    model: str | None = None
    """The model that the vendor says it used."""
    safety_identifier: str | None = None
    warnings: tuple[Warning, ...] = ()
    """What the caller should know of the images, such as that the vendor flagged one."""
    failure: Failure | None = None
    """Why there are fewer images than were asked for, where the vendor says so beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One delivered image. Its format and size are read from its bytes."""

    data: bytes = field(repr=False)
    format: str
    """``png``, ``jpeg``, ``webp``, ``gif`` or ``svg``."""
    size: Size | None
    """``None`` where the bytes do not say, as in some SVG."""
    seed: int | None = None
    revised_prompt: str | None = None
    source_url: str | None = None
    """Where the provider published it; may expire, may be private to the account."""
    target: str = ""
    """``provider:model`` that made it."""
    made_as: str | None = None
    """The format that the provider gave, where it was converted here."""

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the bytes to ``path`` and return it.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(path)
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """What a request came to."""

    id: str
    created: datetime
    images: tuple[Image, ...]
    model: str
    """The model as the caller named it."""
    target: str
    """``provider:model`` that delivered the (last) images; each image has its own ``target``."""
    cost: Cost
    usage: Usage | None = None
    svg_usage: SvgUsage | None = None
    quality: str | None = None
    background: str | None = None
    warnings: tuple[Warning, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    """In the order of their beginning."""
    missing: tuple[Failure, ...] = ()
    """One failure for each image that was asked for and could not be had."""
    latency_s: float = 0.0
    cache: str = "bypass"
    """``hit``, ``miss``, ``joined`` or ``bypass``."""
    safety_identifier: str | None = None


def format_named(word: str) -> str:
    """A format by the one name that it has here, however it is written.

    >>> format_named("JPG")
    'jpeg'
    """
    word = word.lower()
    return "jpeg" if word == "jpg" else word


MEDIA_TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}


def sniff_format(data: bytes) -> str | None:
    """Tell an image's format from its first bytes, or ``None`` if it is none that we know.

    >>> sniff_format(b"\\x89PNG\\r\\n\\x1a\\n....")
    'png'
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in head:
        return "svg"
    return None
