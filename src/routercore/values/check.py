"""Whether a model card can do a request: refused with reasons, or fitted with warnings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from routercore.values.amounts import number_of
from routercore.values.catalogue import PLAIN_SETTINGS, ModelCard
from routercore.values.images import ImageRequest, Operation, Warning
from routercore.values.shaping import fit_shape

CONVERTIBLE = frozenset({"png", "jpeg", "webp"})
"""Formats that the engine can make out of one another."""
COMPRESSIBLE = frozenset({"jpeg", "webp"})
OF_ONE_FORMAT = {"frame_count": "gif", "frame_duration_ms": "gif", "svg": "svg"}
"""Settings that say nothing to a picture of another format."""
FRAME_STEP = 10
"""Milliseconds: a gif counts in hundredths of a second."""
QUALITY_LEVELS = {"low": 0.0, "medium": 0.5, "standard": 0.5, "high": 1.0, "hd": 1.0,
                  "premium": 1.0, "xhigh": 1.5, "max": 2.0}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a card cannot do a request, and which parameter decided."""

    param: str
    message: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as a card can do it, and what had to be adapted for that."""

    request: ImageRequest
    warnings: tuple[Warning, ...] = ()


@dataclass
class Fitting:
    """Collects what one check finds."""

    card: ModelCard
    request: ImageRequest
    today: date
    changes: dict[str, Any] = field(default_factory=dict)
    warnings: list[Warning] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def format(self) -> str:
        """What is delivered, as far as it can be known before."""
        return self.request.output_format or self.card.formats[0]

    def reject(self, param: str, message: str) -> None:
        self.rejections.append(Rejection(param, message))

    def adapt(self, param: str, message: str, *, delivered: str | None = None, **to: Any) -> None:
        """Change the request by ``to`` and warn; refuse instead where the caller is strict."""
        if self.request.strict:
            self.reject(param, f"{message}, and the request is strict")
            return
        self.changes.update(to)
        # Warnings are kept, and shared with results; what is private to one caller is not.
        asked = str(getattr(self.request, param)) if param not in _PRIVATE else None
        self.warnings.append(
            Warning(code=f"{param}_adapted", param=param, message=message,
                    requested=asked, delivered=delivered)
        )  # fmt: skip

    def drop(self, param: str, message: str) -> None:
        self.adapt(param, message, **{param: None})


_PRIVATE = frozenset({"prompt", "negative_prompt", "user", "safety_identifier"})
"""Settings that are quoted nowhere: what a caller words freely, and who its users are."""


def check(card: ModelCard, request: ImageRequest, today: date) -> Fit | tuple[Rejection, ...]:
    """Fit ``request`` to ``card``, or say, parameter by parameter, why that cannot be. Pure.

    Every setting is honoured, adapted with a warning, or a reason for rejection.
    """
    fitting = Fitting(card, request, today)
    for step in (_life, _operation, _prompt, fit_shape, _quality, _format, _background, _numbers,
                 _plain):  # fmt: skip
        step(fitting)
    if fitting.rejections:
        return tuple(fitting.rejections)
    fitted = replace(request, **fitting.changes) if fitting.changes else request
    return Fit(fitted, tuple(fitting.warnings))


def _life(f: Fitting) -> None:
    if f.card.is_retired(f.today):
        f.reject("model", f"{f.card.id!r} was shut down on {f.card.shutdown}{f.card.instead}")


_UNABLE = {
    Operation.INPAINT: ("mask", "takes no mask"),
    Operation.EDIT: ("image", "takes no input image"),
    Operation.GENERATE: ("image", "needs an input image"),
}


def _operation(f: Fitting) -> None:
    card, request = f.card, f.request
    if request.operation not in card.operations:
        param, why = _UNABLE[request.operation]
        if request.operation is Operation.EDIT and Operation.INPAINT in card.operations:
            param, why = "mask", "needs a mask beside the image"
        f.reject(param, f"{card.id!r} {why}")
    elif len(request.images) > card.max_images:
        f.reject("image", f"{card.id!r} takes at most {number_of(card.max_images, 'input image')}")


def _prompt(f: Fitting) -> None:
    limit, length = f.card.max_prompt, len(f.request.prompt)
    if not f.card.prompt:
        if f.request.prompt:
            f.adapt("prompt", f"{f.card.id!r} takes no words; the prompt is not sent", prompt="")
        return
    if limit is not None and length > limit:
        f.reject("prompt", f"the prompt has {length:,} characters; {f.card.id!r} takes {limit:,}")


def _quality(f: Fitting) -> None:
    asked, offered = f.request.quality, f.card.qualities
    if asked is None or asked in offered:
        return
    if not offered:
        f.drop("quality", f"{f.card.id!r} has no choice of quality")
        return
    level = QUALITY_LEVELS.get(asked)
    if level is None:
        f.reject("quality", f"{f.card.id!r} takes {', '.join(offered)}, not {asked!r}")
        return
    near = _nearest_quality(offered, level)
    f.adapt("quality", f"{f.card.id!r} has no {asked!r}; {near!r} is nearest",
            delivered=near, quality=near)  # fmt: skip


def _nearest_quality(offered: tuple[str, ...], level: float) -> str:
    """By level where the words are known, by position from cheap to dear where they are not."""
    if all(word in QUALITY_LEVELS for word in offered):
        return min(offered, key=lambda word: abs(QUALITY_LEVELS[word] - level))
    return offered[round(min(level, 1.0) * (len(offered) - 1))]


def same_quality(asked: str, said: str, offered: tuple[str, ...]) -> bool:
    """Whether a provider's word for a quality may mean the one that it was asked for.

    ``standard`` is ``medium``; of a word that nobody knows, as of ``auto``, nothing is said.
    """
    if asked == said or (said not in QUALITY_LEVELS and said not in offered):
        return True
    return asked in QUALITY_LEVELS and QUALITY_LEVELS[asked] == QUALITY_LEVELS.get(said)


def _format(f: Fitting) -> None:
    card, asked = f.card, f.request.output_format
    offered = card.formats if card.choose_format else card.formats[:1]
    if asked is not None and asked not in offered:
        if asked not in CONVERTIBLE or CONVERTIBLE.isdisjoint(card.formats):
            f.reject("output_format", f"{card.id!r} gives {', '.join(card.formats)}, not {asked}")
            return
        f.adapt("output_format", f"{card.id!r} does not give {asked}; converted after delivery",
                delivered=asked, output_format=None)  # fmt: skip
    if f.request.output_compression is not None:
        _compression(f, is_ours=asked is not None and asked not in offered)
    if f.format == "gif" and f.request.mask is not None:
        f.reject("mask", "a gif is made without a mask")


def _compression(f: Fitting, *, is_ours: bool) -> None:
    """Who converts a picture compresses it; the vendor would compress what is thrown away."""
    format = f.format
    if format not in COMPRESSIBLE and f.request.output_compression == 100:
        f.changes["output_compression"] = None  # OpenAI's default, which compresses nothing.
    elif format not in COMPRESSIBLE:
        f.reject("output_compression", f"{format} cannot be compressed; ask for jpeg or webp")
    elif is_ours or not f.card.compression:
        f.drop("output_compression", f"{f.card.id!r} has no compression; applied after delivery")


def _background(f: Fitting) -> None:
    """Who makes no transparent background makes an opaque one, and is asked last for it."""
    asked, offered = f.request.background, f.card.backgrounds
    if asked == "transparent" and f.request.output_format == "jpeg":
        f.reject("background", "a jpeg cannot be transparent; ask for png or webp")
    elif asked == "transparent" and asked not in offered:
        f.adapt("background", f"{f.card.id!r} makes no transparent background",
                delivered="opaque", background=None)  # fmt: skip
    elif asked == "opaque" and not offered:
        f.changes["background"] = None  # Opaque is what a model without the choice makes.
    elif asked is not None and asked not in offered:
        f.drop("background", f"{f.card.id!r} has no background {asked!r}")


def _numbers(f: Fitting) -> None:
    card, request = f.card, f.request
    most = card.max_n_of(request.output_format)
    if request.n > most:
        f.adapt("n", f"{card.id!r} makes {most} a call; asked for in several calls")
    if request.seed is not None and not card.seed:
        f.drop("seed", f"{card.id!r} takes no seed")
    if request.negative_prompt and not card.negative_prompt:
        f.drop("negative_prompt", f"{card.id!r} takes no negative prompt")
    partials = card.partial_images_of(request.output_format)
    if (request.partial_images or 0) > partials:
        of_format = "" if partials == card.partial_images else f" of a {request.output_format}"
        f.adapt("partial_images", f"{card.id!r} sends at most {partials}{of_format}",
                delivered=str(partials), partial_images=partials)  # fmt: skip


def _plain(f: Fitting) -> None:
    request, accepted = f.request, f.card.accepts_of(f.request.operation)
    for param in sorted(PLAIN_SETTINGS - accepted):
        if getattr(request, param) is None:
            continue
        if param in ("markup", "svg", "frame_count", "frame_duration_ms"):
            f.reject(param, f"{f.card.id!r} takes no {param}")
        else:
            where = f" to {request.operation}" if param in f.card.accepts else ""
            f.drop(param, f"{f.card.id!r} takes no {param}{where}")
    for param in sorted(OF_ONE_FORMAT.keys() & accepted):
        if getattr(request, param) is not None and f.format != OF_ONE_FORMAT[param]:
            f.reject(param, f"{param} is for {OF_ONE_FORMAT[param]}; ask for that output_format")
    if request.markup is not None and request.mask is not None:
        f.reject("markup", "a markup excludes a mask; send one of them")
    _listed(f, "style", f.card.styles)
    _listed(f, "input_fidelity", f.card.fidelities)
    _frames(f)


def _frames(f: Fitting) -> None:
    asked = f.request.frame_duration_ms
    if asked is not None and asked % FRAME_STEP and "frame_duration_ms" in f.card.accepts:
        near = max(FRAME_STEP, (asked + FRAME_STEP // 2) // FRAME_STEP * FRAME_STEP)
        f.adapt("frame_duration_ms", f"a gif counts in steps of {FRAME_STEP} ms",
                delivered=str(near), frame_duration_ms=near)  # fmt: skip


def _listed(f: Fitting, param: str, words: tuple[str, ...]) -> None:
    """Leave out a word that the model does not know, in whatever case it is written."""
    asked, accepted = getattr(f.request, param), f.card.accepts_of(f.request.operation)
    known = {word.lower() for word in words}
    if asked and param in accepted and words and asked.lower() not in known:
        f.drop(param, f"{f.card.id!r} takes {', '.join(words)}, not {asked!r}")
