"""Checks of what a provider does: its transcripts played whole, altered, cut and watched."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from routercore.engine.jsons import loads
from routercore.provider.flow import Call, Effect, Flow, Open
from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent
from routercore.testing.conformance.subject import (
    CheckFailed,
    Journey,
    Subject,
    replies_in,
    script_of,
    travel,
    watched,
)
from routercore.testing.driven import SECRET, KeyMismatch, replay_driven
from routercore.testing.transcripts import Mismatch, Transcript, replay
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import Generated
from routercore.values.money import settle

HOSTILE_URL = "http://169.254.169.254/latest/meta-data"
CREDENTIAL_HEADERS = re.compile(r"authorization|cookie|x-key|.*api[-_]?key.*|.*token.*", re.I)
MIN_POLL = 0.2
"""Seconds; asking more often than five times a second is no manners."""
BIG_REPLY = 4 * 1024 * 1024
MAX_STEP = 0.020
"""Seconds that one pure step may hold up the event loop for a big reply."""


def replays(subject: Subject) -> None:
    """Every transcript leads to the recorded requests and outcome, also through the engine."""
    if not subject.successes:
        raise CheckFailed(
            "there is no transcript of a success in tests/transcripts; `routercore plugin record` "
            "makes one"
        )
    for name, transcript in subject.transcripts:
        try:
            replay(subject.provider, transcript)
            asyncio.run(replay_driven(subject.provider, transcript))
        except KeyMismatch:
            continue  # That is for the check of secrets to say.
        except Mismatch as error:
            raise CheckFailed(f"{name}: {error}") from error


def mutates(subject: Subject) -> None:
    """Whatever any reply is turned into, it ends in images or a failure, and submits no more."""
    for name, transcript in subject.transcripts:
        script = script_of(transcript)
        allowed = max(_start(subject, transcript, script).billable, 1)
        for index in replies_in(script):
            for kind, mutant in _mutants(script[index]):
                altered = [*script[:index], mutant, *script[index + 1 :]]
                with _said(f"{name}, reply {index + 1} {kind}"):
                    journey = _start(subject, transcript, altered)
                    if journey.billable > allowed:
                        raise CheckFailed(f"it sent {journey.billable} billable requests")


def _start(subject: Subject, transcript: Transcript, script: list[Any]) -> Journey:
    flow = subject.provider.generate(transcript.task_for(subject.provider))
    return travel(subject.provider, flow, script)


@contextmanager
def _said(where: str) -> Iterator[None]:
    try:
        yield
    except CheckFailed as error:
        raise CheckFailed(f"{where}: {error}") from error.__cause__


def _mutants(reply: Any) -> Iterator[tuple[str, HttpResponse | ProviderFailed]]:
    """One reply, spoilt in every way that vendors and their proxies have been seen to."""
    yield "as a 500", replace(reply, status=500, body=b"oops")
    limited = {**reply.headers, "retry-after": "7"}
    yield "as a 429", replace(reply, status=429, headers=limited, body=b"{}")
    yield "as a redirect", ProviderFailed(Failure(fault=Fault.REDIRECTED, message="a redirect"))
    yield "too large", ProviderFailed(Failure(fault=Fault.REPLY_CUT, message="too large"))
    yield "empty", replace(reply, body=b"")
    yield "as HTML", replace(reply, headers={"content-type": "text/html"}, body=b"<html></html>")
    yield "truncated", replace(reply, body=reply.body[: len(reply.body) // 2])
    for value in (b"null", b"[]", b"5", b'"text"', b"{}", b'{"status": "no such word"}'):
        yield f"as {value.decode()}", replace(reply, body=value)
    body = reply.object()
    for path, leaf in _leaves(body):
        for other in _others(leaf):
            where = ".".join(map(str, path))
            mutant = json.dumps(_put(body, path, other)).encode()
            yield f"with {where} = {str(other)[:40]!r}", replace(reply, body=mutant)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value inside a JSON value, containers included, with the way to it."""
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value[:2])
    for key, child in children:
        yield (*path, key), child
        yield from _leaves(child, (*path, key))


def _others(leaf: Any) -> Iterator[Any]:
    yield from (None, [], {}, 5, "")
    if isinstance(leaf, str):
        yield "no such word"
        if leaf.startswith("http"):
            yield HOSTILE_URL


