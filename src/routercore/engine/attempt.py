"""One try at one target: calls under the upstream's limits, images delivered, outcome recorded."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar

from routercore.engine.clock import Clock
from routercore.engine.deliver import Delivery
from routercore.engine.driver import Contact, Driver
from routercore.engine.pixels import BadImageError, mask_to
from routercore.engine.setup import ProviderSetup
from routercore.engine.transport.base import Transport
from routercore.provider.http import origin_of
from routercore.provider.spec import Cancels
from routercore.routing.plan import Candidate
from routercore.routing.policy import charge_of
from routercore.values.catalogue import MaskPolarity, ModelCard
from routercore.values.check import CONVERTIBLE
from routercore.values.events import Accepted, Notice
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
from routercore.values.money import FREE, UNKNOWN_COST, Cost, Usage, settle

T = TypeVar("T")

CALL_OFF_SECONDS = 5.0
"""How long a vendor is given to hear that a job is abandoned."""

NOTHING = FREE
"""What sums of costs begin with: it leaves the basis of whatever is added as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What one call brought: images, or a failure, or, when one of several was bad, both."""

    images: tuple[Image, ...] = ()
    generated: Generated | None = None
    """What the flow returned, without its images: megabytes are held once."""
    failure: Failure | None = None
    cost: Cost = NOTHING
    contact: Contact = field(default_factory=Contact)
    handle: Mapping[str, Any] | None = None


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
        contact: Contact,
    ) -> CallOutcome:
        """Ask for ``n`` images in one call. Never raises for what the upstream did.

        ``contact`` tells how far it came, also to who cancels it.
        """
        handles: list[Mapping[str, Any]] = []

        def notice(what: Notice) -> None:
            if isinstance(what, Accepted):
                handles.append(what.handle)
            on_notice(what)

        driver = self.driver(secret, contact, notice)
        generated: Generated | None = None
        try:
            task = await self._task(candidate, n=n, stream=stream, idempotency_key=idempotency_key)
            generated = _whole(
                await driver.run(lambda: self.setup.provider.generate(task), deadline)
            )
            images, failure = await self._deliver(candidate, original, generated, deadline)
        except ProviderFailed as error:
            images, failure = (), error.failure
            if failure.fault is Fault.DEADLINE:
                await self._call_off(handles, secret)
        except asyncio.CancelledError:
            if generated is None:
                await self._call_off(handles, secret)
            raise
        return CallOutcome(
            images=images,
            generated=replace(generated, images=()) if generated else None,
            failure=failure,
            cost=_cost(candidate, n, generated, failure),
            contact=contact,
            handle=handles[-1] if handles else None,
        )

    async def _call_off(self, handles: Sequence[Mapping[str, Any]], secret: str | None) -> None:
        """Tell the vendor to stop a job that nobody waits for any more, where it can be told.

        Briefly, and without insisting: what comes of it changes nothing here.
        """
        provider = self.setup.provider
        if not handles or not isinstance(provider, Cancels):
            return
        deadline = self.clock.monotonic() + CALL_OFF_SECONDS
        with contextlib.suppress(ProviderFailed):
            await self.driver(secret).run(lambda: provider.cancel(handles[-1]), deadline)

    def driver(
        self,
        secret: str | None,
        contact: Contact | None = None,
        on_notice: Callable[[Notice], None] = lambda notice: None,
    ) -> Driver:
        """What performs the effects of flows of this provider, signing with ``secret``."""
        setup = self.setup
        origins = tuple(setup.provider.origins)
        return Driver(
            transport=self.transport,
            clock=self.clock,
            provider=setup.provider,
            secret=secret,
            signed_origins=(origin_of(setup.base_url),) if setup.base_url else origins,
            trusted_origins=setup.result_origins,
            on_notice=on_notice,
            jitter=self.random.random,
            contact=contact or Contact(),
        )

    async def _task(
        self, candidate: Candidate, *, n: int, stream: bool, idempotency_key: str
    ) -> Task:
        card, request = candidate.target.card, candidate.request
        settings = {f.name: getattr(request, f.name) for f in fields(Settings)}
        own = request.options.get(self.setup.provider.name, {})
        named = request.options.get(self.setup.name, {})
        settings.update(n=n, mask=await _mask(request.mask, card))
        return Task(
            **settings,
            card=card,
            base_url=self.setup.effective_base_url,
            stream=stream,
            idempotency_key=idempotency_key,
            options={**self.setup.options, **candidate.target.options, **own, **named},
        )

    async def _deliver(
        self, candidate: Candidate, original: ImageRequest, generated: Generated, deadline: float
    ) -> tuple[tuple[Image, ...], Failure | None]:
        """Deliver all images side by side; what cannot be delivered becomes the failure.

        Each has the time to itself: one that does not arrive takes none of the others along.
        """
        local = {origin_of(self.setup.base_url)} if self.setup.base_url else set()
        delivery = Delivery(
            transport=self.transport,
            clock=self.clock,
            trusted_origins=self.setup.result_origins | local,
            max_bytes=self.max_image_bytes,
            random=self.random,
        )
        format, compression = _conversion(candidate, original)

        async def one(raw: RawImage) -> Image | Failure:
            try:
                async with self.clock.timeout_at(deadline):
                    return await delivery.deliver(raw, format=format, compression=compression)
            except ProviderFailed as error:
                return error.failure
            except TimeoutError:
                message = "time ran out while the finished image was fetched"
                return Failure(fault=Fault.RESULT_UNAVAILABLE, message=message)

        outcomes = await together([partial(one, raw) for raw in generated.images])
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        images = tuple(outcome for outcome in outcomes if isinstance(outcome, Image))
        return images, failures[0] if failures else None


async def together(calls: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Await several calls side by side; a cancellation reaches, and waits for, every one."""
    if len(calls) == 1:
        return [await calls[0]()]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call()) for call in calls]
    return [task.result() for task in tasks]


def _whole(generated: Generated) -> Generated:
    """Hold a provider to its promise to return images."""
    if not isinstance(generated, Generated):
        message = f"the provider returned {type(generated).__name__}, not Generated"
        raise ProviderFailed(Failure(fault=Fault.PLUGIN, message=message))
    if strange := {type(i).__name__ for i in generated.images if not isinstance(i, RawImage)}:
        message = f"the provider returned {', '.join(strange)} among its images"
        raise ProviderFailed(Failure(fault=Fault.PLUGIN, message=message))
    if not generated.images:
        raise ProviderFailed(Failure(fault=Fault.NO_IMAGE, message="the answer has no image"))
    return generated


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


def _conversion(candidate: Candidate, original: ImageRequest) -> tuple[str | None, int | None]:
    """The format and compression that are left to us because the provider did not take them."""
    format, fitted = original.output_format, candidate.request
    compression = original.output_compression if fitted.output_compression is None else None
    if format is None and compression is not None:
        format = candidate.target.card.formats[0]
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


def delivered_usage(outcomes: list[CallOutcome]) -> Usage | None:
    """The tokens of all calls together, if any call counted them."""
    total: Usage | None = None
    for outcome in outcomes:
        usage = outcome.generated.usage if outcome.generated else None
        if usage is not None:
            total = usage if total is None else total + usage
    return total
