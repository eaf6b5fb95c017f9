"""Flows: generators that yield effects for the engine to perform, and return what came of them.

A provider awaits nothing. It yields an effect and is sent the reply::

    def generate(self, task):
        reply = yield from call(post_json(task.url("/images"), {"prompt": task.prompt}))
        return Generated(images=(RawImage(url=reply.json()["url"]),))

A call that fails (an error status, a lost connection) is thrown into the flow as
:class:`~routercore.values.faults.ProviderFailed`; a flow that has nothing better to do with it
lets it pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent
from routercore.values.events import Accepted, Notice, Partial, Progress
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import RawImage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """Perform one exchange; the reply is the whole :class:`HttpResponse`."""

    request: HttpRequest
    raw: bool = False
    """True to be sent error statuses as responses instead of having them thrown."""


@dataclass(frozen=True, slots=True)
class Open:
    """Begin an exchange whose answer is a stream of server-sent events; the reply is its head.

    An answer that is no event stream comes back whole, and ``NextEvent`` is then ``None`` at once.
    """

    request: HttpRequest


@dataclass(frozen=True, slots=True)
class NextEvent:
    """The reply is the next :class:`ServerEvent` of the open stream, or ``None`` at its end."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass, in seconds: the engine's clock, deadline and jitter."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the engine something on the way."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Run:
    """Await something in the engine's loop; the escape hatch for SDKs and in-process models."""

    function: Callable[[], Any]
    in_thread: bool = False
    """True for a plain function that would hold up the loop: it is called in a thread."""


Effect = Call | Open | NextEvent | Wait | Emit | Run
Flow = Generator[Effect, Any, T]


def call(request: HttpRequest, *, raw: bool = False) -> Flow[HttpResponse]:
    """Perform one exchange."""
    response: HttpResponse = yield Call(request, raw)
    return response


def open_stream(request: HttpRequest) -> Flow[HttpResponse]:
    """Begin an exchange whose answer is a stream of events."""
    head: HttpResponse = yield Open(request)
    return head


def next_event() -> Flow[ServerEvent | None]:
    """The next event of the open stream, or ``None`` at its end."""
    event: ServerEvent | None = yield NextEvent()
    return event


def wait(seconds: float) -> Flow[None]:
    """Let time pass."""
    yield Wait(seconds)


def accepted(handle: Mapping[str, Any]) -> Flow[None]:
    """Report that the upstream took the job, and the JSON by which it can be resumed."""
    yield Emit(Accepted(handle))


def progress(fraction: float | None = None, message: str = "") -> Flow[None]:
    """Report how far the work is."""
    yield Emit(Progress(fraction, message))


def partial(index: int, image: RawImage) -> Flow[None]:
    """Report an intermediate image."""
    yield Emit(Partial(index, image))


def run(function: Callable[[], Awaitable[T]]) -> Flow[T]:
    """Await ``function()`` in the engine's loop."""
    value: T = yield Run(function)
    return value


def run_in_thread(function: Callable[[], T]) -> Flow[T]:
    """Call ``function()`` in a thread: decoding, drawing, or an SDK that blocks.

    A thread cannot be stopped: when the deadline passes, its result is dropped.
    """
    value: T = yield Run(function, in_thread=True)
    return value


def fail(fault: Fault, message: str, **details: Any) -> ProviderFailed:
    """The exception that ends a flow: ``raise fail(Fault.NO_IMAGE, "no image in the answer")``.

    Args:
        fault: the class of the failure.
        message: what happened, for people; no secrets, no megabytes.
        details: further fields of :class:`Failure`.
    """
    return ProviderFailed(Failure(fault=fault, message=message[:500], **details))


def refused(message: str, *, after_work: bool = False, categories: tuple[str, ...] = (),
            charge: Charge | None = None, **details: Any) -> ProviderFailed:  # fmt: skip
    """The exception for a content-policy refusal, before or after the picture was made."""
    fault = Fault.REFUSED_RESULT if after_work else Fault.REFUSED
    return fail(fault, message, categories=categories, charge=charge, **details)
