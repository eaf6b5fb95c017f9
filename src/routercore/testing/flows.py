"""A flow played against scripted replies: no loop, no clock, no sockets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from routercore.provider.flow import Call, Emit, Flow, NextEvent, Open, Wait, fail
from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent
from routercore.provider.spec import Provider
from routercore.values.events import Notice
from routercore.values.faults import Fault, ProviderFailed

T = TypeVar("T")
Reply = HttpResponse | ProviderFailed


@dataclass
class Played(Generic[T]):
    """What a flow did, and what came of it: exactly one of ``value`` and ``failed`` is set."""

    requests: list[HttpRequest] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    value: T | None = None
    failed: ProviderFailed | None = None

    @property
    def result(self) -> T:
        """What the flow returned; a flow that failed raises its failure here."""
        if self.failed is not None:
            raise self.failed
        assert self.value is not None
        return self.value


def play(provider: Provider, flow: Flow[T], replies: Iterable[Reply | ServerEvent]) -> Played[T]:
    """Drive ``flow`` as the engine would, answering its calls with ``replies`` in turn.

    An error status is classified and thrown, as in the engine; a reply that is a
    :class:`ProviderFailed` is thrown as it is. When the replies run out, time has run out: the
    flow is thrown a ``deadline``. A ``ValueError`` of the flow becomes a ``reply_cut``.
    """
    played: Played[T] = Played()
    script = iter(replies)
    answer: Any = None
    try:
        while True:
            effect = flow.throw(answer) if isinstance(answer, ProviderFailed) else flow.send(answer)
            answer = _answer(provider, effect, script, played)
    except StopIteration as stop:
        played.value = stop.value
    except ProviderFailed as error:
        played.failed = error
    except ValueError as error:
        played.failed = fail(Fault.REPLY_CUT, str(error))
    return played


def _answer(provider: Provider, effect: object, script: Any, played: Played[T]) -> Any:
    match effect:
        case Wait(seconds):
            played.waits.append(seconds)
            return None
        case Emit(notice):
            played.notices.append(notice)
            return None
        case NextEvent():
            return next(script, None)
        case Call(request) | Open(request):
            played.requests.append(request)
            raw = isinstance(effect, Call) and effect.raw
            return _reply(provider, next(script, None), raw)
        case _:
            raise TypeError(f"{effect!r} cannot be played")


def _reply(provider: Provider, reply: Reply | None, raw: bool) -> Reply:
    if reply is None:
        return fail(Fault.DEADLINE, "there are no more replies")
    if isinstance(reply, HttpResponse) and not reply.is_success and not raw:
        return ProviderFailed(provider.classify(reply))
    return reply
