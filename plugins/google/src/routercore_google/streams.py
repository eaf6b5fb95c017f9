"""``streamGenerateContent``: parts of an answer as they are made, put together to the whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from routercore.provider import (
    Fault,
    Flow,
    HttpRequest,
    HttpResponse,
    ProviderFailed,
    RawImage,
    Task,
    at,
    fail,
    list_at,
    next_event,
    open_stream,
    partial,
    text_at,
)
from routercore_google.errors import classified


@dataclass(slots=True)
class _Gathered:
    """What has come so far: each chunk has the form of an answer."""

    parts: list[Any] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)
    """``finishReason`` and its message, which come last."""
    rest: dict[str, Any] = field(default_factory=dict)
    """What the last chunk to have it counts: tokens, model, feedback on the prompt."""

    def add(self, chunk: dict[str, Any]) -> list[Any]:
        """Take a chunk in, and give the parts that it brought."""
        new = []
        for candidate in list_at(chunk, "candidates"):
            new += list_at(candidate, "content", "parts")
            for name in ("finishReason", "finishMessage"):
                if text := text_at(candidate, name):
                    self.ends[name] = text
        self.rest |= {name: value for name, value in chunk.items() if name != "candidates"}
        self.parts += new
        return new

    @property
    def is_ended(self) -> bool:
        return bool(self.ends) or at(self.rest, "promptFeedback", "blockReason") is not None

    def whole(self) -> dict[str, Any]:
        """The answer as it would have come in one piece."""
        return {**self.rest, "candidates": [{"content": {"parts": self.parts}, **self.ends}]}


def streamed(task: Task, request: HttpRequest) -> Flow[Any]:
    """The whole answer; pictures among the thoughts are told of as they come.

    Raises:
        ProviderFailed: an error came among the chunks, or the stream ended before the answer did.
    """
    head = yield from open_stream(request)
    if head.body:  # It does not stream after all.
        return head.json()
    gathered = _Gathered()
    try:
        yield from _gather(task, head, gathered)
    except (ProviderFailed, ValueError):
        if not _has_picture(gathered.parts):  # One that is there is paid for, and stays.
            raise
    if not gathered.is_ended and not _has_picture(gathered.parts):
        raise fail(Fault.REPLY_CUT, "the stream ended before the answer did")
    return gathered.whole()


def _gather(task: Task, head: HttpResponse, gathered: _Gathered) -> Flow[None]:
    sent = 0
    while (event := (yield from next_event())) is not None:
        chunk = event.json()
        if not isinstance(chunk, dict):
            raise fail(Fault.REPLY_CUT, "a chunk is not a JSON object")
        if chunk.get("error"):
            raise ProviderFailed(classified(replace(head, body=event.data.encode())))
        for part in gathered.add(chunk):
            data = text_at(part, "inlineData", "data")
            if data and at(part, "thought") and sent < (task.partial_images or 0):
                yield from partial(sent, RawImage(base64=data))
                sent += 1


def _has_picture(parts: list[Any]) -> bool:
    return any(text_at(part, "inlineData", "data") and not at(part, "thought") for part in parts)