def _put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, key: _put(value[key], rest, other)}
    return [_put(child, rest, other) if i == key else child for i, child in enumerate(value)]


def cut(subject: Subject) -> None:
    """At every effect it can be closed, and can have its call fail, without holding on."""
    for name, transcript in subject.transcripts:
        script = script_of(transcript)
        effects = _effects(subject, transcript, script)
        for index in range(len(effects)):
            with _said(f"{name}, closed at effect {index + 1}"):
                _close(_at(subject, transcript, script, index))
        calls = [i for i, effect in enumerate(effects) if isinstance(effect, Call | Open)]
        for number, _ in enumerate(calls):
            for fault in (Fault.NOT_SENT, Fault.REPLY_LOST, Fault.DEADLINE):
                broken = ProviderFailed(Failure(fault=fault, message="cut"))
                places = list(replies_in(script))
                if number >= len(places):
                    continue
                altered = [*script[: places[number]], broken, *script[places[number] + 1 :]]
                with _said(f"{name}, call {number + 1} ended as {fault}"):
                    _start(subject, transcript, altered)


def _effects(subject: Subject, transcript: Transcript, script: list[Any]) -> list[Effect]:
    """The effects of a whole journey, in order."""
    seen: list[Effect] = []
    flow = watched(subject.provider.generate(transcript.task_for(subject.provider)), seen.append)
    travel(subject.provider, flow, script)
    return seen


class _Stop(Exception):
    """Ends a journey at a chosen effect."""


def _at(subject: Subject, transcript: Transcript, script: list[Any], index: int) -> Flow[Generated]:
    """The flow, standing at its ``index``-th effect."""
    flow = subject.provider.generate(transcript.task_for(subject.provider))
    seen: list[Effect] = []

    def see(effect: Effect) -> None:
        seen.append(effect)
        if len(seen) > index:
            raise _Stop

    try:
        travel(subject.provider, watched(flow, see), script)
    except CheckFailed as error:
        if not isinstance(error.__cause__, _Stop):
            raise
    return flow


def _close(flow: Flow[Generated]) -> None:
    try:
        flow.close()
    except RuntimeError as error:
        raise CheckFailed(f"it yields again when it is closed: {error}") from error
    except Exception as error:  # The plugin boundary: a finding.
        raise CheckFailed(f"it raised {type(error).__name__} when closed") from error


_deeds: ContextVar[list[str] | None] = ContextVar("_deeds", default=None)
_FORBIDDEN = ("socket.", "subprocess.", "os.system", "time.sleep", "os.remove", "os.putenv")


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    deeds = _deeds.get()
    if deeds is None:
        return
    is_write = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event.startswith(_FORBIDDEN) or is_write:
        deeds.append(event)


@cache
def _listen() -> None:
    """Audit hooks cannot be taken back, so that one serves for the life of the process."""
    sys.addaudithook(_audit)


def pure(subject: Subject) -> None:
    """It opens no socket, file or process, sleeps in no thread, and does the same every time."""
    _listen()
    for name, transcript in subject.transcripts:
        deeds: list[str] = []
        token = _deeds.set(deeds)
        try:
            task = transcript.task_for(subject.provider)
            runs = [
                travel(subject.provider, subject.provider.generate(task), script_of(transcript))
                for _ in range(2)
            ]
        finally:
            _deeds.reset(token)
        if deeds:
            raise CheckFailed(f"{name}: it does what only the engine may: {', '.join(deeds)}")
        if runs[0].requests != runs[1].requests:
            raise CheckFailed(f"{name}: the same task leads to other requests the second time")


def polite(subject: Subject) -> None:
    """It waits between polls, obeys Retry-After, and marks no poll as billable."""
    for name, transcript in subject.transcripts:
        script = script_of(transcript)
        journey = _start(subject, transcript, script)
        polls = [request for request in journey.requests[1:] if request.method == "GET"]
        if any(request.is_billable for request in polls):
            raise CheckFailed(f"{name}: a GET is marked as billable")
        if polls and journey.waits and min(journey.waits) < MIN_POLL:
            raise CheckFailed(f"{name}: it waits {min(journey.waits)} s between polls")
        places = list(replies_in(script))
        if transcript.result is not None and len(places) > 1 and polls:
            _obeys(subject, name, transcript, script, places[1])


