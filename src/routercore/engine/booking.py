"""A request's money: set aside before a call, settled after it, and written down either way."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from types import TracebackType
from typing import Protocol, Self

from routercore.engine.attempt import CallOutcome
from routercore.engine.clock import GRACE, Clock
from routercore.engine.driver import Contact
from routercore.engine.ledger import Ledger
from routercore.engine.observers import Observers
from routercore.engine.settling import clean, settlement
from routercore.engine.setup import Caller, RouterSetup
from routercore.engine.tickets import Ticket, TicketError, written
from routercore.engine.transport.base import Phase
from routercore.engine.watching import Watch
from routercore.provider.spec import Resumes
from routercore.routing.plan import Candidate
from routercore.values.accounts import Asked, Ended
from routercore.values.errors import LedgerUnavailableError
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import ImageRequest, ImageResult
from routercore.values.leases import Mark
from routercore.values.ledger import (
    ROUTER,
    Account,
    Budget,
    Cap,
    Hold,
    Kind,
    LedgerStepError,
    OverBudgetError,
    Scope,
    Step,
    Sweep,
    micros,
)
from routercore.values.money import estimate

SWEEP_EVERY = timedelta(seconds=60)
COMPLETED = "completed"
"""How a request ended that brought something."""


class LateCollector(Protocol):
    """Who goes on with accepted jobs once their request has ended."""

    @property
    def is_collecting_late(self) -> bool:
        """Whether anybody waits for them."""
        ...

    def late(self, attempt: str) -> None:
        """Go on with one, if so."""
        ...


class Books:
    """What the money of every request goes through."""

    def __init__(
        self, setup: RouterSetup, ledger: Ledger, *, clock: Clock, observers: Observers
    ) -> None:
        self.setup, self.ledger, self.clock, self.observers = setup, ledger, clock, observers
        self.provider_budgets: Mapping[str, Budget | None] = {
            provider.name: provider.budget for provider in setup.providers
        }
        # Ids of attempts decide nothing, so they need not come from the injected random source.
        self._name, self._numbers = uuid.uuid4().hex[:12], count(1)
        self._next_sweep: datetime | None = None
        self.collector: LateCollector | None = None

    def open(
        self, request: ImageRequest, caller: Caller, request_id: str, deadline: float
    ) -> RequestBook:
        """The book of one request, which nothing is written into yet."""
        return RequestBook(self, request, caller, clean(request_id), deadline)

    def hand_over(self, attempt: str, *, is_called_off: bool = False) -> None:
        """Leave a job to whoever collects, and go on with it here if anybody takes it over."""
        self.ledger.note(Mark(attempt=attempt, leased_until=self.clock.now()))
        if self.collector is not None and not is_called_off:
            self.collector.late(attempt)

    def end(self, ended: Ended, undelivered: Sequence[str], is_kept: bool) -> None:
        """Write down how a request ended, and let jobs be collected whose pictures nobody has."""
        if ended.status == COMPLETED and not is_kept:
            ended = replace(ended, status="cancelled", target=None, images=0)
        for attempt in undelivered:
            self.part(attempt, is_delivered=is_kept)
        self.ledger.note(ended)

    def part(self, attempt: str, *, is_delivered: bool) -> None:
        """Be done with a job that is paid for, or leave it to others."""
        if is_delivered:
            self.ledger.note(Mark(attempt=attempt, is_done=True))
        else:
            self.hand_over(attempt)

    def unique(self, name: str) -> str:
        """A name that no other attempt has or had, whatever id its caller chose."""
        return f"{name}.{self._name}{next(self._numbers)}"

    def sweep_at_times(self, now: datetime) -> None:
        """Have the ledger swept, if that was some time ago."""
        if self._next_sweep is None or now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            keep = self.setup.ledger.retention
            before = None if keep is None else now - timedelta(seconds=keep)
            self.ledger.note(Sweep(now=now, forget_before=before))


class RequestBook:
    """The money of one request, and its line in the log."""

    def __init__(
        self, books: Books, request: ImageRequest, caller: Caller, id: str, deadline: float
    ) -> None:
        self.books, self.request, self.caller, self.id = books, request, caller, id
        self.began = books.clock.monotonic()
        self.expires = books.clock.now() + timedelta(seconds=deadline - self.began + GRACE)
        self.watch = Watch()
        self._is_begun = self._is_ended = False
        self._undelivered: list[str] = []

    def begin(self) -> None:
        """Write down what is asked for."""
        self._is_begun = True
        request, books = self.request, self.books
        now = books.clock.now()
        books.sweep_at_times(now)
        user = request.safety_identifier or request.user
        prompt = books.setup.ledger.prompts.kept(request.prompt)
        books.ledger.note(
            Asked(
                request=self.id, caller=self.caller.name, model=clean(request.model),
                operation=request.operation.value, n=request.n, at=now,
                size=None if request.size is None else str(request.size),
                quality=request.quality and clean(request.quality),
                prompt=prompt and clean(prompt), user=user and clean(user),
            )
        )  # fmt: skip

    def end(self, status: str, *, code: str | None = None, result: ImageResult | None = None,
            ) -> None:  # fmt: skip
        """Write down how it ended, if it had begun; a result, once whoever watches has kept it."""
        self._is_ended = True
        if not self._is_begun:
            return
        clock = self.books.clock
        ended = Ended(
            request=self.id, at=clock.now(), status=status, code=code,
            target=result.target if result else None,
            images=len(result.images) if result else 0,
            seconds=round(clock.monotonic() - self.began, 3),
            cache=result.cache if result else None,
        )  # fmt: skip
        end = partial(self.books.end, ended, tuple(self._undelivered))
        if result is not None and self.watch.keeps_result:
            self.watch.on_kept = end
        else:
            end(result is not None)

    def paid(self, attempt: str) -> None:
        """A job's pictures are there, and paid for; they can be collected until this has ended."""
        if self._is_ended:  # Its work went on for others who asked for the same.
            self.books.part(attempt, is_delivered=True)
        else:
            self._undelivered.append(attempt)

    def booking(self, candidate: Candidate, n: int, name: str, contact: Contact) -> Booking:
        """The money of one call for ``n`` images; enter it before anything is sent."""
        self.watch.contacts.append(contact)
        return Booking(self, candidate, n, self.books.unique(clean(name)), contact)

    def caps(self, provider: str) -> list[Cap]:
        """Every budget that a call at a provider is under."""
        budgets = {
            Account(Scope.KEY, self.caller.name): self.caller.budget,
            Account(Scope.PROVIDER, provider): self.books.provider_budgets.get(provider),
            ROUTER: self.books.setup.budget,
        }
        return [Cap(account, budget) for account, budget in budgets.items() if budget is not None]


