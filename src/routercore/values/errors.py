"""Errors that callers see, each with its HTTP status, type, code and what to do.

RouterError
├── ConfigError            the configuration is wrong; lists every mistake
├── PluginError            two plugins claim one name, or a needed one is broken
├── RequestError           400: the request itself is wrong
│   ├── ModelNotFoundError 404: nobody serves the model
│   └── UnsupportedError   400: nobody who serves the model can do this request
├── RefusedError           400: content policy, moderation_blocked
├── LimitError             429: a limit of this router
├── BudgetError            402: a budget of this router
├── LedgerUnavailableError 503: the ledger cannot be written, so nothing is spent
└── AttemptsFailedError    502, 503, 504 or 429: every attempt failed
"""

from __future__ import annotations

from collections.abc import Sequence

from routercore.values.check import Rejection
from routercore.values.events import AttemptRecord
from routercore.values.limits import Admission


class RouterError(Exception):
    """The root; never raised itself."""

    status = 500
    type = "server_error"
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    """Seconds; whole ones go into the header."""
    may_retry: bool | None = None
    """``False`` where sending the same request again could pay twice or cannot help."""
    attempts: tuple[AttemptRecord, ...] = ()
    """Those that were made before it, first to last."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if param is not None:
            self.param = param
        if code is not None:
            self.code = code


class ConfigError(RouterError):
    """The configuration is wrong. ``problems`` has every mistake with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PluginError(RouterError):
    """Plugins cannot be used as they are."""


class RequestError(RouterError):
    """The request is wrong; ``param`` names the field."""

    status = 400
    type = "invalid_request_error"
    may_retry = False


class ModelNotFoundError(RequestError):
    """No enabled provider serves the model."""

    status = 404
    code = "model_not_found"
    param = "model"


class UnsupportedError(RequestError):
    """The model is served, and no target can do this request.

    ``rejections`` maps each target to the reasons that excluded it.
    """

    code = "unsupported_by_all_targets"

    def __init__(self, message: str, rejections: dict[str, tuple[Rejection, ...]]) -> None:
        params = {reason.param for reasons in rejections.values() for reason in reasons}
        super().__init__(message, param=params.pop() if len(params) == 1 else None)
        self.rejections = rejections


class LimitError(RouterError):
    """A limit of this router's own; ``retry_after`` says when there is room.

    ``admission`` has what is left of each limit, where the limit is a caller's.
    """

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after: float, param: str | None = None,
                 admission: Admission | None = None) -> None:  # fmt: skip
        super().__init__(message, param=param)
        self.retry_after = retry_after
        self.admission = admission


class BudgetError(RouterError):
    """A budget of this router is used up."""

    status = 402
    type = "insufficient_quota"
    code = "budget_exceeded"
    may_retry = False


class LedgerUnavailableError(RouterError):
    """The ledger cannot be reached; without it nothing is sent that costs money."""

    status = 503
    type = "service_unavailable_error"
    code = "ledger_unavailable"
    retry_after = 1.0


class _Attempted(RouterError):
    """Has attempts to show."""

    def __init__(self, message: str, attempts: Sequence[AttemptRecord], *,
                 code: str | None = None) -> None:  # fmt: skip
        super().__init__(message, code=code)
        self.attempts = tuple(attempts)


class RefusedError(_Attempted):
    """A provider's content policy refused; ``categories`` are the vendor's words."""

    status = 400
    type = "image_generation_user_error"
    code = "moderation_blocked"
    may_retry = False

    def __init__(self, message: str, attempts: Sequence[AttemptRecord], *,
                 categories: Sequence[str] = (), stage: str = "unknown") -> None:  # fmt: skip
        super().__init__(message, attempts)
        self.categories = tuple(categories)
        self.stage = stage


class AttemptsFailedError(_Attempted):
    """Every attempt failed. ``attempts`` has them all.

    ``is_lasting`` where it takes a person to mend what was wrong, such as the router's key at a
    provider: clients had better not ask again within a minute, although it would cost nothing.
    """

    status = 502
    type = "upstream_error"
    code = "upstream_failed"

    def __init__(self, message: str, attempts: Sequence[AttemptRecord], *, status: int,
                 code: str, retry_after: float | None, may_retry: bool | None,
                 is_lasting: bool = False) -> None:  # fmt: skip
        super().__init__(message, attempts, code=code)
        self.is_lasting = is_lasting
        self.status = status
        self.retry_after = retry_after
        self.may_retry = may_retry
