"""One try at one target: calls under the upstream's limits, images delivered, outcome recorded."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar

from routercore.engine.clock import Clock
from routercore.engine.deliver import Delivery, decode_texts
from routercore.engine.driver import Contact, Driver
from routercore.engine.jobs import Work
from routercore.engine.pixels import BadImageError, mask_to
from routercore.engine.quoting import Quoting, wordless
from routercore.engine.setup import ProviderSetup
from routercore.engine.tickets import Ticket, ticket_of
from routercore.engine.transport.base import MAX_RESPONSE_BYTES, Phase, Transport
from routercore.provider.http import origin_of
from routercore.routing.plan import Candidate
from routercore.routing.policy import charge_of
from routercore.values.amounts import number_of
from routercore.values.catalogue import MaskPolarity, ModelCard
from routercore.values.check import COMPRESSIBLE, CONVERTIBLE
from routercore.values.events import Notice, Progress
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import (
    Generated,
    Image,
    ImageRequest,
    InputImage,
    RawImage,
    Settings,
    Task,
)
from routercore.values.money import FREE, UNKNOWN_COST, Basis, Cost, Usage, settle

T = TypeVar("T")
_Conversion = tuple[str | None, int | None]
"""A format and a compression."""

ENVELOPE_BYTES = 1024 * 1024
"""What an answer may have beside its images."""

NOTHING = FREE
"""What sums of costs begin with: it leaves the basis of whatever is added as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What one call brought: images, or a failure, or, when one of several was bad, both."""

    images: tuple[Image, ...] = ()
    n: int = 1
    """How many were asked for."""
    first: int = 0
    """The number of the first of them in the request."""
    generated: Generated | None = None
    """What the flow returned, without its images: megabytes are held once."""
    failure: Failure | None = None
    cost: Cost = NOTHING
    contact: Contact = field(default_factory=Contact)
    handle: Mapping[str, Any] | None = None
    missing: int = 0
    """Images that a good answer did not have, and that may be on the invoice all the same."""

    @property
    def lacking(self) -> list[Failure]:
        """Why each image that was asked for and is not there is missing."""
        count = len(self.images)
        message = f"its call brought {count} of {number_of(self.n, 'image')}"
        short = Failure(fault=Fault.NO_IMAGE, message=message)
        told = self.generated.failure if self.generated else None
        return [self.failure or told or short] * (self.n - count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempter:
    """Makes the calls of attempts at one configured provider."""

    setup: ProviderSetup
    transport: Transport
    clock: Clock
    random: random.Random
    max_image_bytes: int

    async def call(
        self,
        candidate: Candidate,
        original: ImageRequest,
        *,
        n: int,
        secret: str | None,
        deadline: float,
        stream: bool,
        idempotency_key: str,
        on_notice: Callable[[Notice], None],
        on_accepted: Callable[[Ticket], Awaitable[None]],
        contact: Contact,
    ) -> CallOutcome:
        """Ask for ``n`` images in one call. Never raises for what the upstream did.

        ``on_accepted`` is awaited before an accepted job is asked after. ``contact`` tells how far
        it came, also to who cancels it.
        """
        conversion = _conversion(candidate, original)
        ticket = partial(
            ticket_of, candidate=candidate, n=n, model=original.model, secret=secret,
            conversion=conversion,
        )  # fmt: skip
        quoting = Quoting(original, secret)
        heard = partial(_heard, on_notice, quoting)
        driver = replace(
            self.driver(secret, contact, heard, partial(_kept, contact, on_accepted, ticket)),
            max_bytes=self._answer_bytes(n, candidate.request.partial_images if stream else 0),
        )
        work = Work(provider=self.setup.provider, driver=driver, clock=self.clock)
        task = self._task(candidate, n=n, stream=stream, idempotency_key=idempotency_key)
        generated, images, failure = await self._worked(work, task, deadline, conversion)
        return CallOutcome(
            images=images,
            generated=_kept_of(generated, quoting.unquoted),
            failure=quoting.unquoted(failure),
            cost=_cost(candidate, n, generated, failure),
            contact=contact,
            handle=work.handle,
            missing=max(0, n - len(generated.images)) if generated and not work.handle else 0,
        )

    async def _worked(
        self, work: Work, task: Awaitable[Task], deadline: float, conversion: _Conversion
    ) -> tuple[Generated | None, tuple[Image, ...], Failure | None]:
        """What came of the work; a job that is given up is called off."""
        contact = work.driver.contact
        generated: Generated | None = None
        try:
            ready = await task
            generated, given = _apart(await work.run(ready, deadline))
            images, failure = await self._deliver(given, deadline, conversion, ready)
        except ProviderFailed as error:
            images, failure = (), error.failure
            if failure.fault is Fault.DEADLINE:
                contact.is_called_off = await work.call_off()
        except asyncio.CancelledError:
            if generated is None and not contact.is_handed_over:
                contact.is_called_off = await work.call_off()
            raise
        return generated, images, failure

    async def collect(
        self, ticket: Ticket, card: ModelCard, secret: str | None, deadline: float
    ) -> CallOutcome:
        """Pick an accepted job up, whoever submitted it. Never raises for what the upstream did."""
        contact = Contact(phase=Phase.HEADERS, handle=ticket.handle)
        driver = self.driver(secret, contact)
        work = Work(provider=self.setup.provider, driver=driver, clock=self.clock)
        request = ticket.request()
        settings = {f.name: getattr(request, f.name) for f in fields(Settings)}
        task = Task(**settings, card=card, base_url=self.setup.effective_base_url,
                    options=self.setup.options)  # fmt: skip
        generated: Generated | None = None
        try:
            generated, given = _apart(await work.run(task, deadline))
            conversion = ticket.format, ticket.compression
            images, failure = await self._deliver(given, deadline, conversion, task)
        except ProviderFailed as error:  # What it quotes of the prompt cannot be told here.
            images, failure = (), wordless(error.failure)
        return CallOutcome(
            images=images,
            generated=_kept_of(generated, wordless),
            failure=failure,
            cost=_collected_cost(ticket, card, generated, failure),
            contact=contact,
            handle=ticket.handle,
        )

    def driver(
        self,
        secret: str | None,
        contact: Contact | None = None,
        on_notice: Callable[[Notice], None] = lambda notice: None,
        on_accepted: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None,
    ) -> Driver:
        """What performs the effects of flows of this provider, signing with ``secret``."""
        setup = self.setup
        return Driver(
            transport=self.transport,
            clock=self.clock,
            provider=setup.provider,
            secret=secret,
            signed_origins=setup.signed_origins,
            trusted_origins=setup.result_origins,
            on_notice=on_notice,
            on_accepted=on_accepted,
            jitter=self.random.random,
            contact=contact or Contact(),
        )

    def _answer_bytes(self, n: int, partial_images: int | None) -> int:
        """The longest answer that images of the allowed size can need, as base64 with escapes."""
        images = n * (1 + (partial_images or 0))
        return min(MAX_RESPONSE_BYTES, ENVELOPE_BYTES + images * self.max_image_bytes * 7 // 5)

    async def _task(
        self, candidate: Candidate, *, n: int, stream: bool, idempotency_key: str
    ) -> Task:
        card, request = candidate.target.card, candidate.request
        settings = {f.name: getattr(request, f.name) for f in fields(Settings)}
        settings.update(n=n, mask=await _mask(request.mask, card))
        return Task(
            **settings,
            card=card,
            base_url=self.setup.effective_base_url,
            stream=stream,
            idempotency_key=idempotency_key,
            options=self.setup.options_for(candidate.target.options, request.options),
        )

    async def _deliver(
        self, given: list[RawImage], deadline: float, conversion: _Conversion, task: Task
    ) -> tuple[tuple[Image, ...], Failure | None]:
        """Deliver all images side by side; what cannot be delivered becomes the failure.

        The texts in ``given`` are let go of one by one, as they are decoded.
        Each has the time to itself: one that does not arrive takes none of the others along.
        """
        format, compression = conversion
        local = {origin_of(self.setup.base_url)} if self.setup.base_url else set()
        delivery = Delivery(
            transport=self.transport,
            clock=self.clock,
            trusted_origins=self.setup.result_origins | local,
            max_bytes=self.max_image_bytes,
            random=self.random,
        )

        async def one(raw: RawImage) -> Image | Failure:
            try:
                async with self.clock.timeout_at(deadline):
                    return await delivery.deliver(
                        raw, format=format, compression=compression,
                        asked_compression=task.output_compression,
                    )  # fmt: skip
            except ProviderFailed as error:
                return error.failure
            except TimeoutError:
                message = "time ran out while the finished image was fetched"
                return Failure(fault=Fault.RESULT_UNAVAILABLE, message=message)

        decode_texts(given)
        outcomes = await together([partial(one, raw) for raw in given])
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        images = tuple(outcome for outcome in outcomes if isinstance(outcome, Image))
        return images, failures[0] if failures else None


def _apart(generated: Generated) -> tuple[Generated, list[RawImage]]:
    """What a flow returned with mere places for its images, and these, held by no other."""
    given = list(generated.images)
    return replace(generated, images=(RawImage(),) * len(given)), given


def _kept_of(
    generated: Generated | None, unquoted: Callable[[Failure], Failure | None]
) -> Generated | None:
    """What a flow returned, without its images and without what its failure quotes."""
    if generated is None:
        return None
    failure = unquoted(generated.failure) if generated.failure else None
    return replace(generated, images=(), failure=failure)


async def together(calls: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Await several calls side by side; a cancellation reaches, and waits for, every one.

    What one of them raises ends the others, and is raised as itself: not as a group.
    """
    if len(calls) == 1:
        return [await calls[0]()]
    tasks: list[asyncio.Task[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(call()) for call in calls]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as failed:
        error = failed.exceptions[0]
    # Out of the handler, and without the tasks: an error in a circle would keep pictures alive.
    tasks.clear()
    try:
        raise error
    finally:
        del error


async def _mask(mask: InputImage | None, card: ModelCard) -> InputImage | None:
    """The mask in the vendor's polarity."""
    if mask is None or card.mask in (None, MaskPolarity.ALPHA):
        return mask
    try:
        data = await asyncio.to_thread(mask_to, mask.data, card.mask)
    except BadImageError as error:
        failure = Failure(fault=Fault.INVALID_REQUEST, message=str(error), param="mask")
        raise ProviderFailed(failure) from error
    return replace(mask, data=data, media_type="image/png", filename="mask.png")


def _heard(on_notice: Callable[[Notice], None], quoting: Quoting, notice: Notice) -> None:
    """Pass a notice on, without what its words quote."""
    if isinstance(notice, Progress) and notice.message:
        notice = replace(notice, message=quoting.redacted(str(notice.message)))
    on_notice(notice)


async def _kept(
    contact: Contact,
    on_accepted: Callable[[Ticket], Awaitable[None]],
    ticket: Callable[[Mapping[str, Any]], Ticket],
    handle: Mapping[str, Any],
) -> None:
    """Have it known, and written down, that a job was accepted."""
    contact.handle = handle
    await on_accepted(ticket(handle))


def _conversion(candidate: Candidate, original: ImageRequest) -> _Conversion:
    """The format and compression that are left to us because the provider did not take them."""
    format, fitted = original.output_format, candidate.request
    compression = original.output_compression if fitted.output_compression is None else None
    given = candidate.target.card.formats[0]
    if format is None and compression is not None and given in COMPRESSIBLE:
        format = given
    if format not in CONVERTIBLE:
        return None, None
    return format, compression


def _cost(
    candidate: Candidate, n: int, generated: Generated | None, failure: Failure | None
) -> Cost:
    """What a call cost; for one that brought nothing, what its failure costs."""
    card, request = candidate.target.card, candidate.request
    if generated is not None:
        count = len(generated.images)
        return settle(card, request, generated.usage, generated.cost_usd, delivered=count)
    charge = charge_of(failure) if failure else Charge.NONE
    if charge is Charge.NONE:
        return NOTHING
    if charge is Charge.CERTAIN:
        return settle(card, request, None, None, delivered=n)
    return UNKNOWN_COST


def _collected_cost(
    ticket: Ticket, card: ModelCard, generated: Generated | None, failure: Failure | None
) -> Cost:
    """What a job cost: as its answer says, or by the prices that it was accepted under."""
    if generated is None:
        charge = charge_of(failure) if failure else Charge.NONE
        return NOTHING if charge is Charge.NONE else UNKNOWN_COST
    count = len(generated.images)
    told = settle(card, ticket.request(), generated.usage, generated.cost_usd, delivered=count)
    return told if told.basis in (Basis.REPORTED, Basis.TOKENS) else ticket.price(count)


def delivered_usage(outcomes: list[CallOutcome]) -> Usage | None:
    """The tokens of all calls together, if any call counted them."""
    total: Usage | None = None
    for outcome in outcomes:
        usage = outcome.generated.usage if outcome.generated else None
        if usage is not None:
            total = usage if total is None else total + usage
    return total
