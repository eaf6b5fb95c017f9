"""The ledger as the engine sees it: what every backend does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from routercore.values.accounts import Asked, By, Ended, Logged, Mismatch, Used
from routercore.values.leases import Claim, Mark
from routercore.values.ledger import Account, Attempt, Balance, Cap, Hold, Period, Step, Sweep


class Ledger(Protocol):
    """Keeps the money: what is held, dispatched, posted, voided and suspect.

    What it has answered is kept as durably as the backend can. Every step may be repeated: what is
    written already stays as it is. All methods but :meth:`note` raise ``LedgerUnavailableError``
    where the backend cannot be reached.
    """

    async def reserve(self, hold: Hold, caps: Sequence[Cap] = ()) -> Attempt:
        """Set money aside under every budget at once, or under none.

        An attempt that costs nothing is always held.

        Raises:
            OverBudgetError: a budget has no room for it.
            LedgerStepError: the attempt has gone further already.
        """
        ...

    async def write(self, step: Step) -> Attempt:
        """Take an attempt a step further; what is posted counts in full, whatever was held.

        Raises:
            LedgerStepError: there is no such attempt, or it cannot take the step.
        """
        ...

    def note(self, what: Asked | Ended | Step | Mark | Sweep) -> None:
        """Write something down after all that was written before, without waiting for it.

        A step that cannot be taken, and a mark that cannot be made, are passed over.
        """
        ...

    async def mark(self, mark: Mark) -> Attempt:
        """Write down how an attempt's job can be collected, and until when somebody is at it.

        Raises:
            LedgerStepError: there is no such attempt, it is settled, or another has claimed it.
        """
        ...

    async def claim(self, claim: Claim) -> list[Attempt]:
        """Take over attempts whose jobs nobody collects, oldest first; of many claims, one gets
        each."""
        ...

    async def balance(self, account: Account, per: Period, at: datetime) -> Balance:
        """What stands in an account in the period that ``at`` falls into."""
        ...

    async def open_attempts(self) -> list[Attempt]:
        """Attempts that are held, dispatched or suspect, oldest first."""
        ...

    async def usage(self, by: By, since: datetime, until: datetime) -> list[Used]:
        """What attempts held from ``since`` to before ``until`` came to, dearest line first."""
        ...

    async def log(
        self, *, limit: int = 50, caller: str | None = None, request: str | None = None
    ) -> list[Logged]:
        """The latest requests with their attempts, newest first."""
        ...

    async def audit(self) -> list[Mismatch]:
        """Compute every balance again from the rows; what differs is a mistake."""
        ...

    async def sweep(self, what: Sweep) -> int:
        """Void or suspect what dead processes left behind, and erase what was asked long ago.

        Returns how many attempts were left behind.
        """
        ...

    async def erase(
        self, *, request: str | None = None, caller: str | None = None, user: str | None = None
    ) -> int:
        """Erase the prompts and users of all requests that fit every given argument.

        Amounts stay: they are accounts, and name nobody but the key. Returns how many requests
        had something to erase.

        Raises:
            ValueError: nothing is given, which would erase everything.
        """
        ...

    async def close(self) -> None:
        """Write down what is waiting, and let go of everything."""
        ...
