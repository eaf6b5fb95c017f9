"""The driver: performs the effects of one flow, and translates everything that goes wrong."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Never, TypeVar

from routercore.engine.clock import Clock
from routercore.engine.eventstream import EventStream
from routercore.engine.jsons import loads
from routercore.engine.transport.base import (
    MAX_RESPONSE_BYTES,
    ON_SENT,
    Phase,
    Transport,
    TransportError,
    phase_of,
)
from routercore.provider.flow import Call, Effect, Emit, Flow, NextEvent, Open, Run, Wait
from routercore.provider.http import HttpRequest, HttpResponse, ServerEvent, origin_matches
from routercore.provider.spec import Provider
from routercore.values.events import Accepted, Notice
from routercore.values.faults import Failure, Fault, ProviderFailed

T = TypeVar("T")

STANDSTILL = 1.0
"""A time limit that strikes so many seconds late struck a process that stood still meanwhile."""
JITTER = 0.1
"""Share of a ``Wait`` that is added at random, so that pollers do not march in step."""


@dataclass(slots=True)
class Contact:
    """How far the billable exchanges of one attempt came, and how to find them at the vendor."""

    phase: Phase = Phase.NOT_SENT
    upstream_id: str | None = None
    is_out: bool = False
    """An exchange is under way that has left, as far as is known."""
    handle: Mapping[str, Any] | None = None
    """The job's, as soon as one is accepted."""
    is_called_off: bool = False
    """Its job was accepted, and the vendor says that it stops."""
    is_handed_over: bool = False
    """Whoever ends it leaves its job to others, and does not call it off."""

    @property
    def may_be_paid(self) -> bool:
        """Whether the upstream may have acted on it."""
        return self.is_out or self.phase is not Phase.NOT_SENT

    def left(self) -> None:
        self.is_out = True

    def reached(self, phase: Phase) -> None:
        self.phase = max(self.phase, phase)
        self.is_out = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Performs effects for one attempt at one target.

    The secret stays in here: it is put on requests whose origin may have it, after the flow has
    yielded them.
    """

    transport: Transport
    clock: Clock
    provider: Provider
    secret: str | None = field(repr=False)
    signed_origins: tuple[str, ...]
    """Patterns of the origins that may receive the secret; they may also be private addresses."""
    trusted_origins: frozenset[str]
    """Further origins that may be private addresses."""
    on_notice: Callable[[Notice], None]
    jitter: Callable[[], float]
    """Draws from 0 to 1."""
    on_accepted: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None
    """Awaited with the handle of a job before its flow goes on; must not raise."""
    contact: Contact = field(default_factory=Contact)
    max_bytes: int = MAX_RESPONSE_BYTES

    async def run(self, start: Callable[[], Flow[T]], deadline: float) -> T:
        """Drive a flow to its end, and close it whatever happens.

        Args:
            start: makes the flow.
            deadline: on the clock's monotonic scale.

        Raises:
            ProviderFailed: with the failure, whatever went wrong: the flow, the network, the time.
        """
        stream = EventStream()
        with self._translated(), self._contained():
            flow = _started(start)
        try:
            with suppress(TimeoutError):
                async with self.clock.timeout_at(deadline):
                    return await self._run(flow, stream)
            stood_still = self.clock.monotonic() - deadline >= STANDSTILL
            failure = replace(self._out_of_time(), is_ours=stood_still)
            return self._last_word(flow, stream, failure)
        finally:
            _close(flow)

    def aside(self) -> Driver:
        """The same, for flows that are no part of the attempt: nobody is told of them."""
        return replace(self, on_notice=_unheard, on_accepted=None, contact=Contact())

    async def tell(self, notice: Notice) -> None:
        """Pass a flow's notice on; a job that is accepted is written down first."""
        if isinstance(notice, Accepted) and self.on_accepted is not None:
            await self.on_accepted(notice.handle)
        self.on_notice(notice)

    def _out_of_time(self) -> Failure:
        if self.contact.phase is Phase.NOT_SENT:
            return Failure(fault=Fault.NOT_SENT, message="time ran out before the request had left")
        return Failure(fault=Fault.DEADLINE, message="time ran out while the upstream worked")

    def _last_word(self, flow: Flow[T], stream: EventStream, failure: Failure) -> T:
        """What a stream had brought when its time was over; nothing more is done for its flow.

        Raises:
            ProviderFailed: it had brought nothing, or the flow waited for something else.
        """
        if stream.is_awaited:
            with self._translated():
                try:
                    with self._contained():
                        flow.throw(ProviderFailed(failure))
                except StopIteration as end:
                    value: T = end.value
                    return value
        raise ProviderFailed(failure)

    async def _run(self, flow: Flow[T], stream: EventStream) -> T:
        with self._translated():
            async with AsyncExitStack() as stack:
                stream.stack = stack
                return await self._steps(flow, stream)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Make a failure of whatever a flow raises."""
        try:
            yield
        except ProviderFailed:
            raise
        except ValueError as error:  # What ``json()`` raises: the answer is not what it should be.
            message = f"the answer cannot be understood: {_short(error)}"
            raise ProviderFailed(Failure(fault=Fault.REPLY_CUT, message=message)) from error
        except Exception as error:  # The plugin boundary: the failure is the attempt's alone.
            raise ProviderFailed(_plugin_failure(self.provider, error)) from error

    async def _steps(self, flow: Flow[T], stream: EventStream) -> T:
        reply: Any = None
        failed: Exception | None = None
        while True:
            try:
                with self._contained():
                    effect = flow.send(reply) if failed is None else flow.throw(failed)
            except StopIteration as end:
                value: T = end.value
                return value
            finally:
                reply, failed = None, None  # A failure that its own frame knows outlives them all.
            stream.is_awaited = isinstance(effect, NextEvent)
            try:
                reply = await self._perform(effect, stream)
            except ProviderFailed as error:
                failed = error
            except Exception as error:
                if not isinstance(effect, Run):
                    raise
                failed = error  # The plugin's own function raised it; its flow may expect that.

    async def _perform(self, effect: Effect, stream: EventStream) -> Any:
        match effect:
            case Call():
                return await self._call(effect.request, raw=effect.raw)
            case Open():
                return await self._open(effect.request, stream)
            case NextEvent():
                return await self._next_event(stream)
            case Wait():
                pause = max(0.0, effect.seconds) * (1 + JITTER * self.jitter())
                return await self.clock.sleep(pause)
            case Emit():
                return await self.tell(effect.notice)
            case Run():
                self.contact.reached(Phase.SENT)  # What it does is unseen, and may be billed.
                return await self._foreign(effect)
            case _:
                return _not_an_effect(effect)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Run a plugin's code: its SystemExit would end the process, its cancellation our task."""
        try:
            yield
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # The plugin boundary: all else is the attempt's alone.
            raise ProviderFailed(_plugin_failure(self.provider, error)) from error

    async def _foreign(self, effect: Run) -> Any:
        """What a plugin's own function returns; it can end neither the process nor this task."""
        try:
            if effect.in_thread:
                return await asyncio.to_thread(effect.function)
            return await effect.function()
        except (Exception, asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # The plugin boundary: all else is the attempt's alone.
            raise ProviderFailed(_plugin_failure(self.provider, error)) from error

    async def _call(self, request: HttpRequest, *, raw: bool) -> HttpResponse:
        sent, is_private_ok = await self._signed(request)
        try:
            with self._told_when_sent(request):
                response = await self.transport.send(
                    sent, public_only=not is_private_ok, max_bytes=self.max_bytes
                )
        except TransportError as error:
            raise self._lost(request, error) from error
        except asyncio.CancelledError as error:
            self._reached(request, phase_of(error))
            raise
        return self._checked(request, response, raw=raw)

    async def _open(self, request: HttpRequest, stream: EventStream) -> HttpResponse:
        sent, is_private_ok = await self._signed(request)
        try:
            with self._told_when_sent(request):
                head = await stream.open(self.transport, sent, not is_private_ok, self.max_bytes)
        except TransportError as error:
            raise self._lost(request, error) from error
        except asyncio.CancelledError as error:
            self._reached(request, phase_of(error))
            raise
        response = HttpResponse(
            status=head.status, headers=head.headers, url=request.url, loads=loads,
            received=self.clock.now().timestamp(),
        )  # fmt: skip
        if "text/event-stream" not in (response.header("content-type") or ""):
            response = replace(response, body=await self._rest(stream))
        return self._checked(request, response, raw=False)

    async def _rest(self, stream: EventStream) -> bytes:
        try:
            return await stream.rest()
        except TransportError as error:
            raise ProviderFailed(_cut(error)) from error

    async def _next_event(self, stream: EventStream) -> ServerEvent | None:
        try:
            event = await stream.next_event()
        except TransportError as error:
            raise ProviderFailed(_cut(error)) from error
        return replace(event, loads=loads) if event else None

    async def _signed(self, request: HttpRequest) -> tuple[HttpRequest, bool]:
        """The request with its credential, if its origin may have it; and whether it is ours."""
        origin = request.origin
        is_ours = any(origin_matches(origin, pattern) for pattern in self.signed_origins)
        if not is_ours or self.secret is None:
            return request, is_ours or origin in self.trusted_origins
        signed = self.provider.auth.sign(request, self.secret)
        return (await signed if inspect.isawaitable(signed) else signed), True

    def _checked(self, request: HttpRequest, response: HttpResponse, *, raw: bool) -> HttpResponse:
        if request.is_billable:
            self.contact.reached(Phase.HEADERS)
            self.contact.upstream_id = response.header("x-request-id") or self.contact.upstream_id
        if response.is_success or raw:
            return response
        raise ProviderFailed(self._classified(response))

    def _classified(self, response: HttpResponse) -> Failure:
        if 300 <= response.status < 400:
            return Failure(
                fault=Fault.REDIRECTED, status=response.status,
                message="answered with a redirect, which is not followed",
            )  # fmt: skip
        try:
            return _failure(self.provider.classify(response))
        except Exception as error:  # noqa: BLE001 - the plugin boundary
            return replace(_plugin_failure(self.provider, error), status=response.status)

    def _lost(self, request: HttpRequest, error: TransportError) -> ProviderFailed:
        self._reached(request, error.phase)
        if error.phase is Phase.NOT_SENT:
            return ProviderFailed(
                Failure(fault=Fault.NOT_SENT, message=str(error), is_ours=error.is_local)
            )
        if error.phase is Phase.SENT:
            return ProviderFailed(Failure(fault=Fault.REPLY_LOST, message=str(error)))
        return ProviderFailed(_cut(error))

    @contextmanager
    def _told_when_sent(self, request: HttpRequest) -> Iterator[None]:
        """Have it noted when the request leaves; now, where the transport would not tell."""
        is_told = getattr(self.transport, "tells_when_sent", False)
        if request.is_billable and not is_told:
            self.contact.left()
        token = ON_SENT.set(self.contact.left if request.is_billable and is_told else None)
        try:
            yield
        finally:
            ON_SENT.reset(token)

    def _reached(self, request: HttpRequest, phase: Phase) -> None:
        if request.is_billable:
            self.contact.reached(phase)


def _unheard(notice: Notice) -> None:
    """Tell nobody."""


def _started(start: Callable[[], Flow[T]]) -> Flow[T]:
    """The flow; a provider that returns anything but a generator is told apart here."""
    flow = start()
    if not isinstance(flow, Generator):
        raise TypeError(f"its flow is a {type(flow).__name__}, not a generator")
    return flow


def _not_an_effect(effect: Never) -> Never:
    """Effects are all known to the type checker; a plugin may not have asked it."""
    raise TypeError(f"its flow yielded a {type(effect).__name__}, which is no effect")


def _failure(classified: Failure) -> Failure:
    """Hold a provider to its promise to classify."""
    if not isinstance(classified, Failure):
        raise TypeError(f"its classify returned a {type(classified).__name__}, not a Failure")
    return classified


def _close(flow: Flow[Any]) -> None:
    """Let a flow that has not ended clean up.

    What it raises instead is dropped: something worse, perhaps a cancellation, is on its way up.
    """
    with suppress(Exception):
        flow.close()


def _cut(error: TransportError) -> Failure:
    return Failure(fault=Fault.REPLY_CUT, message=str(error))


def _plugin_failure(provider: Provider, error: BaseException) -> Failure:
    what = type(error).__name__
    message = f"the provider {provider.name!r} raised {what}: {_short(error)}"
    return Failure(fault=Fault.PLUGIN, message=message, code=what)


def _short(error: BaseException) -> str:
    return str(error)[:200]
