"""Recording a transcript against a live or local endpoint, without ever holding a credential.

What is recorded is what the flow yields and is sent, on the provider's side of the signature: the
engine signs later. There is nothing to redact, because nothing was there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from routercore.engine.clock import SystemClock
from routercore.engine.driver import Driver
from routercore.engine.transport.base import Transport
from routercore.provider.flow import Call, Flow, Open
from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent
from routercore.provider.spec import Provider
from routercore.testing.providers import PNG, PNG_BASE64
from routercore.testing.transcripts import PIXEL, Source, form_values
from routercore.values.amounts import number_of
from routercore.values.faults import ProviderFailed
from routercore.values.images import Generated, InputImage, Task

KEPT_HEADERS = ("content-type", "retry-after", "retry-after-ms", "finish-reason", "seed")
"""Those that providers read. Others may say who asked, or set cookies."""
LONG_BASE64 = re.compile(r"[A-Za-z0-9+/]{2000,}={0,2}")
MAX_TEXT = 20_000
MAX_KEPT = 1_000
"""Bytes of a caller's picture that is kept as it is."""
SMALL = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xd9",
    "image/webp": b"RIFF\0\0\0\0WEBP",
    "image/gif": b"GIF89a",
    "image/svg+xml": b"<svg/>",
}
"""The beginnings by which the kinds are told."""


@dataclass
class Recording:
    """One case as it happens."""

    about: str
    task: Mapping[str, Any]
    """Its settings, as a transcript has them."""
    swaps: Mapping[str, str] = field(default_factory=dict)
    """What stands in for each large picture of the caller's, both in base64."""
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    outcome: Generated | ProviderFailed | None = None

    @classmethod
    def of(cls, about: str, task: Task, usual_url: str) -> Recording:
        """A case that is to begin: the task's settings, its large pictures shrunk."""
        pictures = [*task.images, *filter(None, (task.mask, task.markup))]
        swaps = {one.base64: _stand_in(one) for one in pictures}
        shown = {
            name: value if isinstance(value, int) else str(value)
            for name, value in task.asked().items()
            if name not in ("markup", "svg")
        }
        written: dict[str, Any] = {"model": task.model, "prompt": task.prompt, **shown}
        if task.images:
            written["images"] = [one.url or swaps[one.base64] for one in task.images]
        for name in ("mask", "markup"):
            if (overlay := getattr(task, name)) is not None:
                written[name] = swaps[overlay.base64]
        if task.stream:
            written["stream"] = True
        if task.base_url != usual_url:
            written["base_url"] = task.base_url
        return cls(about, written, swaps)

    @property
    def is_success(self) -> bool:
        return isinstance(self.outcome, Generated)

    @property
    def ended(self) -> str:
        """What came of it, in a few words."""
        if isinstance(self.outcome, ProviderFailed):
            failure = self.outcome.failure
            return f"{failure.fault.value}: {failure.message}"
        count = len(self.outcome.images) if self.outcome else 0
        return number_of(count, "image")

    def as_json(self, provider: str) -> str:
        """The text of the transcript."""
        case: dict[str, Any] = {
            "provider": provider,
            "about": self.about,
            "source": Source.RECORDED.value,
            "task": dict(self.task),
            "exchanges": self.exchanges,
        }
        if isinstance(self.outcome, Generated):
            case["result"] = {"images": len(self.outcome.images)}
        elif self.outcome is not None:
            case["failure"] = {"fault": self.outcome.failure.fault.value}
        return json.dumps(case, indent=2, ensure_ascii=False) + "\n"


async def record(
    provider: Provider,
    task: Task,
    recording: Recording,
    *,
    transport: Transport,
    secret: str | None,
    deadline: float = 300.0,
) -> None:
    """Do the task for real, and keep what was said on the way.

    Args:
        provider: whose flow is driven.
        task: what to do. It may cost what it costs.
        recording: takes the exchanges and the outcome.
        transport: sends.
        secret: what the engine signs with; it stays in the engine.
        deadline: seconds for everything.
    """
    clock = SystemClock()
    usual = provider.origins[0]
    origins = tuple(provider.origins) if task.base_url == usual else (task.base_url,)
    driver = Driver(
        transport=transport, clock=clock, provider=provider, secret=secret, signed_origins=origins,
        trusted_origins=frozenset(), on_notice=lambda notice: None, jitter=lambda: 0.0,
    )  # fmt: skip
    try:
        flow = _listened(provider, provider.generate(task), recording)
        recording.outcome = await driver.run(lambda: flow, clock.monotonic() + deadline)
    except ProviderFailed as error:
        recording.outcome = error


