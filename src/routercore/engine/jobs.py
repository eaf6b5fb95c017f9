"""One call's work at a provider, and the job that it may become: resumed, found, called off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from routercore.engine.clock import Clock
from routercore.engine.driver import Driver
from routercore.provider.flow import Flow
from routercore.provider.rungs import MAX_POLL_WAIT, PATIENT_FAULTS, TURNED_AWAY
from routercore.provider.spec import Cancels, Finds, Provider, Resumes
from routercore.values.events import Accepted
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import Generated, RawImage, Task

CALL_OFF_SECONDS = 5.0
"""How long a vendor is given to hear that a job is abandoned."""
RESUMES = 40
"""How often a job whose flow breaks off is picked up again, if the deadline allows."""
REREADS = 3
"""How often of these because an answer could not be understood: it may never be."""
LOST_REPLIES = frozenset({Fault.REPLY_LOST, Fault.REPLY_CUT, Fault.GATEWAY})
"""Faults of a submit after which nobody here knows whether a job was begun."""


@dataclass(slots=True, kw_only=True)
class Work:
    """What one call has a provider do.

    Once a job is accepted nothing is submitted again: a flow that breaks off for a passing reason
    is resumed by its handle.
    """

    provider: Provider
    driver: Driver
    clock: Clock
    _left: int = field(default=RESUMES)
    _rereads: int = field(default=REREADS)

    @property
    def handle(self) -> Mapping[str, Any] | None:
        """The job's, as soon as it is accepted.

        Held by the contact, which the driver's callbacks know: if they knew this work, it would
        be a circle of references, and pictures would stay in memory until somebody breaks it.
        """
        return self.driver.contact.handle

    async def run(self, task: Task, deadline: float) -> Generated:
        """Do the task, or pick its job up where there is one.

        Raises:
            ProviderFailed: it could not be done before the deadline.
        """
        back_off = 1.0
        while True:
            try:
                return whole(await self.driver.run(self._flow(task), deadline))
            except ProviderFailed as error:
                if self.handle is None:
                    if not await self._find(task, error.failure, deadline):
                        raise
                elif not self._may_resume(error.failure):
                    raise _in_limbo(error) from error
            pause = min(back_off, deadline - self.clock.monotonic())
            await self.clock.sleep(max(0.0, pause))
            back_off = min(back_off * 2, MAX_POLL_WAIT)

    def _flow(self, task: Task) -> Callable[[], Flow[Generated]]:
        provider, handle = self.provider, self.handle
        if handle is None:
            return lambda: provider.generate(task)
        if not isinstance(provider, Resumes):
            message = f"the provider {provider.name!r} cannot resume a job"
            raise ProviderFailed(Failure(fault=Fault.PLUGIN, message=message))
        return lambda: provider.resume(task, handle)

    def _may_resume(self, failure: Failure) -> bool:
        if failure.fault not in PATIENT_FAULTS or not isinstance(self.provider, Resumes):
            return False
        self._left -= 1
        self._rereads -= failure.fault is Fault.REPLY_CUT
        return self._left >= 0 and self._rereads >= 0

    async def _find(self, task: Task, failure: Failure, deadline: float) -> bool:
        """Ask the vendor for the job of a submit whose answer was lost; false if there is none."""
        provider = self.provider
        is_lost = failure.fault in LOST_REPLIES
        if not is_lost or not isinstance(provider, Finds) or not isinstance(provider, Resumes):
            return False
        found: Mapping[str, Any] | None = None
        with suppress(ProviderFailed):
            found = await self.driver.run(lambda: provider.find(task), deadline)
        if found is None:
            return False
        await self.driver.tell(Accepted(found))
        return True

    async def call_off(self) -> bool:
        """Tell the vendor to stop a job that nobody waits for any more; true if it says it does.

        Briefly, and without insisting.
        """
        provider, handle = self.provider, self.handle
        if handle is None or not isinstance(provider, Cancels):
            return False
        deadline = self.clock.monotonic() + CALL_OFF_SECONDS
        with suppress(ProviderFailed):
            await self.driver.aside().run(lambda: provider.cancel(handle), deadline)
            return True
        return False


def _in_limbo(error: ProviderFailed) -> ProviderFailed:
    """An upstream that turns a poll away says nothing of the job, which may be done and billed."""
    failure = error.failure
    if failure.fault not in {*TURNED_AWAY, Fault.MODEL_NOT_FOUND} or failure.charge is not None:
        return error
    return ProviderFailed(replace(failure, charge=Charge.UNKNOWN))


def whole(generated: Generated) -> Generated:
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
