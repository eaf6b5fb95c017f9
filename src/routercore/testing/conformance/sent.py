"""The check that nothing is dropped silently: what a card declares reaches the vendor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from routercore.provider.http import HttpRequest, Part
from routercore.provider.spec import Provider
from routercore.testing.conformance.declared import ELSEWHERE, LONG_AGO, PNG
from routercore.testing.conformance.subject import CheckFailed, Subject, travel
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, InputImage, Operation, Settings, Task
from routercore.values.sizes import Size

PICTURE, ANOTHER = InputImage.of(PNG), InputImage.of(PNG + b"\0")
VALUES: Mapping[str, tuple[Any, ...]] = {
    "prompt": ("a lighthouse", "a mill"),
    "size": (Size(1024, 1024), Size(1536, 1024), Size(1024, 1536), Size(512, 512),
             Size(2048, 2048)),
    "aspect_ratio": ("1:1", "16:9", "9:16", "3:2", "2:3"),
    "resolution": ("1K", "2K", "4K"),
    "seed": (1, 7),
    "negative_prompt": ("fog", "rain"),
    "output_compression": (20, 60),
    "user": ("u-1", "u-2"),
    "safety_identifier": ("s-1", "s-2"),
    "moderation": ("low", "auto"),
    "complexity": ("low", "high"),
    "input_fidelity": ("low", "high"),
    "style": ("vivid", "natural"),
}  # fmt: skip
"""Values to try of settings whose words no card lists; only those count that the card takes."""


def sends(subject: Subject) -> None:
    """Every setting that a card declares to honour changes what the vendor is sent."""
    today = datetime.now(UTC).date()
    for card in subject.provider.catalogue():
        if card.is_retired(today):
            continue
        card = card.named("some/model") if card.id == WILDCARD else card
        if forgotten := list(_forgotten(subject.provider, card)):
            raise CheckFailed(f"card {card.id!r} declares {', '.join(forgotten)}, and nothing of "
                              "it is sent; send it, or do not declare it")  # fmt: skip


def _forgotten(provider: Provider, card: ModelCard) -> Iterator[str]:
    """What leads to the same request whatever it is, by operation.

    What is begun by an upload, or needs an option or an address of one's own to send anything at
    all, cannot be judged here, and neither can a setting with a single value, which may be the
    default. A flow that refuses a value forgets nothing.
    """
    for operation in filter(card.operations.__contains__, Operation):
        base = _request(card, operation)
        if not _sent(provider, card, base):
            continue
        for name, values in _values(card, operation).items():
            asked = [fit for value in values if (fit := _fitted(card, base, name, value))]
            sent = {_sent(provider, card, one) for one in asked}
            if len(asked) > 1 and len(sent) == 1 and () not in sent:
                yield f"{name} to {operation}"


def _values(card: ModelCard, operation: Operation) -> Mapping[str, tuple[Any, ...]]:
    takes_several = operation is Operation.EDIT and card.max_images > 1
    return {
        **VALUES,
        "quality": card.qualities,
        "output_format": card.formats,
        "background": card.backgrounds,
        **({"style": card.styles[:2]} if card.styles else {}),
        **({"input_fidelity": card.fidelities} if card.fidelities else {}),
        "n": (1, 2) if card.max_n > 1 else (),
        "images": ((PICTURE,), (PICTURE, ANOTHER)) if takes_several else (),
        "mask": (PICTURE, ANOTHER) if operation is Operation.INPAINT else (),
    }


def _request(card: ModelCard, operation: Operation) -> ImageRequest:
    """The simplest request for an operation."""
    return ImageRequest(
        model=card.id,
        prompt="a lighthouse" if card.prompt else "",
        images=() if operation is Operation.GENERATE else (PICTURE,),
        mask=PICTURE if operation is Operation.INPAINT else None,
    )


def _fitted(card: ModelCard, base: ImageRequest, name: str, value: Any) -> ImageRequest | None:
    """The request with one more setting, if the card does it as it is."""
    asked: dict[str, Any] = {name: value}
    if name == "output_compression":
        asked["output_format"] = "jpeg"
    fit = check(card, replace(base, **asked), LONG_AGO)
    return fit.request if isinstance(fit, Fit) and not fit.warnings else None


def _sent(provider: Provider, card: ModelCard, request: ImageRequest) -> tuple[str, ...]:
    """The requests that a flow makes before it has any answer, as text, if they ask for work."""
    settings: dict[str, Any] = {one.name: getattr(request, one.name) for one in fields(Settings)}
    task = Task(card=card, base_url=ELSEWHERE, **settings)
    journey = travel(provider, provider.generate(task), [])
    return tuple(map(_text, journey.requests)) if journey.billable else ()


def _text(request: HttpRequest) -> str:
    form = [_part(part) for part in request.form or ()]
    return repr((request.url, dict(request.headers), request.json, form, request.content))


def _part(part: Part) -> tuple[Any, ...]:
    return tuple(getattr(part, field.name) for field in fields(part))