def _listened(provider: Provider, flow: Flow[Generated], recording: Recording) -> Flow[Generated]:
    """The flow itself, with its exchanges written down as they pass.

    Calls are made raw, so that error answers are seen too; what they mean is said here instead.
    """
    reply: Any = None
    failed: ProviderFailed | None = None
    while True:
        try:
            effect = flow.throw(failed) if failed else flow.send(reply)
        except StopIteration as end:
            value: Generated = end.value
            return value
        try:
            seen = replace(effect, raw=True) if isinstance(effect, Call) else effect
            reply, failed = (yield seen), None
        except ProviderFailed as error:
            reply, failed = None, error
        if isinstance(effect, Call | Open) and isinstance(reply, HttpResponse):
            sent = _sent(effect.request, recording.swaps)
            exchange = {"request": sent, "response": _received(reply)}
            recording.exchanges.append(exchange)
        elif isinstance(reply, ServerEvent):
            _add_event(recording, reply)
        answer = reply if isinstance(reply, HttpResponse) and not reply.is_success else None
        if answer is not None and isinstance(effect, Call) and not effect.raw:
            failed = ProviderFailed(provider.classify(answer))


def _sent(request: HttpRequest, swaps: Mapping[str, str]) -> dict[str, Any]:
    """The request as a transcript has it: no header, so none that could be secret."""
    sent: dict[str, Any] = {"method": request.method, "url": request.url}
    if request.form is not None:
        sent["form"] = form_values(request.form)
    elif request.json is not None:
        sent["json"] = _shrunk(_swapped(request.json, swaps))
    return sent


def _received(response: HttpResponse) -> dict[str, Any]:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    kept: dict[str, Any] = {"status": response.status}
    if headers:
        kept["headers"] = headers
    if not response.body:
        return kept
    try:
        return {**kept, "json": _shrunk(response.json())}
    except ValueError:
        pass
    if response.body.isascii():
        return {**kept, "text": response.body.decode("ascii")[:MAX_TEXT]}
    return {**kept, "base64": _picture(response.body)}


def _add_event(recording: Recording, event: ServerEvent) -> None:
    response = recording.exchanges[-1]["response"]
    try:
        data: Any = _shrunk(event.json())
    except ValueError:
        data = event.data[:MAX_TEXT]
    response.setdefault("events", []).append({"event": event.event, "data": data})


def _stand_in(image: InputImage) -> str:
    """A picture of the same kind that is small enough to keep; a replay sends it in its place."""
    if image.url:
        return PIXEL
    if len(image.data) <= MAX_KEPT:
        return image.base64
    return base64.b64encode(SMALL[image.media_type]).decode("ascii")


def _swapped(value: Any, swaps: Mapping[str, str]) -> Any:
    """JSON with the caller's pictures swapped, also where they are lists of bytes."""
    if isinstance(value, dict):
        return {name: _swapped(part, swaps) for name, part in value.items()}
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        for old, new in swaps.items():
            if value == list(base64.b64decode(old)):
                return list(base64.b64decode(new))
        return value
    if isinstance(value, list):
        return [_swapped(part, swaps) for part in value]
    for old, new in swaps.items():
        value = value.replace(old, new) if isinstance(value, str) else value
    return value


def _shrunk(value: Any) -> Any:
    """JSON with every picture in it replaced by one of a single pixel."""
    if isinstance(value, dict):
        return {name: _shrunk(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shrunk(part) for part in value]
    if isinstance(value, str) and len(value) > 2000:
        return LONG_BASE64.sub(PNG_BASE64, value)
    return value


def _picture(body: bytes) -> str:
    """Bytes that are no text: small ones as they are, a picture as one of a single pixel."""
    return PNG_BASE64 if len(body) > 2000 else base64.b64encode(body).decode("ascii")
