"""Rungs for vendors that need no flow of their own: one exchange, or a job that is polled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from routercore.provider.auth import Auth
from routercore.provider.classify import classify_openai
from routercore.provider.flow import Flow, accepted, call, fail, progress, wait
from routercore.provider.http import HttpRequest, HttpResponse, get
from routercore.provider.options import Option, wrong_options
from routercore.provider.reading import text_at
from routercore.provider.spec import API_VERSION
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import Generated, Task

PATIENT_FAULTS = frozenset(
    {Fault.NOT_SENT, Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.REPLY_LOST, Fault.REPLY_CUT,
     Fault.SERVER_ERROR, Fault.GATEWAY, Fault.REQUEST_TIMEOUT}
)  # fmt: skip
"""What a poll survives: the job goes on whatever became of the question."""
LOST_JOB_POLLS = 3
"""How often a job may be unknown to the vendor before it is given up."""
MAX_POLL_WAIT = 15.0
COLLECT_TRIES = 8
"""How often a finished job's result is asked for: over about a minute."""
TURNED_AWAY = frozenset(
    {Fault.UNAUTHENTICATED, Fault.FORBIDDEN, Fault.QUOTA, Fault.INVALID_REQUEST,
     Fault.UNSUPPORTED, Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.NOT_SENT}
)  # fmt: skip
"""Faults that cost nothing at a submit, and say nothing about money at a poll."""


class OneShot:
    """A provider of one exchange: ``build`` the request, ``parse`` the answer.

    Convenience, not obligation: anything with the members of
    :class:`~routercore.provider.spec.Provider` is a provider.
    """

    name: str
    api_version: int = API_VERSION
    auth: Auth
    origins: tuple[str, ...]
    own_options: ClassVar[Mapping[str, Option]] = {}
    """What it reads of a task's options itself; all others are the vendor's."""

    def build(self, task: Task) -> HttpRequest:
        """The request that does the task."""
        raise NotImplementedError

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        """The images in a successful answer; raise :func:`fail` or :func:`refused` otherwise."""
        raise NotImplementedError

    def generate(self, task: Task) -> Flow[Generated]:
        response = yield from call(self.build(task))
        return self.parse(task, response)

    def classify(self, response: HttpResponse) -> Failure:
        return classify_openai(response)

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What a configuration gives for ``own_options`` and cannot be right."""
        return wrong_options(self.own_options, options)


class JobState(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    REFUSED_RESULT = "refused_result"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What a poll said."""

    state: JobState
    message: str = ""
    fraction: float | None = None
    categories: tuple[str, ...] = ()
    code: str | None = None
    """The vendor's own word for what went wrong."""
    charge: Charge | None = None
    """What the vendor bills for a job that ended so; ``None`` leaves it to the fault's default."""


