"""What can be seen from outside of a request under way: whether money is at stake already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from routercore.engine.driver import Contact


def unbounded(count: int) -> None:
    """Have room for whatever is brought."""


@dataclass(slots=True)
class Watch:
    """Given to the engine with a request, and looked at while that runs."""

    take: Callable[[int], None] = unbounded
    """Told how many more bytes of pictures the request brings in from elsewhere, as they arrive;
    raises a :class:`routercore.RouterError` where there is no room for them."""
    contacts: list[Contact] = field(default_factory=list)
    """Of its calls, but for those that cost nothing in the end."""
    is_joining: bool = False
    """It waits for the work of an equal request, of which nothing is known here."""
    is_accepted: bool = False
    """An upstream has accepted a job for it, which can be collected by whoever comes later."""
    on_accepted: Callable[[], Awaitable[None]] | None = None
    """Awaited when that is so, before the job is asked after; must not raise."""
    keeps_result: bool = False
    """Whoever watches puts the result into safe hands, and says so with :meth:`kept`. Until then
    the request is under way on the ledger, and its jobs can be collected."""
    on_kept: Callable[[bool], None] | None = None
    """Ends it there, once there is a result."""

    @property
    def is_made(self) -> bool:
        """The result is there, and on its way into safe hands."""
        return self.on_kept is not None

    def kept(self, is_kept: bool) -> None:
        """The result, if there is one, is in safe hands; or it never will be."""
        end, self.on_kept = self.on_kept, None
        if end is not None:
            end(is_kept)

    @property
    def is_at_stake(self) -> bool:
        """Whether something was sent that may be paid for, so that giving up may lose a picture."""
        return self.is_joining or any(contact.may_be_paid for contact in self.contacts)

    async def accepted(self) -> None:
        """A job was accepted, and written down."""
        self.is_accepted = True
        if self.on_accepted is not None:
            await self.on_accepted()

    def hand_over(self) -> None:
        """Accepted jobs are left to others: nothing is called off when the request is cancelled."""
        for contact in self.contacts:
            contact.is_handed_over = True

    def forget(self, contact: Contact) -> None:
        """It cost nothing."""
        self.contacts = [one for one in self.contacts if one is not contact]
