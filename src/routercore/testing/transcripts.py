"""Recorded exchanges with a vendor as JSON files, and a player that runs a provider on them.

One file is one case: a task, the exchanges that it leads to, and what comes of it::

    {
      "provider": "openai",
      "about": "A picture from a prompt.",
      "source": "recorded",
      "task": {"model": "gpt-image-2", "prompt": "a heron", "size": "1024x1024"},
      "exchanges": [
        {
          "request": {"method": "POST", "url": "https://…", "json": {"prompt": "a heron"}},
          "response": {"status": 200, "headers": {}, "json": {"data": [{"b64_json": "…"}]}}
        }
      ],
      "result": {"images": 1}
    }

``source`` says where the case is from: ``recorded`` at the vendor, ``documented`` by it, or
``invented``. In a request, ``json`` and ``form`` name the fields that must be sent as given (a
file is ``"<file>"``, a repeated field a list), and ``without`` those that must not be sent. A
response has ``json``, ``text``, ``base64`` or ``events``. ``failure`` takes the place of ``result``
where the case fails; either lists attributes and what they must be.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from routercore.provider import (
    Generated,
    HttpRequest,
    HttpResponse,
    InputImage,
    ModelCard,
    Part,
    Provider,
    ServerEvent,
    Size,
    Task,
    Usage,
    Warning,
)
from routercore.testing.flows import Played, play
from routercore.values.catalogue import WILDCARD
from routercore.values.faults import Failure

FILE = "<file>"
PIXEL = "iVBORw0KGgo="
"""What a picture is here that is given by its URL."""


class Source(StrEnum):
    """Where a transcript is from."""

    RECORDED = "recorded"
    """The vendor, or a server of its own make, answered so."""
    DOCUMENTED = "documented"
    """Written from the vendor's documents or its own client's code."""
    INVENTED = "invented"
    """Made up, to have something to start from."""


class Mismatch(AssertionError):
    """A provider did something else than the transcript says."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and the response to it."""

    request: Mapping[str, Any]
    response: Mapping[str, Any]

    def check(self, sent: HttpRequest) -> None:
        """Compare a request with the recorded one.

        Raises:
            Mismatch: they differ in method, URL, a recorded header or field, or a field is sent
                that must not be.
        """
        wanted = self.request
        _expect(
            "method and URL", f"{wanted['method']} {wanted['url']}", f"{sent.method} {sent.url}"
        )
        for name, value in wanted.get("headers", {}).items():
            _expect(f"header {name!r}", value, sent.headers.get(name))
        actual = _sent_json(sent) if sent.form is None else form_values(sent.form)
        kind = "json" if sent.form is None else "form"
        _expect_fields(kind, wanted.get(kind, {}), actual)
        if other := wanted.keys() & ({"json", "form"} - {kind}):
            raise Mismatch(f"expected a body of {other.pop()}, got {kind}")
        named = actual if isinstance(actual, Mapping) else ()
        unwanted = set(wanted.get("without", ())) & set(named)
        if unwanted:
            raise Mismatch(f"sent what must not be sent: {sorted(unwanted)}")

    def reply(self) -> HttpResponse:
        """The recorded response; without a body if it is a stream of events."""
        recorded = self.response
        headers = {name.lower(): value for name, value in recorded.get("headers", {}).items()}
        return HttpResponse(
            status=recorded["status"],
            headers=headers,
            body=_body(recorded),
            url=self.request["url"],
        )

    def events(self) -> list[ServerEvent]:
        """The recorded events, each ``{"event": name, "data": object or text}``."""
        return [
            ServerEvent(event.get("event", "message"), _as_text(event["data"]))
            for event in self.response.get("events", ())
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One recorded case."""

    provider: str
    about: str
    task: Mapping[str, Any]
    exchanges: tuple[Exchange, ...]
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    source: Source | None = None
    notices: Sequence[Mapping[str, Any]] | None = None
    """The notices that the flow must emit, in order, each as ``{"kind": "partial", …}``."""

    def task_for(self, provider: Provider) -> Task:
        """The case's task, on the card of its model.

        Raises:
            Mismatch: the provider has no such model.
        """
        settings = dict(self.task)
        card = _card(provider, settings.pop("model"))
        for name in ("mask", "markup"):
            if name in settings:
                settings[name] = _image(settings[name])
        settings["images"] = tuple(_image(text) for text in settings.pop("images", ()))
        if "size" in settings:
            settings["size"] = Size.parse(settings["size"])
        base_url = settings.pop("base_url", provider.origins[0])
        return Task(card=card, base_url=base_url, **settings)

    def check(self, played: Played[Generated]) -> None:
        """Compare what a flow did, and what came of it, with what the case says.

        Raises:
            Mismatch: it is something else.
        """
        for exchange, request in zip(self.exchanges, played.requests, strict=False):
            exchange.check(request)
        _expect("number of requests", len(self.exchanges), len(played.requests))
        if self.notices is not None:
            actual = [{"kind": type(n).__name__.lower(), **plain(n)} for n in played.notices]
            _expect("number of notices", len(self.notices), len(actual))
            for wanted, notice in zip(self.notices, actual, strict=True):
                _expect_fields("notice", wanted, notice)
        self._check_outcome(played.failed.failure if played.failed else played.result)

    def _check_outcome(self, outcome: Generated | Failure) -> None:
        kind = "failure" if isinstance(outcome, Failure) else "result"
        expected = self.failure if isinstance(outcome, Failure) else self.result
        if expected is None:
            raise Mismatch(f"unexpected {kind}: {outcome}")
        _expect_fields(kind, expected, plain(outcome))


def load(path: str | Path) -> Transcript:
    """Read a transcript.

    Raises:
        ValueError: the file is no transcript.
        OSError: the file cannot be read.
    """
    recorded = json.loads(Path(path).read_text("utf-8"))
    if ("result" in recorded) == ("failure" in recorded):
        raise ValueError(f"{path}: a transcript has either a result or a failure")
    exchanges = tuple(Exchange(one["request"], one["response"]) for one in recorded["exchanges"])
    source = Source(recorded["source"]) if "source" in recorded else None
    return Transcript(**{**recorded, "exchanges": exchanges, "source": source})


def replay(provider: Provider, source: str | Path | Transcript) -> Played[Generated]:
    """Run a provider on a transcript, with no engine and no time passing.

    Raises:
        Mismatch: the provider asks for something else, stops early, or comes to something else.
    """
    transcript = source if isinstance(source, Transcript) else load(source)
    replies: list[HttpResponse | ServerEvent] = []
    for exchange in transcript.exchanges:
        replies += [exchange.reply(), *exchange.events()]
    played = play(provider, provider.generate(transcript.task_for(provider)), replies)
    transcript.check(played)
    return played


def form_values(parts: Sequence[Part]) -> dict[str, Any]:
    """A form as a mapping: text as it is, files as ``<file>``, repeated names as lists."""
    values: dict[str, Any] = {}
    for part in parts:
        value: Any = FILE if part.filename is not None else part.data
        if part.name in values:
            earlier = values[part.name]
            value = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        values[part.name] = value
    return values


def plain(value: Any) -> dict[str, Any]:
    """The attributes of a value as JSON would have them; ``images`` is their number."""
    return {f.name: _plain(f.name, getattr(value, f.name)) for f in fields(value)}


def _plain(name: str, value: Any) -> Any:
    if name == "images":
        return len(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Usage):
        return plain(value)
    if isinstance(value, tuple):
        return [_said(one) if isinstance(one, Warning) else one for one in value]
    return value


def _said(warning: Warning) -> dict[str, Any]:
    return {name: value for name, value in plain(warning).items() if value is not None}


def _sent_json(sent: HttpRequest) -> Any:
    """The JSON of a request, also of one that its provider has encoded to have it signed."""
    try:
        return sent.json if sent.content is None else json.loads(sent.content)
    except ValueError:
        return None


def _card(provider: Provider, model: str) -> ModelCard:
    cards = provider.catalogue()
    for card in cards:
        if model in card.names:
            return card
    for card in cards:
        if card.id == WILDCARD:
            return card.named(model)
    raise Mismatch(f"{provider.name!r} has no model {model!r}")


def _image(text: str) -> InputImage:
    """A picture in base64; or one that the caller gave by its URL, which the engine has fetched."""
    if text.startswith("https://"):
        return replace(InputImage.of(base64.b64decode(PIXEL)), url=text)
    return InputImage.of(base64.b64decode(text, validate=True))


def _body(recorded: Mapping[str, Any]) -> bytes:
    if "json" in recorded:
        return json.dumps(recorded["json"]).encode()
    if "base64" in recorded:
        return base64.b64decode(recorded["base64"], validate=True)
    return str(recorded.get("text", "")).encode()


def _as_text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data)


def _expect(what: str, expected: Any, actual: Any) -> None:
    if expected != actual:
        raise Mismatch(f"{what}: expected {expected!r}, got {actual!r}")


def _expect_fields(what: str, expected: Any, actual: Any) -> None:
    """Every recorded field must be there; others may be."""
    if not isinstance(expected, Mapping):
        _expect(what, expected, actual)
        return
    if not isinstance(actual, Mapping):
        if expected:
            raise Mismatch(f"{what}: expected {dict(expected)!r}, got {actual!r}")
        return
    for name, value in expected.items():
        if name not in actual:
            raise Mismatch(f"{what}: {name!r} is missing")
        _expect_fields(f"{what}.{name}", value, actual[name])