class Job:
    """A provider of polled jobs: ``build``, ``handle``, ``status``, ``parse``.

    A failed poll is asked again and never becomes a new submit. A state that the vendor has not
    documented counts as pending, because giving up on it would lose a paid picture. A provider
    whose vendor can call a job off adds ``cancel``, see
    :class:`~routercore.provider.spec.Cancels`.
    """

    name: str
    api_version: int = API_VERSION
    auth: Auth
    origins: tuple[str, ...]
    own_options: ClassVar[Mapping[str, Option]] = {}
    """What it reads of a task's options itself; all others are the vendor's."""
    poll_every: float = 1.0
    """Seconds between polls."""

    def build(self, task: Task) -> HttpRequest:
        """The request that submits the job."""
        raise NotImplementedError

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        """JSON by which the accepted job can be found again, also by another process.

        It holds all that ``poll``, ``collect`` and ``parse`` will need, and no credential: whoever
        resumes may know no more of the task than its card. :func:`named_job` reads the job's name.
        """
        raise NotImplementedError

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        """The request that asks how the job stands: a GET of the URL that ``handle`` calls
        ``poll``, unless you say otherwise."""
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        """How the job stands, total over everything that the vendor may say."""
        raise NotImplementedError

    def stands(self, handle: Mapping[str, Any], response: HttpResponse) -> JobStatus:
        """How the job of ``handle`` stands, where a vendor's answer alone does not say it."""
        return self.status(response)

    def collect(self, handle: Mapping[str, Any], response: HttpResponse) -> HttpRequest | None:
        """One more request for the result, or ``None`` where the last poll brought it."""
        return None

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        """The images in the finished job's answer."""
        raise NotImplementedError

    def classify(self, response: HttpResponse) -> Failure:
        return classify_openai(response)

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What a configuration gives for ``own_options`` and cannot be right."""
        return wrong_options(self.own_options, options)

    def answers_at_once(self, task: Task) -> bool:
        """Whether this task is no job: the answer to ``build`` is given to ``parse``, with an empty
        handle. For vendors of both kinds."""
        return False

    def submit(self, task: Task) -> Flow[HttpResponse]:
        """Begin the job; for vendors that want pictures uploaded first, more than one exchange."""
        return (yield from call(self.build(task)))

    def generate(self, task: Task) -> Flow[Generated]:
        response = yield from self.submit(task)
        if self.answers_at_once(task):
            return self.parse(task, {}, response)
        handle = self.handle(task, response)
        yield from accepted(handle)
        return (yield from self.resume(task, handle))

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        try:
            response = yield from self._finished(handle)
            follow = self.collect(handle, response)
            if follow is not None:
                response = yield from patiently(follow, tries=COLLECT_TRIES)
        except ProviderFailed as error:
            raise _after_work(error) from error
        return self.parse(task, handle, response)

    def _finished(self, handle: Mapping[str, Any]) -> Flow[HttpResponse]:
        lost = 0
        while True:
            yield from wait(self.poll_every)
            try:
                response = yield from patiently(self.poll(handle))
                status = self.stands(handle, response)
                if status.state is JobState.DONE:
                    return response
            except ProviderFailed as error:
                if error.failure.fault is not Fault.MODEL_NOT_FOUND:
                    raise
                status = JobStatus(JobState.LOST, error.failure.message)
            lost = lost + 1 if status.state is JobState.LOST else 0
            if status.state is not JobState.PENDING and lost in (0, LOST_JOB_POLLS):
                raise ended(status)
            yield from progress(status.fraction, status.message)


def patiently(request: HttpRequest, *, tries: int | None = None) -> Flow[HttpResponse]:
    """Make a free call until it is answered, waiting longer each time.

    Args:
        request: a request that costs nothing to repeat.
        tries: how often to ask at most; without it, the deadline alone ends the asking.
    """
    delay = 1.0
    while True:
        try:
            return (yield from call(request))
        except ProviderFailed as error:
            tries = tries - 1 if tries is not None else None
            if error.failure.fault not in PATIENT_FAULTS or tries == 0:
                raise
            yield from wait(max(delay, error.failure.retry_after or 0.0))
            delay = min(delay * 2, MAX_POLL_WAIT)


_ENDS = {
    JobState.FAILED: Fault.JOB_FAILED,
    JobState.REFUSED: Fault.REFUSED,
    JobState.REFUSED_RESULT: Fault.REFUSED_RESULT,
    JobState.LOST: Fault.JOB_LOST,
}


def ended(status: JobStatus) -> ProviderFailed:
    """The failure that a job's last status stands for."""
    message = status.message or f"the job ended as {status.state}"
    return fail(_ENDS[status.state], message, categories=status.categories, code=status.code,
                charge=status.charge)  # fmt: skip


def named_job(response: HttpResponse, *path: str | int) -> str:
    """The name of a job, at ``path`` in the answer to its submit.

    Raises:
        ProviderFailed: :func:`unnamed_job`, where there is none.
    """
    name = text_at(response.object(), *path)
    if name is None:
        raise unnamed_job(response)
    return name


def unnamed_job(response: HttpResponse) -> ProviderFailed:
    """The failure of a submit that succeeded without saying which job it began.

    The vendor may be at work on it, so that it must not be submitted a second time unknowingly.
    """
    return fail(Fault.REPLY_CUT, f"the answer names no job: {response.text[:200]}",
                status=response.status)  # fmt: skip


def _after_work(error: ProviderFailed) -> ProviderFailed:
    """A poll that is turned away says nothing of the job, which may be done and billed."""
    if error.failure.fault not in TURNED_AWAY or error.failure.charge is not None:
        return error
    return ProviderFailed(replace(error.failure, charge=Charge.UNKNOWN))
