"""Checks of handles: what an accepted job is found again by, in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from routercore.engine.jsons import loads
from routercore.provider.flow import Call, Effect, Emit, Open
from routercore.provider.http import HttpResponse, ServerEvent
from routercore.provider.spec import Cancels, Resumes
from routercore.testing.conformance.subject import (
    CheckFailed,
    Subject,
    script_of,
    travel,
    watched,
)
from routercore.testing.flows import play
from routercore.testing.transcripts import Mismatch, Transcript
from routercore.values.events import Accepted
from routercore.values.images import Task


def resumes(subject: Subject) -> None:
    """A job that it accepts is resumed, and called off, by its handle alone."""
    cases = [case for name, one in subject.transcripts for case in _accepted(subject, name, one)]
    can_resume = isinstance(subject.provider, Resumes)
    if cases and not can_resume:
        raise CheckFailed(f"{cases[0][0]}: it emits Accepted, and has no resume")
    if can_resume and not any(one.result for _, one, _ in cases):
        raise CheckFailed("it has resume, and no transcript of an accepted job that succeeds")
    for name, rest, handle in cases:
        _resume(subject, name, rest, handle)
        if isinstance(subject.provider, Cancels):
            _call_off(subject, name, handle)


def _accepted(
    subject: Subject, name: str, transcript: Transcript
) -> Iterator[tuple[str, Transcript, Mapping[str, Any]]]:
    """If a job is accepted in this case: what comes after that, and the handle."""
    effects: list[Effect] = []
    flow = subject.provider.generate(transcript.task_for(subject.provider))
    travel(subject.provider, watched(flow, effects.append), script_of(transcript))
    calls = 0
    for effect in effects:
        calls += isinstance(effect, Call | Open)
        if isinstance(effect, Emit) and isinstance(effect.notice, Accepted):
            rest = replace(transcript, exchanges=transcript.exchanges[calls:], notices=None)
            yield name, rest, _written(name, effect.notice.handle)
            return


def _written(name: str, handle: Mapping[str, Any]) -> Mapping[str, Any]:
    """The handle as another process reads it."""
    try:
        written: Mapping[str, Any] = json.loads(json.dumps(handle, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"{name}: its handle is not JSON: {error}") from error
    if not written:
        raise CheckFailed(f"{name}: its handle is empty")
    return written


def _resume(subject: Subject, name: str, rest: Transcript, handle: Mapping[str, Any]) -> None:
    """Nothing is known of the task any more but its card and where the API is."""
    assert isinstance(subject.provider, Resumes)
    whole = rest.task_for(subject.provider)
    bare = Task(card=whole.card, base_url=whole.base_url, prompt="")
    replies: list[HttpResponse | ServerEvent] = []
    for exchange in rest.exchanges:
        replies += [replace(exchange.reply(), loads=loads), *exchange.events()]
    try:
        rest.check(play(subject.provider, subject.provider.resume(bare, handle), replies))
    except Mismatch as error:
        raise CheckFailed(f"{name}, resumed by {dict(handle)!r:.300}: {error}") from error


def _call_off(subject: Subject, name: str, handle: Mapping[str, Any]) -> None:
    """Its vendor is asked something, and never to do more work."""
    assert isinstance(subject.provider, Cancels)
    replies = [HttpResponse(status=200, body=b"{}")] * 4
    requests = play(subject.provider, subject.provider.cancel(handle), replies).requests
    if not requests or any(request.is_billable for request in requests):
        raise CheckFailed(f"{name}: cancel asks nothing, or by a request that is billable")