class Booking:
    """The money of one call: held on entering, and settled on leaving if it was not before."""

    def __init__(
        self, book: RequestBook, candidate: Candidate, n: int, attempt: str, contact: Contact
    ) -> None:
        self._book, self._candidate, self._n = book, candidate, n
        self._id, self._contact = attempt, contact
        self._ledger, self._clock = book.books.ledger, book.books.clock
        self._began = self._clock.monotonic()
        self._is_settled = self._has_ticket = False

    async def __aenter__(self) -> Self:
        """Set the worst case aside.

        Raises:
            ProviderFailed: ``over_budget``, or nobody knows the price and a budget is in force.
            LedgerUnavailableError: nothing can be written, so nothing may be sent.
        """
        caps = self._book.caps(self._candidate.target.provider)
        hold = self._hold(has_budget=bool(caps))
        try:
            await self._ledger.reserve(hold, caps)
        except OverBudgetError as error:
            failure = Failure(fault=Fault.OVER_BUDGET, message=str(error))
            raise ProviderFailed(failure) from error
        except BaseException:  # Also a cancellation: undo what may be written, and pass it on.
            self._ledger.note(self._step(Kind.VOIDED, reason="it was given up while it was held"))
            raise
        return self

    async def dispatched(self) -> None:
        """Write down that the first byte leaves now.

        Raises:
            LedgerUnavailableError: it cannot be written, so nothing may be sent.
        """
        await self._ledger.write(self._step(Kind.DISPATCHED))

    async def accepted(self, ticket: Ticket) -> None:
        """Write down what the job of this call can be collected by, should this process not.

        Never raises: the picture is being made, and must not be lost for a line in a book.
        """
        name, providers = self._candidate.target.provider, self._book.books.setup.providers
        setup = next(one for one in providers if one.name == name)
        try:
            if not isinstance(setup.provider, Resumes):
                raise TicketError("its provider cannot resume a job")
            mark = Mark(attempt=self._id, ticket=written(ticket, setup.keys))
        except TicketError as error:
            self._tell("job.not_kept", reason=str(error))
            return
        self._has_ticket = True
        try:
            await self._ledger.mark(mark)
        except (LedgerUnavailableError, LedgerStepError) as error:
            self._tell("ledger.failed", error=str(error)[:200])
            self._ledger.note(mark)
        await self._book.watch.accepted()

    async def settle(self, outcome: CallOutcome) -> None:
        """Post what the call cost, or what is known of that."""
        self._is_settled = True
        seconds = self._clock.monotonic() - self._began
        step = settlement(self._id, outcome, at=self._clock.now(), seconds=seconds)
        step = self._still_collectable(step, outcome)
        if self._has_ticket and outcome.images:
            step = replace(step, keeps_ticket=True)
        if step.kind is Kind.VOIDED:
            self._book.watch.forget(self._contact)
        try:
            attempt = await self._ledger.write(step)
        except (LedgerUnavailableError, LedgerStepError) as error:
            # The picture is there and paid for: it must not be lost for a line in a book. Its
            # money stays held, and is suspect once the hold expires.
            self._tell("ledger.failed", error=str(error)[:200])
            self._ledger.note(step)
            return
        finally:
            self._part(step, is_there=bool(outcome.images))
        if attempt.overage:
            self._tell("ledger.overage", held_micros=attempt.hold.micros,
                       posted_micros=attempt.last.micros)  # fmt: skip

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_settled:
            return
        why = "" if error is None else f"{type(error).__name__} before its end"
        never_left = self._contact.phase is Phase.NOT_SENT and not self._has_ticket
        step = self._step(Kind.VOIDED if never_left else Kind.SUSPECT, reason=why)
        self._ledger.note(step)
        self._part(step, is_there=False)

    def _still_collectable(self, step: Step, outcome: CallOutcome) -> Step:
        """A picture that was made and not fetched is no loss yet where somebody goes on trying."""
        failure, collector = outcome.failure, self._book.books.collector
        is_unfetched = failure is not None and failure.fault is Fault.RESULT_UNAVAILABLE
        may_come = self._has_ticket and collector and collector.is_collecting_late
        if step.kind is Kind.POSTED and is_unfetched and may_come and not outcome.images:
            return replace(step, kind=Kind.SUSPECT, reason="its picture is still to be fetched")
        return step

    def _part(self, step: Step, *, is_there: bool) -> None:
        """Leave a job that this request no longer waits for to whoever collects."""
        if self._has_ticket and is_there:
            self._book.paid(self._id)
        elif self._has_ticket and step.kind is Kind.SUSPECT:
            self._book.books.hand_over(self._id, is_called_off=self._contact.is_called_off)

    def _hold(self, *, has_budget: bool) -> Hold:
        candidate, book = self._candidate, self._book
        request = replace(candidate.request, n=self._n)
        high = estimate(candidate.target.card, request).high
        amount = self._price_unknown(has_budget) if high is None else high
        return Hold(
            attempt=self._id, request=book.id, caller=book.caller.name,
            provider=candidate.target.provider, model=clean(candidate.target.card.name),
            target=clean(candidate.name), micros=micros(amount), at=self._clock.now(),
            expires=book.expires, n=self._n, is_priced=high is not None,
        )  # fmt: skip

    def _price_unknown(self, has_budget: bool) -> Decimal:
        """What is set aside where nobody knows the price.

        Raises:
            ProviderFailed: a budget is in force, and the configuration lays nothing down.
        """
        laid_down = self._book.books.setup.ledger.unknown_price
        if laid_down is not None:
            return laid_down * self._n
        if not has_budget:
            return Decimal(0)
        message = (
            f"the price of {self._candidate.name!r} is unknown and a budget is in force;"
            " [ledger] unknown_price says what such an image counts for"
        )
        raise ProviderFailed(
            Failure(fault=Fault.OVER_BUDGET, message=message, code="price_unknown")
        )

    def _step(self, kind: Kind, *, reason: str = "") -> Step:
        return Step(attempt=self._id, kind=kind, at=self._clock.now(), reason=reason)

    def _tell(self, name: str, **fields: object) -> None:
        books = self._book.books
        books.observers.emit(name, self._book.id, target=self._candidate.name, **fields)
