"""What ``routercore plugin record`` asks for, and how it keeps what was answered."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routercore.cli.asking import picture
from routercore.cli.output import UsageError
from routercore.values.catalogue import WILDCARD, MaskPolarity, ModelCard

if TYPE_CHECKING:
    from routercore.engine.transport.base import Transport
    from routercore.provider.spec import Provider
    from routercore.testing.recording import Recording
    from routercore.values.check import Fit
    from routercore.values.images import ImageRequest, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    model: str
    prompt: str
    size: str | None
    images: tuple[str, ...]
    mask: str | None
    stream: bool
    base_url: str | None

    def request(self, model: str) -> ImageRequest:
        from routercore.values.images import ImageRequest
        from routercore.values.sizes import Size

        if self.mask and not self.images:
            raise UsageError("--mask needs an --image")
        try:
            size = Size.parse(self.size) if self.size else None
        except ValueError as error:
            raise UsageError(str(error)) from error
        return ImageRequest(
            prompt=self.prompt,
            model=model,
            size=size,
            images=tuple(picture("--image", one) for one in self.images),
            mask=picture("--mask", self.mask) if self.mask else None,
        )


async def recorded(provider: Provider, asked: Asked) -> Recording:
    """Make the request for real, and keep what was said."""
    from routercore.engine.transport import default_transport
    from routercore.testing.recording import Recording
    from routercore.testing.recording import record as keep

    secret = os.environ.get(provider.auth.env or "")
    if provider.auth.env and not secret:
        raise UsageError(f"set {provider.auth.env}: the request is made for real, and signed")
    transport = default_transport()
    try:
        task = await _task(provider, asked, transport)
        recording = Recording.of(f"Recorded: {asked.prompt}", task, provider.origins[0])
        await keep(provider, task, recording, transport=transport, secret=secret or None)
    finally:
        await transport.close()
    return recording


def keep_in(target: Path, recording: Recording, provider: str) -> None:
    """Write the transcript, unless there was no answer or it would take a success's place."""
    if not recording.exchanges:
        raise UsageError(f"nothing was recorded: {recording.ended}")
    if not recording.is_success and target.is_file() and '"result"' in target.read_text("utf-8"):
        raise UsageError(
            f"{target} holds a success and is left as it is; give this one a --case of its own: "
            f"{recording.ended}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(recording.as_json(provider), "utf-8")


def card_of(provider: Provider, model: str) -> ModelCard:
    """The card of the model that is asked for, or of the only one there is."""
    cards = provider.catalogue()
    model = model or (cards[0].id if len(cards) == 1 else "")
    for card in cards:
        if model in card.names and card.id != WILDCARD:
            return card
    for card in cards:
        if model and card.id == WILDCARD:
            return card.named(model)
    raise UsageError(f"say which --model: {', '.join(card.id for card in cards)}")


async def _task(provider: Provider, asked: Asked, transport: Transport) -> Task:
    """The task as the engine would hand it over: fetched, fitted, its mask in the vendor's way."""
    from routercore.values.images import Settings, Task

    card = card_of(provider, asked.model)
    if asked.stream and not card.partial_images:
        raise UsageError(f"{card.id!r} does not stream")
    request = await _fetched(asked.request(asked.model or card.id), transport)
    fitted = _fitted(card, request).request
    if fitted.mask is not None and card.mask not in (None, MaskPolarity.ALPHA):
        from routercore.engine.pixels import mask_to
        from routercore.values.images import InputImage

        fitted = replace(fitted, mask=InputImage.of(mask_to(fitted.mask.data, card.mask)))
    settings = {name: getattr(fitted, name) for name in Settings.__dataclass_fields__}
    if asked.stream:
        settings["partial_images"] = 1
    base_url = asked.base_url or provider.origins[0]
    return Task(card=card, base_url=base_url, stream=asked.stream, **settings)


async def _fetched(request: ImageRequest, transport: Transport) -> ImageRequest:
    """The request with the bytes of every picture that was given by a URL."""
    from routercore.engine.clock import SystemClock
    from routercore.engine.inputs import Inputs
    from routercore.values.errors import RequestError

    inputs = Inputs(transport=transport, clock=SystemClock())
    try:
        return await inputs.resolve(request)
    except RequestError as error:
        raise UsageError(str(error)) from error


def _fitted(card: ModelCard, request: ImageRequest) -> Fit:
    from datetime import UTC, datetime

    from routercore.values.check import Fit, check

    fitted: Any = check(card, request, datetime.now(UTC).date())
    if not isinstance(fitted, Fit):
        raise UsageError("; ".join(reason.message for reason in fitted))
    return fitted
