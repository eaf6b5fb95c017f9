"""What is checked: a provider with its transcripts, and ways to play them altered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from routercore.engine.jsons import loads
from routercore.provider.flow import Call, Effect, Emit, Flow, NextEvent, Open, Wait
from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent
from routercore.provider.spec import Provider
from routercore.testing.flows import Reply
from routercore.testing.transcripts import Transcript, load
from routercore.values.faults import ProviderFailed
from routercore.values.images import Generated

MAX_EFFECTS = 2000
"""A flow that goes on longer than this against a script goes on for ever."""


class CheckFailed(AssertionError):
    """A provider does not do what the kit asks; the message says what and where."""


@dataclass(frozen=True)
class Subject:
    """A provider and the recorded cases that it is checked on."""

    provider: Provider
    transcripts_in: Path

    @cached_property
    def transcripts(self) -> tuple[tuple[str, Transcript], ...]:
        """The recorded cases of this provider by file name, in order."""
        found = [(path.stem, load(path)) for path in sorted(self.transcripts_in.glob("*.json"))]
        name = self.provider.name
        return tuple((stem, one) for stem, one in found if one.provider == name)

    @property
    def successes(self) -> tuple[tuple[str, Transcript], ...]:
        return tuple((name, one) for name, one in self.transcripts if one.result is not None)


def script_of(transcript: Transcript) -> list[HttpResponse | ServerEvent]:
    """The recorded replies in the order in which a flow gets them."""
    script: list[HttpResponse | ServerEvent] = []
    for exchange in transcript.exchanges:
        script += [replace(exchange.reply(), loads=loads), *exchange.events()]
    return script


def replies_in(script: Sequence[Any]) -> Iterator[int]:
    """Where in a script the responses are."""
    return (index for index, reply in enumerate(script) if isinstance(reply, HttpResponse))


@dataclass
class Journey:
    """What a flow did against a script: what it sent and waited, and how it ended."""

    requests: list[HttpRequest]
    waits: list[float]
    outcome: Generated | ProviderFailed | ValueError

    @property
    def billable(self) -> int:
        return sum(request.is_billable for request in self.requests)


def travel(
    provider: Provider, flow: Flow[Generated], script: Sequence[Reply | ServerEvent]
) -> Journey:
    """Drive a flow against a script; what it raises beyond its rights is a failed check.

    Raises:
        CheckFailed: it raised something else than ``ProviderFailed`` or ``ValueError``, never
            ends, or returned no images without saying why.
    """
    journey = Journey([], [], ValueError("it did not end"))
    left, answer = list(script), None
    for _ in range(MAX_EFFECTS):
        try:
            effect = flow.throw(answer) if isinstance(answer, ProviderFailed) else flow.send(answer)
            answer = _answer(provider, effect, left, journey)
        except StopIteration as end:
            journey.outcome = _returned(end.value)
            return journey
        except (ProviderFailed, ValueError) as error:
            journey.outcome = error
            return journey
        except Exception as error:  # The plugin boundary: a finding.
            raise CheckFailed(f"it raised {type(error).__name__}: {error}") from error
    raise CheckFailed(f"it still goes on after {MAX_EFFECTS} effects")


def _returned(value: object) -> Generated:
    if not isinstance(value, Generated):
        raise CheckFailed(f"it returned {type(value).__name__}, not Generated")
    if not value.images:
        raise CheckFailed("it returned no image; raise fail(Fault.NO_IMAGE, …) instead")
    return value


def _answer(provider: Provider, effect: object, left: list[Any], journey: Journey) -> Any:
    from routercore.provider.flow import fail
    from routercore.values.faults import Fault

    match effect:
        case Wait(seconds):
            journey.waits.append(seconds)
        case Emit():
            return None
        case NextEvent():
            is_event = left and not isinstance(left[0], HttpResponse)
            return left.pop(0) if is_event else None
        case Call(request) | Open(request):
            journey.requests.append(request)
            while left and isinstance(left[0], ServerEvent):
                left.pop(0)  # Events that nobody read belong to the stream before.
            reply = left.pop(0) if left else fail(Fault.DEADLINE, "the script is at its end")
            is_raw = isinstance(effect, Call) and effect.raw
            if isinstance(reply, HttpResponse) and not reply.is_success and not is_raw:
                return ProviderFailed(provider.classify(reply))
            return reply
        case _:
            raise CheckFailed(f"it yielded {effect!r}, which cannot be played from a transcript")
    return None


def watched(flow: Flow[Generated], see: Callable[[Effect], None]) -> Flow[Generated]:
    """The flow itself, with every effect seen on its way out."""
    reply: Any = None
    thrown: ProviderFailed | None = None
    while True:
        try:
            effect = flow.throw(thrown) if thrown else flow.send(reply)
        except StopIteration as end:
            value: Generated = end.value
            return value
        see(effect)
        try:
            reply, thrown = (yield effect), None
        except ProviderFailed as error:
            thrown = error