def _obeys(
    subject: Subject, name: str, transcript: Transcript, script: list[Any], place: int
) -> None:
    limited = HttpResponse(status=429, headers={"retry-after": "7"}, body=b"{}")
    journey = _start(subject, transcript, [*script[:place], limited, *script[place:]])
    is_failure = isinstance(journey.outcome, ProviderFailed)
    if not is_failure and max(journey.waits, default=0.0) < 7:
        raise CheckFailed(f"{name}: a poll was asked again before its Retry-After of 7 s")


def bills(subject: Subject) -> None:
    """A success has a price: reported, counted, or listed; where none is known its card says so."""
    costs: list[Decimal | None] = []
    for name, transcript in subject.successes:
        task = transcript.task_for(subject.provider)
        outcome = _start(subject, transcript, script_of(transcript)).outcome
        if not isinstance(outcome, Generated):
            raise CheckFailed(f"{name}: it does not succeed")
        count = len(outcome.images)
        cost = settle(task.card, task, outcome.usage, outcome.cost_usd, delivered=count)
        if cost.usd is None and "prices" not in task.card.unverified:
            raise CheckFailed(f"{name}: nobody can tell what {task.card.id!r} cost")
        if cost.usd is not None and cost.usd < 0:
            raise CheckFailed(f"{name}: it cost {cost.usd}")
        costs.append(cost.usd)
    if costs and not any(usd is not None for usd in costs):
        raise CheckFailed("nobody can tell what any of its successes cost")


def secrets(subject: Subject) -> None:
    """It puts no credential on a request, and none into handles, notices or errors."""
    for name, transcript in subject.transcripts:
        journey = _start(subject, transcript, script_of(transcript))
        for request in journey.requests:
            _unsigned(name, request)
        try:
            played = asyncio.run(replay_driven(subject.provider, transcript))
        except KeyMismatch as error:
            raise CheckFailed(f"{name}: {error}") from error
        except Mismatch:
            continue  # That is for the check of replays to say.
        said = [*map(repr, played.notices), repr(played.failed), repr(played.value)]
        if any(SECRET in text for text in said):
            raise CheckFailed(f"{name}: the key is in a notice, a handle or an error")


def _unsigned(name: str, request: HttpRequest) -> None:
    for header in request.headers:
        if CREDENTIAL_HEADERS.fullmatch(header):
            raise CheckFailed(f"{name}: it sets the header {header!r}; declare it as auth")


def speed(subject: Subject) -> None:
    """No step holds up the event loop for more than 20 ms over a reply of 4 MB."""
    for name, transcript in subject.successes:
        script = [_swollen(reply) for reply in script_of(transcript)]
        slowest = min(_slowest_step(subject, transcript, script) for _ in range(3))
        if slowest > MAX_STEP:
            raise CheckFailed(f"{name}: a step takes {slowest * 1000:.0f} ms over a reply of 4 MB")


def _swollen(reply: HttpResponse | ServerEvent) -> HttpResponse | ServerEvent:
    """The reply with its longest piece of base64 grown to 4 MB."""
    body = reply.body if isinstance(reply, HttpResponse) else reply.data.encode()
    longest = max(re.findall(rb'"[A-Za-z0-9+/]{20,}={0,2}"', body), key=len, default=None)
    if longest is None:
        return reply
    grown = body.replace(longest, b'"' + b"QUJD" * (BIG_REPLY // 4) + b'"', 1)
    if isinstance(reply, HttpResponse):
        return replace(reply, body=grown, loads=loads)
    return replace(reply, data=grown.decode(), loads=loads)


def _slowest_step(subject: Subject, transcript: Transcript, script: list[Any]) -> float:
    """The longest time from handing over a reply to the next effect, in CPU seconds."""
    slowest, began = 0.0, time.process_time()

    def see(effect: Effect) -> None:
        nonlocal slowest, began
        slowest = max(slowest, time.process_time() - began)
        began = time.process_time()

    flow = watched(subject.provider.generate(transcript.task_for(subject.provider)), see)
    travel(subject.provider, flow, script)
    return max(slowest, time.process_time() - began)
